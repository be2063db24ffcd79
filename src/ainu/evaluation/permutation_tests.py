"""Scores with permuted labels, against which those of the real labels are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.evaluation.baselines import confounders as confounders_of
from ainu.evaluation.baselines import ridge_calls
from ainu.evaluation.evidence import Evidence
from ainu.folds.label_permutation import PermutableLabels, p_value
from ainu.prediction.table import pooled_truth

FIXED_PERMUTATIONS = 2000
"""Of the labels under the existing predictions."""
STATISTIC = "balanced accuracy"


def permutations(evidence: Evidence, permuted: Sequence[pd.DataFrame], times: int) -> dict[str, Any]:
    """How often scores as high as the real ones occur with permuted labels.

    Where networks were trained on permuted labels, the null distribution is that of their scores; else the labels are
    permuted under the existing predictions, which takes no training but ignores how folds depend on each other.

    Parameters
    ----------
    evidence : Evidence
        Of the experiment.
    permuted : sequence of DataFrame
        Predictions of networks that were trained on permuted labels, a table per permutation.
    times : int
        Permutations for the cheap classifiers.

    Returns
    -------
    dict
        `p`, `null`, `value`, `statistic`, `title`, `what` of the networks; under `baselines` the same of cheap
        classifiers.
    """
    own = _retrained(evidence, permuted) if len(permuted) else _fixed(evidence)
    values = {
        "confounders": confounders_of(evidence.dataset, evidence.acquisition).to_numpy(np.float64),
        "features": evidence.features.to_numpy(np.float64),
    }
    cheap = {name: _cheap(evidence, name, own_values, times) for name, own_values in values.items()}
    return own | {"statistic": STATISTIC, "baselines": cheap}


def _how(evidence: Evidence) -> str:
    return f"labels permuted {PermutableLabels.of(evidence.first_folds).scheme}"


def _retrained(evidence: Evidence, permuted: Sequence[pd.DataFrame]) -> dict[str, Any]:
    unchanged = evidence.of_control("unchanged")
    first = evidence.predictions[evidence.predictions["repeat"] == 0]
    reference = unchanged if len(unchanged) else first
    value = evidence.balanced_accuracy(reference)
    null = [evidence.balanced_accuracy(table) for table in permuted]
    what = f"{evidence.control_network} retrained for each permutation; {_how(evidence)}"
    return p_value(value, null) | {"title": "network, retrained", "what": what}


def _fixed(evidence: Evidence) -> dict[str, Any]:
    rows, truth, values = pooled_truth(evidence.predictions, evidence.classes)
    folds = evidence.first_folds.set_index("nucleus").loc[rows["nucleus"]].reset_index()
    labels = _coded(
        PermutableLabels.of(folds).permutations(seed=evidence.seed, draws=FIXED_PERMUTATIONS), evidence.classes
    )
    called = values.argmax(1)
    null = balanced_accuracies(np.broadcast_to(called, labels.shape), labels, len(evidence.classes))
    what = f"existing predictions of {evidence.network}, without retraining; {_how(evidence)}"
    own = balanced_accuracies(called[None], truth[None], len(evidence.classes))[0]
    return p_value(own, null.tolist()) | {"title": "network, as trained", "what": what}


def _cheap(evidence: Evidence, name: str, values: NDArray[np.float64], times: int) -> dict[str, Any]:
    nuclei, classes = evidence.dataset.nucleus, evidence.classes
    folds = evidence.first_folds.set_index("nucleus").loc[nuclei.tolist()].reset_index()
    labels = _coded(PermutableLabels.of(folds).permutations(seed=evidence.seed, draws=times), classes)
    labels = np.concatenate([evidence.dataset.codes(classes)[None], labels])
    found = balanced_accuracies(ridge_calls(values, labels, nuclei, folds), labels, len(classes))
    what = f"ridge classifier of the {name}, retrained for each permutation; {_how(evidence)}"
    return p_value(float(found[0]), found[1:].tolist()) | {"title": name, "what": what, "statistic": STATISTIC}


def _coded(labels: NDArray[Any], classes: Sequence[str]) -> NDArray[np.int64]:
    order = np.argsort(np.asarray(classes, dtype=str))
    return order[np.searchsorted(np.asarray(classes, dtype=str)[order], labels)].astype(np.int64)


def balanced_accuracies(called: NDArray[np.int64], truth: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Mean recall of each row of calls.

    Parameters
    ----------
    called, truth : (D, N) int64
        Index of the called and of the true class.
    classes : int
        Number of classes.

    Returns
    -------
    (D,) float64
    """
    right = called == truth
    recalls = [(right & (truth == k)).sum(axis=1) / np.maximum((truth == k).sum(axis=1), 1) for k in range(classes)]
    return np.mean(recalls, axis=0)
