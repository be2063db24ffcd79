"""Against what a score is held: permuted labels, and fewer replicates to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.evaluation.audits import MAIN, Evidence
from ainu.evaluation.baselines import confounders as confounders_of
from ainu.evaluation.baselines import logistic_regression, ridge_calls, splits
from ainu.evaluation.scores import scores
from ainu.folds.label_permutation import PermutableLabels, p_value
from ainu.prediction.out_of_fold import pooled_truth, with_probabilities

FIXED_PERMUTATIONS = 2000
LEARNING_DRAWS = 5
STATISTIC = "balanced accuracy"


def permutations(evidence: Evidence, permuted: Sequence[pd.DataFrame], times: int) -> dict[str, Any]:
    """`p`, `null`, `value`, `statistic`, `title`, `what` of the networks; under `baselines` those of cheap classifiers.

    Where networks were trained on exchanged labels, the null is what these achieve; else the labels are exchanged
    under the predictions that there are, which takes no training but leaves out how folds depend on each other.
    """
    own = _retrained(evidence, permuted) if len(permuted) else _fixed(evidence)
    values = {
        "confounders": confounders_of(evidence.dataset, evidence.acquisition).to_numpy(np.float64),
        "features": evidence.features.to_numpy(np.float64),
    }
    cheap = {name: _cheap(evidence, name, own_values, times) for name, own_values in values.items()}
    return own | {"statistic": STATISTIC, "baselines": cheap}


def _how(evidence: Evidence) -> str:
    return f"labels exchanged {PermutableLabels.of(evidence.first_folds).scheme}"


def _retrained(evidence: Evidence, permuted: Sequence[pd.DataFrame]) -> dict[str, Any]:
    unchanged = evidence.of_control("unchanged")
    first = evidence.predictions[evidence.predictions["repeat"] == 0]
    reference = unchanged if len(unchanged) else first
    value = _balanced(reference, evidence.classes)
    null = [_balanced(table, evidence.classes) for table in permuted]
    what = f"{evidence.control_network} trained anew for each exchange; {_how(evidence)}"
    return p_value(value, null) | {"title": "network, trained anew", "what": what}


def _balanced(table: pd.DataFrame, classes: Sequence[str]) -> float:
    _, truth, values = pooled_truth(table, classes)
    return scores(truth, values)[MAIN]


def _fixed(evidence: Evidence) -> dict[str, Any]:
    rows, truth, values = pooled_truth(evidence.predictions, evidence.classes)
    folds = evidence.first_folds.set_index("nucleus").loc[rows["nucleus"]].reset_index()
    labels = _coded(
        PermutableLabels.of(folds).permutations(seed=evidence.seed, draws=FIXED_PERMUTATIONS), evidence.classes
    )
    called = values.argmax(1)
    null = balanced_accuracies(np.broadcast_to(called, labels.shape), labels, len(evidence.classes))
    what = f"predictions of {evidence.network} as they are, nothing trained anew; {_how(evidence)}"
    own = balanced_accuracies(called[None], truth[None], len(evidence.classes))[0]
    return p_value(own, null.tolist()) | {"title": "network, as trained", "what": what}


def _cheap(evidence: Evidence, name: str, values: NDArray[np.float64], times: int) -> dict[str, Any]:
    nuclei, classes = evidence.dataset.nucleus, evidence.classes
    folds = evidence.first_folds.set_index("nucleus").loc[nuclei.tolist()].reset_index()
    labels = _coded(PermutableLabels.of(folds).permutations(seed=evidence.seed, draws=times), classes)
    labels = np.concatenate([evidence.dataset.codes(classes)[None], labels])
    found = balanced_accuracies(ridge_calls(values, labels, nuclei, folds), labels, len(classes))
    what = f"ridge classifier of the {name}, trained anew for each exchange; {_how(evidence)}"
    return p_value(float(found[0]), found[1:].tolist()) | {"title": name, "what": what, "statistic": STATISTIC}


def _coded(labels: NDArray[Any], classes: Sequence[str]) -> NDArray[np.int64]:
    order = np.argsort(np.asarray(classes, dtype=str))
    return order[np.searchsorted(np.asarray(classes, dtype=str)[order], labels)].astype(np.int64)


def balanced_accuracies(called: NDArray[np.int64], truth: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """(D,) mean recall of (D, N) calls against (D, N) true classes."""
    right = called == truth
    recalls = [(right & (truth == k)).sum(axis=1) / np.maximum((truth == k).sum(axis=1), 1) for k in range(classes)]
    return np.mean(recalls, axis=0)


def learning_curve(evidence: Evidence) -> dict[str, Any]:
    """Score of hand-made features by logistic regression against the training replicates it has.

    A cheap stand-in for the network's own curve (`study` has that, at the price of many trainings): whether more
    replicates would help at all. Replicates are drawn at random, so that every class is there; first repeat.
    """
    values, classes = evidence.features.to_numpy(np.float64), evidence.classes
    truth, replicate = evidence.dataset.codes(classes), evidence.dataset.replicate
    most = min(
        len(np.unique(replicate[train])) for _, train, _ in splits(evidence.dataset.nucleus, evidence.first_folds)
    )
    points = []
    for size in _sizes(most):
        found, used = [], []
        for draw in range(1 if size == most else LEARNING_DRAWS):
            table, number = _learned(evidence, values, truth, size, draw)
            if table is not None:
                found.append(_balanced(table, classes))
                used.append(number)
        ends = [float(min(found)), float(max(found))] if found else None
        value = float(np.mean(found)) if found else None
        nuclei = round(float(np.mean(used))) if used else None
        points.append({"replicates": size, "nuclei": nuclei, "value": value, "ci": ends})
    return {
        "title": "Learning curve (hand-made features)",
        "what": "logistic regression of the hand-made features, trained on so many replicates; mean, lowest and "
        f"highest of {LEARNING_DRAWS} draws of replicates",
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
    """(n,) nuclei of `size` replicates that hold every class together; None where twenty draws found none."""
    names = np.unique(replicate)
    for _ in range(20):
        own = np.isin(replicate, rng.permutation(names)[:size])
        if len(np.unique(truth[own])) == classes:
            return own
    return None
