"""Permuted labels: what the same procedure yields when labels carry no information.

The structure of the experiment stays: labels are permuted within each replicate that holds several classes, and between
whole replicates where each holds one class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SEED = 7
"""Keeps these draws apart from those of training."""
TRIES = 50
"""Draws for one permutation that leaves every fold all classes to train on."""


@dataclass(frozen=True)
class PermutableLabels:
    """The labels of nuclei, with what has to stay when they are permuted.

    Attributes
    ----------
    classes : (k,) str
        Sorted.
    code : (N,) int64
        Index of each nucleus's class.
    fold : (N,) int64
        The fold that each nucleus is in.
    pure, mixed : tuple of (m,) int
        Indices of the nuclei of each replicate that holds one class, and of each that holds several.
    """

    classes: NDArray[np.str_]
    code: NDArray[np.int64]
    fold: NDArray[np.int64]
    pure: tuple[NDArray[np.intp], ...]
    mixed: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, folds: pd.DataFrame) -> PermutableLabels:
        """From a table with `replicate`, `label` and `fold`, one row per nucleus."""
        classes, code = np.unique(folds["label"].to_numpy(dtype=str), return_inverse=True)
        _, member = np.unique(folds["replicate"].to_numpy(dtype=str), return_inverse=True)
        parts = [np.flatnonzero(member == k) for k in range(member.max(initial=-1) + 1)]
        single = [len(np.unique(code[own])) == 1 for own in parts]
        pure = tuple(own for own, one in zip(parts, single, strict=True) if one)
        mixed = tuple(own for own, one in zip(parts, single, strict=True) if not one)
        return cls(classes, code.astype(np.int64), folds["fold"].to_numpy(np.int64), pure, mixed)

    @property
    def scheme(self) -> str:
        """How the labels are permuted, in words."""
        if not self.mixed:
            return "between whole replicates, since labels follow replicates"
        if not self.pure:
            return "within replicates"
        return "within replicates that hold several classes, and between whole replicates that hold one"

    def permuted(self, *, seed: int, draw: int) -> NDArray[Any] | None:
        """One permutation of the labels, such that every fold still has each class to train on.

        Parameters
        ----------
        seed, draw : int
            The same seed and draw give the same labels.

        Returns
        -------
        (N,) str, optional
            None where no such permutation was found.
        """
        rng = np.random.default_rng([seed, SEED, draw])
        tries = (self._draw(rng) for _ in range(TRIES))
        found = next((own for own in tries if self._trainable(own)), None)
        return None if found is None else self.classes[found]

    def permutations(self, *, seed: int, draws: int) -> NDArray[Any]:
        """(d, N) str: the result of `permuted` for each draw, d <= `draws` since those that found none are left out."""
        found = [own for draw in range(draws) if (own := self.permuted(seed=seed, draw=draw)) is not None]
        return np.array(found, dtype=self.classes.dtype).reshape(len(found), len(self.code))

    def _draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        made = self.code.copy()
        for own, source in zip(self.pure, rng.permutation(len(self.pure)), strict=True):
            made[own] = self.code[self.pure[source][0]]
        for own in self.mixed:
            made[own] = rng.permutation(self.code[own])
        return made

    def _trainable(self, code: NDArray[np.int64]) -> bool:
        kinds = len(self.classes)
        held_out = np.zeros((int(self.fold.max()) + 1, kinds), np.int64)
        np.add.at(held_out, (self.fold, code), 1)
        left = held_out.sum(axis=0) - held_out[np.unique(self.fold)]
        return bool((left > 0).all())


def p_value(value: float, null: list[float]) -> dict[str, Any]:
    """The p-value of a score against the n scores reached with permuted labels.

    Parameters
    ----------
    value : float
        The score.
    null : list of float
        The n scores with permuted labels.

    Returns
    -------
    dict
        `value`, `null` and `p` = (1 + number of null >= value) / (1 + n); differences below 1e-12 are ties.
    """
    reached = sum(own >= value - 1e-12 for own in null)
    return {"value": float(value), "null": [float(own) for own in null], "p": (1 + reached) / (1 + len(null))}
