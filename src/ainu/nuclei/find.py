"""Where the nuclei are: from the density of localizations, drawn outlines, a label image, or a column of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ainu.errors import AinuError
from ainu.hdf5 import open_sample, write_array
from ainu.localizations.table import Localizations, load
from ainu.nuclei.manual_outlines import read_labels, read_rois
from ainu.nuclei.orientation import Pose
from ainu.nuclei.segmentation import closed, segment, solidity
from ainu.shards import write_shard

METHODS = ("density", "roi", "labels", "column", "whole")


_NOWHERE = Localizations(np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, np.uint8), channels=())


@dataclass(frozen=True)
class Grid:
    """A raster over the field: (x, y) of the corner of pixel (0, 0) and the pixel's edge, nm; shape (Y, X)."""

    x_nm: float
    y_nm: float
    pixel_nm: float
    shape: tuple[int, int]

    @classmethod
    def around(cls, localizations: Localizations, pixel_nm: float, margin: int = 3) -> Grid:
        """The raster that covers all localizations, with some empty pixels around."""
        low = np.floor([localizations.x.min() / pixel_nm, localizations.y.min() / pixel_nm]).astype(int) - margin
        high = np.floor([localizations.x.max() / pixel_nm, localizations.y.max() / pixel_nm]).astype(int) + margin + 1
        columns, rows = (int(n) for n in high - low)
        if columns * rows > 100_000_000:
            raise AinuError(
                f"nuclei.pixel_nm: {pixel_nm:g} makes a raster of {columns} x {rows} pixels; take a larger pixel"
            )
        return cls(float(low[0] * pixel_nm), float(low[1] * pixel_nm), pixel_nm, (rows, columns))

    def index(self, localizations: Localizations) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of the pixel of each localization, clipped to the raster."""
        row = ((localizations.y - self.y_nm) / self.pixel_nm).astype(np.intp)
        column = ((localizations.x - self.x_nm) / self.pixel_nm).astype(np.intp)
        return np.clip(row, 0, self.shape[0] - 1), np.clip(column, 0, self.shape[1] - 1)

    def look_up(self, mask: NDArray[Any], localizations: Localizations) -> NDArray[np.int64]:
        """(n,) value of a raster under each localization, 0 beyond it."""
        column = (localizations.x - self.x_nm) / self.pixel_nm
        row = (localizations.y - self.y_nm) / self.pixel_nm
        within = (row >= 0) & (row < self.shape[0]) & (column >= 0) & (column < self.shape[1])
        return np.where(within, mask[self.index(localizations)], 0).astype(np.int64)

    def count(self, localizations: Localizations) -> NDArray[np.float32]:
        """(Y, X) localizations per pixel."""
        flat = np.ravel_multi_index(self.index(localizations), self.shape)
        return np.bincount(flat, minlength=self.shape[0] * self.shape[1]).reshape(self.shape).astype(np.float32)


@dataclass(frozen=True)
class Nuclei:
    """Nuclei of one field.

    Attributes
    ----------
    label : (n,) uint16
        Nucleus of each localization, 0 outside.
    table : DataFrame
        One row per nucleus: `nucleus` (its label), `x_nm`, `y_nm` (centroid), `area_um2`, `solidity` (area over that
        of the convex hull), `roundness` (4 pi area / perimeter²), `localizations`, `border` (cut by the edge of the
        field), `reach_nm` and `aligned_reach_nm` (half the edge of the square that holds it, as it lies and turned
        to its long axis).
    mask : (Y, X) uint16
        Label image.
    grid : Grid
        Where the label image lies.
    """

    label: NDArray[np.uint16]
    table: pd.DataFrame
    mask: NDArray[np.uint16]
    grid: Grid


def find_nuclei(
    localizations: Localizations,
    *,
    method: str = "density",
    channel: str | None = None,
    column: str | None = None,
    rois: Sequence[NDArray[Any]] = (),
    labels: tuple[NDArray[Any], float] | None = None,
    pixel_nm: float = 100.0,
    smooth_nm: float = 250.0,
    area_um2: Sequence[float | None] = (20, 400),
    solidity: Sequence[float | None] = (None, None),
    roundness: Sequence[float | None] = (None, None),
    min_localizations: int = 500,
    border: str = "keep",
    keep: NDArray[np.bool_] | None = None,
) -> Nuclei:
    """Find the nuclei of a field.

    Parameters
    ----------
    localizations : Localizations
        Drift-corrected, (n,).
    method : str
        "density": regions denser than half of what is near, nucleoli inside, touching nuclei parted
        (`ainu.segmentation`); "roi": the given outlines; "labels": the given label image; "column": a segmentation
        that the table carries, 0 or less outside; "whole": everything is one nucleus.
    channel : str, optional
        The channel that shows the nuclei; None: all together.
    column : str, optional
        For "column": the name of the extra column.
    rois : sequence of (m, 2) arrays
        For "roi": outlines in nm.
    labels : (Y, X) integers and float, optional
        For "labels": the image (0 outside; its corner is the origin of the positions), and its pixel in nm.
    pixel_nm, smooth_nm : float
        Pixel of the label image, spread (sd) of the smoothing.
    area_um2, solidity, roundness : (lowest, highest)
        Nuclei outside are dropped.
    min_localizations : int
        Nuclei with fewer (kept) localizations are dropped.
    border : str
        "keep" or "drop" nuclei that the edge of the field cuts.
    keep : (n,) bool, optional
        Which localizations count: dropped ones get a label but do not decide where nuclei are.

    Returns
    -------
    Nuclei
        Numbered from 1, from top to bottom of the field.

    Raises
    ------
    AinuError
        For an unknown method, channel or column.
    """
    if method not in METHODS:
        raise AinuError(f"nuclei.method: {method!r} is not one of {', '.join(METHODS)}")
    keep = np.ones(len(localizations), bool) if keep is None else keep
    if not keep.any():
        return _none(len(localizations), pixel_nm)
    kept = localizations[keep]
    if method == "labels" and labels is not None:
        mask, grid = labels[0].astype(np.int64), Grid(0.0, 0.0, labels[1], labels[0].shape[:2])
    else:
        grid = Grid.around(localizations, pixel_nm)
        seen = kept if channel is None else kept.of_channel(channel)
        mask = _drawn(method, seen, rois, grid, smooth_nm, area_um2[0])
    if method in ("column", "whole"):
        label = _column_label(localizations, column) if method == "column" else np.ones(len(localizations), np.int64)
        mask = _cover(kept, label[keep], grid, smooth_nm / pixel_nm)
    else:
        label = grid.look_up(mask, localizations)
    table = _measure(kept, label[keep], mask, grid)
    limits = {"area_um2": area_um2, "solidity": solidity, "roundness": roundness}
    chosen = _acceptable(table, limits | {"localizations": (min_localizations, None)})
    if border == "drop":
        chosen &= ~table["border"]
    return _renumbered(label, table[chosen], mask, grid)


def _drawn(
    method: str, seen: Localizations, rois: Sequence[NDArray[Any]], grid: Grid, smooth_nm: float, least: float | None
) -> NDArray[np.int64]:
    """Label image from the density or from outlines; empty for other methods."""
    if method == "density":
        return segment(grid.count(seen), grid.pixel_nm, smooth_nm, least)
    return _roi_mask(rois, grid)


def _none(n: int, pixel_nm: float) -> Nuclei:
    """No nucleus among n localizations."""
    mask, label = np.zeros((1, 1), np.uint16), np.zeros(n, np.uint16)
    grid = Grid(0.0, 0.0, pixel_nm, (1, 1))
    return Nuclei(label, _measure(_NOWHERE, np.zeros(0, np.int64), mask, grid), mask, grid)


def _roi_mask(rois: Sequence[NDArray[Any]], grid: Grid) -> NDArray[np.int64]:
    from skimage.draw import polygon

    mask = np.zeros(grid.shape, np.int64)
    for number, outline in enumerate(rois, start=1):
        rows, columns = polygon(
            (outline[:, 1] - grid.y_nm) / grid.pixel_nm - 0.5,
            (outline[:, 0] - grid.x_nm) / grid.pixel_nm - 0.5,
            grid.shape,
        )
        mask[rows, columns] = number
    return mask


def _column_label(localizations: Localizations, column: str | None) -> NDArray[np.int64]:
    if column not in localizations.extra:
        there = ", ".join(localizations.extra) or "none"
        raise AinuError(f"nuclei.column: the table has no column {column!r}; columns of its own: {there}")
    values = np.nan_to_num(localizations.extra[column].astype(np.float64), nan=0.0)
    return np.maximum(np.rint(values), 0).astype(np.int64)


def _cover(localizations: Localizations, label: NDArray[np.int64], grid: Grid, reach_px: float) -> NDArray[np.int64]:
    """A label image for labelled localizations: gaps up to twice the reach are closed, holes filled."""
    rows, columns = grid.index(localizations)
    mask = np.zeros(grid.shape, np.int64)
    reach = max(round(reach_px), 1)
    mask[rows, columns] = label
    for number, box in enumerate(ndimage.find_objects(mask), start=1):
        if box is None:
            continue
        own = np.pad(mask[box] == number, reach + 1)
        filled = ndimage.binary_fill_holes(closed(own, reach))[reach + 1 : -reach - 1, reach + 1 : -reach - 1]
        mask[box] = np.where(filled & (mask[box] == 0), number, mask[box])
    return mask


def _measure(localizations: Localizations, label: NDArray[Any], mask: NDArray[Any], grid: Grid) -> pd.DataFrame:
    order = np.argsort(label, kind="stable")
    found, starts = np.unique(label[order], return_index=True)
    parts = np.split(order, starts[1:])
    boxes = ndimage.find_objects(mask)
    rows = [
        {"nucleus": int(number)}
        | _place(localizations.x[part], localizations.y[part])
        | _shape(mask, boxes, int(number), grid.pixel_nm)
        for number, part in zip(found, parts, strict=False)  # no label: one empty part
        if number > 0
    ]
    table = pd.DataFrame(rows, columns=list(TABLE))
    return table.assign(border=_cut_off(mask, table, grid, localizations)).astype(TABLE)


TABLE = {
    "nucleus": np.int64,
    "x_nm": np.float64,
    "y_nm": np.float64,
    "area_um2": np.float64,
    "solidity": np.float64,
    "roundness": np.float64,
    "localizations": np.int64,
    "border": np.bool_,
    "reach_nm": np.float64,
    "aligned_reach_nm": np.float64,
}
"""Columns of the table of nuclei."""


def _place(x: NDArray[np.float32], y: NDArray[np.float32]) -> dict[str, float]:
    pose = Pose.of(x, y)
    return {
        "x_nm": pose.x_nm,
        "y_nm": pose.y_nm,
        "localizations": len(x),
        "reach_nm": replace(pose, angle_rad=0.0).reach_nm(x, y),
        "aligned_reach_nm": pose.reach_nm(x, y),
    }


def _shape(mask: NDArray[Any], boxes: list[Any], number: int, pixel_nm: float) -> dict[str, float]:
    from skimage.measure import perimeter_crofton

    box = boxes[number - 1] if number <= len(boxes) else None
    if box is None:
        return {"area_um2": 0.0, "solidity": 0.0, "roundness": 0.0}
    own = mask[box] == number
    area = np.count_nonzero(own)
    roundness = 4 * np.pi * area / perimeter_crofton(np.pad(own, 1)) ** 2
    return {"area_um2": area * pixel_nm**2 / 1e6, "solidity": solidity(own), "roundness": min(roundness, 1.0)}


def _cut_off(mask: NDArray[Any], table: pd.DataFrame, grid: Grid, localizations: Localizations) -> NDArray[np.bool_]:
    """Which nuclei the field's edge cuts: they run along it for two fifths of their diameter; a round one that only
    touches it does not."""
    if not len(localizations):
        return np.zeros(len(table), bool)
    rows, columns = grid.index(localizations)
    inner = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    depth = [min(1, n - 1) for n in inner.shape]
    sides = (inner[depth[0]], inner[-1 - depth[0]], inner[:, depth[1]], inner[:, -1 - depth[1]])
    size = int(max(mask.max(initial=0), table["nucleus"].max() if len(table) else 0)) + 1
    contact = np.max([np.bincount(side, minlength=size) for side in sides], axis=0)[table["nucleus"].astype(int)]
    diameter = 2 * np.sqrt(table["area_um2"].to_numpy(float) * 1e6 / np.pi) / grid.pixel_nm
    return contact > 0.4 * diameter


def _acceptable(table: pd.DataFrame, limits: Mapping[str, Sequence[float | None]]) -> pd.Series:
    chosen = pd.Series(True, index=table.index)
    for column, (low, high) in limits.items():
        chosen &= (table[column] >= (-np.inf if low is None else low)) & (
            table[column] <= (np.inf if high is None else high)
        )
    return chosen


def _renumbered(label: NDArray[Any], table: pd.DataFrame, mask: NDArray[Any], grid: Grid) -> Nuclei:
    if len(table) > np.iinfo(np.uint16).max:
        raise AinuError(f"{len(table)} nuclei in one field; at most {np.iinfo(np.uint16).max} can be told apart")
    table = table.sort_values(["y_nm", "x_nm"], ignore_index=True)
    new = np.zeros(int(max(label.max(initial=0), mask.max(initial=0))) + 1, np.uint16)
    new[table["nucleus"].to_numpy()] = np.arange(1, len(table) + 1)
    table = table.assign(nucleus=np.arange(1, len(table) + 1))
    return Nuclei(new[label], table, new[mask], grid)


def outlines(mask: NDArray[np.uint16], grid: Grid) -> list[NDArray[np.float64]]:
    """Outline, (m, 2) in nm, of each nucleus of a label image."""
    from skimage.measure import find_contours

    found = []
    for number in range(1, int(mask.max(initial=0)) + 1):
        contours = find_contours(np.pad(mask == number, 1).astype(float), 0.5)
        longest = max(contours, key=len)[:, ::-1] - 0.5
        found.append(longest * grid.pixel_nm + [grid.x_nm, grid.y_nm])
    return found


def find_shard(
    inputs: Mapping[str, str],
    output: str | Path,
    samples: list[str],
    settings: Mapping[str, Any],
    rois: Mapping[str, tuple[str, float]],
    threads: int = 1,
) -> None:
    """Find the nuclei of a shard's samples; `inputs` are the shard's raw, drift and quality files.

    `rois` gives the ROI file or label image of a sample and the pixel (nm) of the image.
    """
    work = partial(_find_sample, dict(inputs), dict(settings), dict(rois))
    write_shard(output, samples, work, threads=threads, title="find_nuclei")


def _find_sample(
    inputs: dict[str, str],
    settings: dict[str, Any],
    rois: dict[str, tuple[str, float]],
    sample: str,
    group: h5py.Group,
) -> None:
    with open_sample(inputs["quality"], sample) as quality:
        keep = quality["reason"][()] == 0
    given: dict[str, Any] = {}
    if sample in rois:
        given = (
            {"labels": read_labels(*rois[sample])}
            if settings["method"] == "labels"
            else {"rois": read_rois(*rois[sample])}
        )
    table = load(inputs["raw"], sample, drift=inputs["drift"])
    nuclei = find_nuclei(table, **settings, **given, keep=keep)
    write_array(group, "label", nuclei.label)
    write_array(group, "mask", nuclei.mask)
    group["mask"].attrs.update(x_nm=nuclei.grid.x_nm, y_nm=nuclei.grid.y_nm, pixel_nm=nuclei.grid.pixel_nm)
    columns = group.create_group("table")
    for name, values in nuclei.table.items():
        write_array(columns, str(name), values.to_numpy())


def read_nuclei(path: str | Path, sample: str) -> Nuclei:
    """The nuclei of a sample."""
    with open_sample(path, sample) as group:
        table = pd.DataFrame({name: values[()] for name, values in group["table"].items()})
        mask = group["mask"][()]
        place = {name: float(value) for name, value in group["mask"].attrs.items()}
        return Nuclei(group["label"][()], table, mask, Grid(**place, shape=mask.shape))
