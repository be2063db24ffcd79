"""Measurements of each nucleus: place, area, shape, and whether the edge of the field cuts it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ainu.localizations.table import Localizations
from ainu.nuclei.grid import Grid
from ainu.nuclei.orientation import Pose
from ainu.nuclei.segmentation import solidity

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

CUT = 0.4
"""Share of its diameter for which a nucleus that the edge cuts runs along it, at least."""
FEWEST_ROWS = 8
"""Rows of pixels, at least, over which the widths of a nucleus are followed towards the edge."""


def measure(localizations: Localizations, label: NDArray[Any], mask: NDArray[Any], grid: Grid) -> pd.DataFrame:
    """Measure the nuclei of a field.

    Parameters
    ----------
    localizations : Localizations
        (n,), those that count.
    label : (n,) int
        Nucleus of each, 0 outside.
    mask : (Y, X) int
        Label image.
    grid : Grid
        Where it lies.

    Returns
    -------
    DataFrame
        One row per nucleus that holds localizations, columns `TABLE`.
    """
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
    """Which nuclei the edge of the field cuts: those that run along it for `CUT` of their diameter or more."""
    if not len(localizations):
        return np.zeros(len(table), bool)
    rows, columns = grid.index(localizations)
    inner = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    sides = (inner, inner[::-1], inner.T, inner.T[::-1])
    least = CUT * 2 * np.sqrt(table["area_um2"].to_numpy(float) * 1e6 / np.pi) / grid.pixel_nm
    numbers = table["nucleus"].astype(int)
    return np.array(
        [any(_runs_along(side, number, px) for side in sides) for number, px in zip(numbers, least, strict=True)],
        bool,
    )


def _runs_along(inner: NDArray[Any], number: int, least_px: float) -> bool:
    """Whether a nucleus still has a width where the first row of the field cuts it, and does not just touch it."""
    # The widths of an ellipse, squared, are a parabola over the rows, whatever its direction: at the edge it is 0 for
    # one that ends there, however flat its side is, and the square of the cut for one that goes on.
    first = min(1, len(inner) - 1)
    if np.count_nonzero(inner[first] == number) <= least_px:
        return False
    depth = np.arange(first, min(len(inner), max(round(least_px * 0.75), FEWEST_ROWS)))
    widths = np.count_nonzero(inner[depth] == number, axis=1)
    if len(depth) < 4:
        return True
    return bool(np.polyfit(depth + 0.5, widths.astype(float) ** 2, 2)[-1] > least_px**2)
