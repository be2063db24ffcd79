"""Nuclei of a field: from the density of localizations, drawn outlines, a label image, or a column of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ainu.errors import AinuError
from ainu.failures import open_sample
from ainu.localizations.formats.plausibility import RETRY, small_field
from ainu.localizations.table import Localizations, load
from ainu.nuclei.discs import closed
from ainu.nuclei.grid import Grid
from ainu.nuclei.manual_outlines import NOT_DRAWN, Drawn, read_drawn
from ainu.nuclei.measure import measure
from ainu.nuclei.segmentation import segment
from ainu.nuclei.settings import Range, SearchSettings
from ainu.nuclei.table import Nuclei, write_nuclei
from ainu.shards import write_shard

METHODS = ("density", "roi", "labels", "column", "whole")
_NOWHERE = Localizations(np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, np.uint8), channels=())


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
        "density": regions denser than half of the density around, nucleoli included, touching nuclei separated (see
        `segment`); "roi": the given outlines; "labels": the given label image; "column": a segmentation that is a
        column of the table, 0 or less outside; "whole": the field is one nucleus.
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
        Which localizations count: dropped ones get a label but do not influence where nuclei are found.

    Returns
    -------
    Nuclei
        Numbered from 1, from top to bottom of the field. An unknown method, channel or column is an `AinuError`.
    """
    limits = (_pair(area_um2), _pair(solidity), _pair(roundness))
    settings = SearchSettings(method, channel, column, pixel_nm, smooth_nm, *limits, border, min_localizations)
    return locate_nuclei(localizations, settings, Drawn(rois, labels), keep)


def _pair(limits: Sequence[float | None]) -> Range:
    low, high = limits
    return low, high


def locate_nuclei(
    localizations: Localizations,
    settings: SearchSettings,
    drawn: Drawn = NOT_DRAWN,
    keep: NDArray[np.bool_] | None = None,
) -> Nuclei:
    """Find the nuclei of a field, by the settings of the config (`find_nuclei` takes them one by one).

    Parameters
    ----------
    localizations : Localizations
        Drift-corrected, (n,).
    settings : SearchSettings
        Method and limits.
    drawn : Drawn
        For the methods "roi" and "labels".
    keep : (n,) bool, optional
        Which localizations count.

    Returns
    -------
    Nuclei
        Numbered from 1, from top to bottom of the field.

    Raises
    ------
    AinuError
        The method, the channel or the column is unknown.
    """
    if settings.method not in METHODS:
        raise AinuError(f"nuclei.method: {settings.method!r} is not one of {', '.join(METHODS)}")
    keep = np.ones(len(localizations), bool) if keep is None else keep
    if not keep.any():
        return _none(len(localizations), settings.pixel_nm)
    label, mask, grid = _labelled(localizations, settings, drawn, keep)
    table = measure(localizations[keep], label[keep], mask, grid)
    return _renumbered(label, table[_acceptable(table, settings)], mask, grid)


def _labelled(
    localizations: Localizations, settings: SearchSettings, drawn: Drawn, keep: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Grid]:
    """Nucleus (n,) of each localization, label image (Y, X) and where it lies."""
    if settings.method == "labels" and drawn.labels is not None:
        image, pixel_nm = drawn.labels
        x_nm, y_nm, _ = localizations.offset_nm
        mask, grid = image.astype(np.int64), Grid(-x_nm, -y_nm, pixel_nm, image.shape[:2])
        return grid.look_up(mask, localizations), mask, grid
    grid = Grid.around(localizations, settings.pixel_nm)
    kept = localizations[keep]
    shown = kept if settings.channel is None else kept.of_channel(settings.channel)
    if settings.method in ("column", "whole"):
        label = _column_label(localizations, settings)
        return label, _cover(kept, label[keep], grid, settings.smooth_nm / settings.pixel_nm), grid
    if settings.method == "density":
        mask = segment(grid.count(shown), grid.pixel_nm, settings.smooth_nm, settings.area_um2[0])
    else:
        mask = _roi_mask([outline - localizations.offset_nm[:2] for outline in drawn.rois], grid)
    return grid.look_up(mask, localizations), mask, grid


def _none(n: int, pixel_nm: float) -> Nuclei:
    """No nucleus among n localizations."""
    mask, label = np.zeros((1, 1), np.uint16), np.zeros(n, np.uint16)
    grid = Grid(0.0, 0.0, pixel_nm, (1, 1))
    return Nuclei(label, measure(_NOWHERE, np.zeros(0, np.int64), mask, grid), mask, grid)


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


