"""Which nuclei the steps of a training draw: class, then nucleus."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ainu.images.views import Indices

OF_ORDERS = 3
"""Keeps the draws of orders apart from those of `loop`: a generator takes [1, 2] and [1, 2, 0] for the same seed."""


@dataclass(frozen=True)
class Draws:
    """Nuclei in turn from every group, each group in an order that is drawn anew for every pass.

    Attributes
    ----------
    groups : tuple of (m,) int
        Nuclei of each class, or all of them where classes are not balanced.
    seed : int
        The orders follow from it.
    """

    groups: tuple[Indices, ...]
    seed: int
    _orders: dict[tuple[int, int], Indices] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, rows: Indices, labels: NDArray[np.int64], seed: int, *, balanced: bool) -> Draws:
        """Draws of some nuclei.

        Parameters
        ----------
        rows : (n,) int
            Nuclei to draw from.
        labels : (N,) int64
            Class of every nucleus.
        seed : int
            For the orders.
        balanced : bool
            Whether every class is drawn equally often.

        Returns
        -------
        Draws
        """
        if not balanced:
            return cls((rows,), seed)
        return cls(tuple(rows[labels[rows] == code] for code in np.unique(labels[rows])), seed)

    def of_step(self, step: int, size: int) -> Indices:
        """(size,) nuclei of a step; it follows from seed, step and slot alone.

        Parameters
        ----------
        step : int
            From 0.
        size : int
            Slots of the step.

        Returns
        -------
        (size,) int
        """
        slots = range(step * size, (step + 1) * size)
        return np.array([self._of_slot(slot) for slot in slots], np.intp)

    def _of_slot(self, slot: int) -> int:
        turn, group = divmod(slot, len(self.groups))
        passed, place = divmod(turn, len(self.groups[group]))
        if (group, passed) not in self._orders:
            order = np.random.default_rng([self.seed, group, passed, OF_ORDERS]).permutation(self.groups[group])
            self._orders[group, passed] = order
        return int(self._orders[group, passed][place])
