"""The nuclei of a field as a table and a label image: written, read, and their outlines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.failures import open_sample
from ainu.hdf5 import write_array
from ainu.nuclei.grid import Grid

Box = tuple[slice, slice]


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
        field), `reach_nm` and `aligned_reach_nm` (half the edge of the square that holds it, with the axes of the field
        and along its long axis).
    mask : (Y, X) uint16
        Label image.
    grid : Grid
        Where the label image lies.
    """

    label: NDArray[np.uint16]
    table: pd.DataFrame
    mask: NDArray[np.uint16]
    grid: Grid

    def box(self, number: int) -> Box | None:
        """Rows and columns of the label image that hold a nucleus; None where it has no pixel."""
        return self._boxes[number - 1] if number <= len(self._boxes) else None

    @cached_property
    def _boxes(self) -> list[Box | None]:
        return boxes_of(self.mask)


def write_nuclei(group: h5py.Group, nuclei: Nuclei) -> None:
    """Write the nuclei of a sample into its group of the shard's file."""
    write_array(group, "label", nuclei.label)
    write_array(group, "mask", nuclei.mask)
    group["mask"].attrs.update(x_nm=nuclei.grid.x_nm, y_nm=nuclei.grid.y_nm, pixel_nm=nuclei.grid.pixel_nm)
    columns = group.create_group("table")
    for name, values in nuclei.table.items():
        write_array(columns, str(name), values.to_numpy())


def read_nuclei(path: str | Path, sample: str) -> Nuclei:
    """Read the nuclei of a sample."""
    with open_sample(path, sample) as group:
        table = pd.DataFrame({name: values[()] for name, values in group["table"].items()})
        mask = group["mask"][()]
        place = {name: float(value) for name, value in group["mask"].attrs.items()}
        return Nuclei(group["label"][()], table, mask, Grid(**place, shape=mask.shape))


def mask_outlines(mask: NDArray[np.uint16], grid: Grid) -> list[NDArray[np.float64]]:
    """Outline, (m, 2) float64 in nm, of each nucleus of a label image (Y, X)."""
    from skimage.measure import find_contours

    found = []
    for number, box in enumerate(boxes_of(mask), start=1):
        if box is not None:
            contours = find_contours(np.pad(mask[box] == number, 1).astype(float), 0.5)
            longest = max(contours, key=len)[:, ::-1] - 0.5 + [box[1].start, box[0].start]
            found.append(longest * grid.pixel_nm + [grid.x_nm, grid.y_nm])
    return found


def boxes_of(mask: NDArray[np.uint16]) -> list[Box | None]:
    """Rows and columns that hold each nucleus of a label image (Y, X), in one pass over it."""
    from scipy.ndimage import find_objects

    return list(find_objects(mask))