def _column_label(localizations: Localizations, settings: SearchSettings) -> NDArray[np.int64]:
    """(n,) nucleus of each localization by a column of the table; for the method "whole" 1."""
    column = settings.column
    if settings.method == "whole":
        return np.ones(len(localizations), np.int64)
    if column not in localizations.extra:
        there = ", ".join(localizations.extra) or "none"
        raise AinuError(f"nuclei.column: the table has no column {column!r}; columns of its own: {there}")
    values = localizations.extra[column].astype(np.float64)
    lacking = np.unique(localizations.channel[localizations.without(values)])
    if len(lacking):
        channels = ", ".join(localizations.channels[index] for index in lacking)
        raise AinuError(
            f"nuclei.column: the file of {channels} has no values in column {column!r}, but every file needs it"
        )
    return np.maximum(np.rint(np.nan_to_num(values, nan=0.0)), 0).astype(np.int64)


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


def _acceptable(table: pd.DataFrame, settings: SearchSettings) -> pd.Series:
    """Which nuclei are within the limits."""
    chosen = ~table["border"] if settings.border == "drop" else pd.Series(True, index=table.index)
    limits = {"area_um2": settings.area_um2, "solidity": settings.solidity, "roundness": settings.roundness}
    for column, (low, high) in (limits | {"localizations": (settings.min_localizations, None)}).items():
        chosen &= (table[column] >= (-np.inf if low is None else low)) & (
            table[column] <= (np.inf if high is None else high)
        )
    return chosen


def _renumbered(label: NDArray[Any], table: pd.DataFrame, mask: NDArray[Any], grid: Grid) -> Nuclei:
    """The nuclei that are left in the table, numbered from top to bottom."""
    if len(table) > np.iinfo(np.uint16).max:
        raise AinuError(f"{len(table)} nuclei in one field; at most {np.iinfo(np.uint16).max} are possible")
    table = table.sort_values(["y_nm", "x_nm"], ignore_index=True)
    new = np.zeros(int(max(label.max(initial=0), mask.max(initial=0))) + 1, np.uint16)
    new[table["nucleus"].to_numpy()] = np.arange(1, len(table) + 1)
    table = table.assign(nucleus=np.arange(1, len(table) + 1))
    return Nuclei(new[label], table, new[mask], grid)


def find_shard(
    inputs: Mapping[str, str],
    output: str | Path,
    samples: list[str],
    settings: SearchSettings,
    rois: Mapping[str, tuple[str, float]],
    threads: int = 1,
) -> None:
    """Find the nuclei of a shard's samples.

    Parameters
    ----------
    inputs : mapping of str to path
        The shard's files `raw`, `drift`, `quality`.
    output : path
        The shard's file of nuclei.
    samples : list of str
        Names.
    settings : SearchSettings
        Method and limits.
    rois : mapping of str to (path, float)
        ROI file or label image of a sample, and the pixel (nm) of the image that was drawn on.
    threads : int
        Processes.
    """
    work = partial(_find_sample, dict(inputs), settings, dict(rois))
    write_shard(output, samples, work, threads=threads, title="find_nuclei")


def _find_sample(
    inputs: dict[str, str],
    settings: SearchSettings,
    rois: dict[str, tuple[str, float]],
    sample: str,
    group: h5py.Group,
) -> None:
    with open_sample(inputs["quality"], sample) as quality:
        keep = quality["reason"][()] == 0
    drawn = read_drawn(settings.method, *rois[sample]) if sample in rois else NOT_DRAWN
    table = load(inputs["raw"], sample, drift=inputs["drift"])
    nuclei = locate_nuclei(table, settings, drawn, keep)
    _check_field(table, nuclei)
    write_nuclei(group, nuclei)


def _check_field(table: Localizations, nuclei: Nuclei) -> None:
    """Name the likely cause where no nucleus was found in a field that cannot hold one."""
    extent = small_field(table.x, table.y)
    if extent and not len(nuclei.table):
        raise AinuError(
            f"no nucleus: all localizations lie within {extent}. If x, y of the file are in camera pixels or µm, "
            f"{RETRY}; if the structure is that small, set nuclei.method: whole and nuclei.area_um2"
        )
