"""The part of a training set that is held back to choose the best epoch by: whole replicates, every class in it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.folds.integer_program import Replicates, another, best_assignment, deal
from ainu.folds.table import check_nuclei

LEVEL_WORK, TIE_WORK = 20_000, 20_000_000
"""Limits of the integer program and of the search behind it, as in `integer_program`."""


def split_validation(nuclei: pd.DataFrame, *, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Hold back whole replicates of a training set, to choose the best epoch by.

    Minimises the largest deviation over the classes of the share held back from `fraction`. Both the part held back
    and the rest have every class. Limited by work and not by the clock, so that a resumed training gets the same
    part.

    Parameters
    ----------
    nuclei : DataFrame
        As for `assign_folds`: the n training nuclei.
    fraction : float
        Share to hold back, 0 <= fraction < 1.
    seed : int
        Chooses among equally good parts.

    Returns
    -------
    (n,) bool
        True for nuclei held back. All False where `fraction` is 0, and where it cannot be done because a class has
        too few replicates (one, say): training then has no validation set and ends with its last epoch.

    Raises
    ------
    AinuError
        If a nucleus is unlabelled or there twice, or the fraction is out of range.
    """
    check_nuclei(nuclei)
    if not 0 <= fraction < 1:
        raise AinuError(f"validation_fraction: {fraction} found, allowed is 0 <= validation_fraction < 1")
    share = Fraction(fraction).limit_denominator(10_000)
    replicates = Replicates.of(nuclei, [share, 1 - share])
    best = None
    if share and all(len(replicates.holding(column)) > 1 for column in range(len(replicates.classes))):
        best = best_assignment(replicates.problem, seed, math.inf, LEVEL_WORK)
    if best is None:
        return np.zeros(len(nuclei), bool)
    rng = np.random.default_rng([seed, 0])
    part_of = deal(replicates, another(replicates.problem, best, rng, TIE_WORK, math.inf), rng)
    return nuclei["replicate"].map(part_of).to_numpy() == 0
