"""Score against the number of training replicates, by a cheap classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.evaluation.baselines import logistic_regression, splits
from ainu.evaluation.evidence import Evidence
from ainu.prediction.table import with_probabilities

DRAWS = 5
"""Of replicates, for each number of them."""


def learning_curve(evidence: Evidence) -> dict[str, Any]:
    """Balanced accuracy of hand-made features by logistic regression against the number of training replicates.

    A fast estimate of whether more replicates would help; the network's own curve (`study`) takes many trainings.
    Replicates are drawn at random, such that every class is there; first repeat.

    Parameters
    ----------
    evidence : Evidence
        Dataset, folds and features.

    Returns
    -------
    dict
        `title`, `what`, and `points` with `replicates`, `nuclei`, `value` and `ci`, the lowest and highest draw.
    """
    values, replicate = evidence.features.to_numpy(np.float64), evidence.dataset.replicate
    truth = evidence.dataset.codes(evidence.classes)
    most = min(
        len(np.unique(replicate[train])) for _, train, _ in splits(evidence.dataset.nucleus, evidence.first_folds)
    )
    points = []
    for size in _sizes(most):
        found, used = [], []
        for draw in range(1 if size == most else DRAWS):
            table, number = _learned(evidence, values, truth, size, draw)
            if table is not None:
                found.append(evidence.balanced_accuracy(table))
                used.append(number)
        ends = [float(min(found)), float(max(found))] if found else None
        value = float(np.mean(found)) if found else None
        nuclei = round(float(np.mean(used))) if used else None
        points.append({"replicates": size, "nuclei": nuclei, "value": value, "ci": ends})
    return {
        "title": "Learning curve (hand-made features)",
        "what": "logistic regression of the hand-made features, trained on so many replicates; mean, lowest and "
        f"highest of {DRAWS} draws of replicates",
        "points": points,
    }


def _sizes(most: int) -> list[int]:
    """Numbers of replicates, about doubling, from one on."""
    return sorted({size for size in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64) if size < most} | {most})


def _learned(
    evidence: Evidence, values: NDArray[np.float64], truth: NDArray[np.int64], size: int, draw: int
) -> tuple[pd.DataFrame | None, int]:
    """Out-of-fold predictions after training on `size` replicates of each training set, and the nuclei of the last."""
    rng = np.random.default_rng([evidence.seed, 13, size, draw])
    parts, number = [], 0
    for rows, train, test in splits(evidence.dataset.nucleus, evidence.first_folds):
        own = _drawn_replicates(evidence.dataset.replicate[train], truth[train], size, len(evidence.classes), rng)
        if own is None:
            return None, 0
        number = int(own.sum())
        model = logistic_regression(evidence.seed).fit(values[train][own], truth[train][own])
        parts.append(with_probabilities(rows, model.predict_proba(values[test]), evidence.classes))
    return pd.concat(parts, ignore_index=True), number


def _drawn_replicates(
    replicate: NDArray[Any], truth: NDArray[np.int64], size: int, classes: int, rng: np.random.Generator
) -> NDArray[np.bool_] | None:
    """(n,) nuclei of `size` replicates that have every class together; None if twenty draws find none."""
    names = np.unique(replicate)
    for _ in range(20):
        own = np.isin(replicate, rng.permutation(names)[:size])
        if len(np.unique(truth[own])) == classes:
            return own
    return None
