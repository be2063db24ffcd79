"""The localizations of a nucleus ordered by place, from which crops are cut fast at any angle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELL_NM = 400.0
"""Edge of the cells by which localizations are ordered."""


def order_by_place(position: NDArray[np.float32]) -> NDArray[np.intp]:
    """(m,) the order in which localizations at (m, 2 or 3) positions, nm, lie cell by cell; within a cell as before."""
    return np.argsort(_keys(position, *_frame(position)), kind="stable")


def _frame(position: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First cell, and number of cells, along x and y."""
    cells = np.floor(position[:, :2] / np.float32(CELL_NM)).astype(np.int64)
    if not len(cells):
        return np.zeros(2, np.int64), np.ones(2, np.int64)
    first = cells.min(axis=0)
    return first, cells.max(axis=0) - first + 1


def _keys(position: NDArray[np.float32], first: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
    cells = np.floor(position[:, :2] / np.float32(CELL_NM)).astype(np.int64) - first
    return cells[:, 1] * number[0] + cells[:, 0]


@dataclass(frozen=True)
class SparseGrid:
    """Where the localizations of each cell of a nucleus stand among those of the nucleus, which are ordered by cell.

    Attributes
    ----------
    first : (2,) int64
        First cell along x and y, in units of `CELL_NM` from the middle of the nucleus.
    number : (2,) int64
        Number of cells along x and y.
    offsets : (cells + 1,) int64
        The localizations of cell k are offsets[k] to offsets[k + 1].
    """

    first: NDArray[np.int64]
    number: NDArray[np.int64]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, position: NDArray[np.float32]) -> SparseGrid:
        """The index of localizations that `order_by_place` has put in order.

        Parameters
        ----------
        position : (m, 2 or 3) float32
            nm from the middle of the nucleus.

        Returns
        -------
        SparseGrid

        Raises
        ------
        ValueError
            They are not in order.
        """
        first, number = _frame(position)
        keys = _keys(position, first, number)
        if (np.diff(keys) < 0).any():
            raise ValueError("localizations are not ordered by place")
        counts = np.bincount(keys, minlength=int(number.prod()))
        return cls(first, number, np.concatenate([[0], np.cumsum(counts)]))

    def near(self, centre: NDArray[np.float64], reach_nm: float) -> list[slice]:
        """Stretches of localizations that hold all within a square around a place, and few others.

        Parameters
        ----------
        centre : (2,) float
            Middle of the square, nm.
        reach_nm : float
            Half its edge.

        Returns
        -------
        list of slice
            One per row of cells.
        """
        low = np.floor((centre[:2] - reach_nm) / CELL_NM).astype(np.int64) - self.first
        high = np.floor((centre[:2] + reach_nm) / CELL_NM).astype(np.int64) - self.first
        columns = max(int(low[0]), 0), min(int(high[0]), int(self.number[0]) - 1)
        if columns[0] > columns[1]:
            return []
        rows = range(max(int(low[1]), 0), min(int(high[1]), int(self.number[1]) - 1) + 1)
        starts = [row * int(self.number[0]) for row in rows]
        return [slice(self.offsets[at + columns[0]], self.offsets[at + columns[1] + 1]) for at in starts]
