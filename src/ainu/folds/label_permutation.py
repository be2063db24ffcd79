"""Label permutation: what the same procedure gives when labels say nothing.

Labels are exchanged so that the structure of the experiment stays: within each replicate that holds several classes,
and between whole replicates that hold one class each, where the labels follow the replicates.
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
"""Draws for one arrangement in which every fold can still be trained."""


@dataclass(frozen=True)
class Exchange:
    """Labels that can be exchanged.

    Attributes
    ----------
    classes : (k,) str
    code : (N,) int
        Index of each nucleus's class.
    fold : (N,) int
    pure, mixed : tuple of (m,) int
        Nuclei of each replicate that holds one class, and of each that holds several.
    """

    classes: NDArray[np.str_]
    code: NDArray[np.int64]
    fold: NDArray[np.int64]
    pure: tuple[NDArray[np.intp], ...]
    mixed: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Exchange:
        """From `replicate`, `label` and `fold`, one row per nucleus."""
        classes, code = np.unique(rows["label"].to_numpy(dtype=str), return_inverse=True)
        _, member = np.unique(rows["replicate"].to_numpy(dtype=str), return_inverse=True)
        parts = [np.flatnonzero(member == k) for k in range(member.max(initial=-1) + 1)]
        single = [len(np.unique(code[own])) == 1 for own in parts]
        pure = tuple(own for own, one in zip(parts, single, strict=True) if one)
        mixed = tuple(own for own, one in zip(parts, single, strict=True) if not one)
        return cls(classes, code.astype(np.int64), rows["fold"].to_numpy(np.int64), pure, mixed)

    @property
    def scheme(self) -> str:
        """How the labels are exchanged, in words."""
        if not self.mixed:
            return "between whole replicates, since labels follow replicates"
        if not self.pure:
            return "within replicates"
        return "within replicates that hold several classes, and between whole replicates that hold one"

    def once(self, *, seed: int, draw: int) -> NDArray[Any] | None:
        """(N,) labels exchanged so that every fold still has each class to train on; None where that is not found.

        The same seed and draw give the same labels.
        """
        rng = np.random.default_rng([seed, SEED, draw])
        tries = (self._exchanged(rng) for _ in range(TRIES))
        found = next((own for own in tries if self._trainable(own)), None)
        return None if found is None else self.classes[found]

    def many(self, *, seed: int, draws: int) -> NDArray[Any]:
        """(d, N) what `once` gives in each of the draws, without those in which nothing was found."""
        found = [own for draw in range(draws) if (own := self.once(seed=seed, draw=draw)) is not None]
        return np.array(found, dtype=self.classes.dtype).reshape(len(found), len(self.code))

    def _exchanged(self, rng: np.random.Generator) -> NDArray[np.int64]:
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
    """`value`, `null` and `p` = (1 + #null >= value) / (1 + n); differences below 1e-12 are ties."""
    reached = sum(own >= value - 1e-12 for own in null)
    return {"value": float(value), "null": [float(own) for own in null], "p": (1 + reached) / (1 + len(null))}
