"""Where the localizations of a nucleus can lie: its outline, cut out of the field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ainu.nuclei.table import Nuclei

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """Where localizations of a nucleus can lie.

    Attributes
    ----------
    mask : (Y, X) bool
    x_nm, y_nm : float
        Its corner.
    pixel_nm : float
        Edge of a pixel.
    """

    mask: NDArray[np.bool_]
    x_nm: float
    y_nm: float
    pixel_nm: float

    @classmethod
    def of(cls, nuclei: Nuclei, number: int) -> Window:
        """The outline of nucleus `number` of a field, cut out."""
        grid, box = nuclei.grid, nuclei.box(number)
        if box is None:
            return cls(np.ones((1, 1), bool), grid.x_nm, grid.y_nm, grid.pixel_nm)
        rows, columns = box
        x, y = grid.x_nm + columns.start * grid.pixel_nm, grid.y_nm + rows.start * grid.pixel_nm
        return cls(nuclei.mask[box] == number, float(x), float(y), grid.pixel_nm)

    @property
    def area_nm2(self) -> float:
        """Area inside the outline."""
        return float(np.count_nonzero(self.mask)) * self.pixel_nm**2

    def pixels_of(self, positions: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(n,) rows and (n,) columns of (n, 2 or 3) positions in nm, clipped to the window."""
        column, row = ((positions[:, :2] - [self.x_nm, self.y_nm]) / self.pixel_nm).astype(np.intp).T
        return np.clip(row, 0, self.mask.shape[0] - 1), np.clip(column, 0, self.mask.shape[1] - 1)
