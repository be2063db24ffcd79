"""The nuclei of a field as a table and a label image: written, read, and their outlines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.failures import open_sample
from ainu.hdf5 import write_array
from ainu.nuclei.grid import Grid


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
    for number in range(1, int(mask.max(initial=0)) + 1):
        contours = find_contours(np.pad(mask == number, 1).astype(float), 0.5)
        longest = max(contours, key=len)[:, ::-1] - 0.5
        found.append(longest * grid.pixel_nm + [grid.x_nm, grid.y_nm])
    return found
