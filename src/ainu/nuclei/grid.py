"""The raster over a field on which nuclei are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.table import Localizations

FAR_NM = 1e6
"""float32 has steps of 0.06 nm there."""


@dataclass(frozen=True)
class Grid:
    """A raster over the field.

    Attributes
    ----------
    x_nm, y_nm : float
        Corner of pixel (0, 0), nm.
    pixel_nm : float
        Edge of a pixel, nm.
    shape : (int, int)
        Pixels (Y, X).
    """

    x_nm: float
    y_nm: float
    pixel_nm: float
    shape: tuple[int, int]

    @classmethod
    def around(cls, localizations: Localizations, pixel_nm: float, margin: int = 3) -> Grid:
        """Cover all localizations.

        Parameters
        ----------
        localizations : Localizations
            At least one.
        pixel_nm : float
            Edge of a pixel, nm.
        margin : int
            Empty pixels on each side.

        Returns
        -------
        Grid

        Raises
        ------
        AinuError
            The raster would have more than 100 million pixels.
        """
        low = np.floor([localizations.x.min() / pixel_nm, localizations.y.min() / pixel_nm]).astype(int) - margin
        high = np.floor([localizations.x.max() / pixel_nm, localizations.y.max() / pixel_nm]).astype(int) + margin + 1
        columns, rows = (int(n) for n in high - low)
        if columns * rows > 100_000_000:
            raise AinuError(
                f"nuclei.pixel_nm: {pixel_nm:g} makes a raster of {columns} x {rows} pixels; take a larger pixel"
            )
        return cls(float(low[0] * pixel_nm), float(low[1] * pixel_nm), pixel_nm, (rows, columns))

    def index(self, localizations: Localizations) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row (n,) and column (n,) of the pixel of each localization, clipped to the raster."""
        row = (_less(localizations.y, self.y_nm) / self.pixel_nm).astype(np.intp)
        column = (_less(localizations.x, self.x_nm) / self.pixel_nm).astype(np.intp)
        return np.clip(row, 0, self.shape[0] - 1), np.clip(column, 0, self.shape[1] - 1)

    def look_up(self, mask: NDArray[Any], localizations: Localizations) -> NDArray[np.int64]:
        """(n,) int64 value of an image (Y, X) at each localization, 0 outside the raster."""
        column = _less(localizations.x, self.x_nm) / self.pixel_nm
        row = _less(localizations.y, self.y_nm) / self.pixel_nm
        within = (row >= 0) & (row < self.shape[0]) & (column >= 0) & (column < self.shape[1])
        return np.where(within, mask[self.index(localizations)], 0).astype(np.int64)

    def count(self, localizations: Localizations) -> NDArray[np.float32]:
        """(Y, X) float32 localizations per pixel."""
        flat = np.ravel_multi_index(self.index(localizations), self.shape)
        return np.bincount(flat, minlength=self.shape[0] * self.shape[1]).reshape(self.shape).astype(np.float32)


def _less(values: NDArray[np.float32], edge_nm: float) -> NDArray[np.floating]:
    """(n,) positions from an edge; float32 is too coarse where that lies far from them (a drawn image's corner)."""
    return values - (edge_nm if abs(edge_nm) < FAR_NM else np.float64(edge_nm))
