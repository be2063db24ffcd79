"""How far probabilities can be trusted: temperature scaling and conformal prediction sets, both from out-of-fold
predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

LEAST = 1e-12
"""Probabilities below it count as this one, so that their logarithm is finite."""
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Calibration:
    """What turns the mean probabilities of an ensemble into honest ones, and into sets of classes.

    Attributes
    ----------
    temperature : float
        Above 1 where the networks were too sure of themselves.
    threshold : float
        Lowest probability, after scaling, of a class that belongs into the prediction set.
    coverage : float
        Share of nuclei whose set is to hold the true class.
    replicates : int
        Replicates that it was calibrated on.
    per_replicate : dict of str to float
        Coverage reached in each replicate when it is left out of the calibration; empty where there is only one.
    """

    temperature: float
    threshold: float
    coverage: float
    replicates: int
    per_replicate: dict[str, float]

    @property
    def holds_for_new_replicates(self) -> bool:
        """Whether there were enough replicates to promise the coverage for a new one."""
        return enough(self.replicates, self.coverage)

    def probabilities(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, k) scaled probabilities from the ensemble's."""
        return scaled(raw, self.temperature)

    def sets(self, probabilities: NDArray[np.float64], classes: Sequence[str]) -> list[tuple[str, ...]]:
        """The prediction set of each nucleus from its (N, k) scaled probabilities; may be empty."""
        return [tuple(np.asarray(classes, object)[row]) for row in probabilities >= self.threshold]


@dataclass(frozen=True)
class OutOfFold:
    """Predictions by models that had not seen a nucleus's replicate, averaged over the repeats.

    Attributes
    ----------
    probabilities : (N, k) float
    truth : (N,) int
        Index of the true class.
    replicate : (N,) str
    """

    probabilities: NDArray[np.float64]
    truth: NDArray[np.int64]
    replicate: NDArray[Any]

    def of(self, chosen: NDArray[np.bool_]) -> OutOfFold:
        """Those of some nuclei."""
        return OutOfFold(self.probabilities[chosen], self.truth[chosen], self.replicate[chosen])

    def right(self, temperature: float) -> NDArray[np.float64]:
        """(N,) scaled probability of the true class."""
        return scaled(self.probabilities, temperature)[np.arange(len(self.truth)), self.truth]


def calibrate(known: OutOfFold, coverage: float) -> Calibration:
    """Fit temperature and conformal threshold to out-of-fold predictions, so that sets reach `coverage`.

    Notes
    -----
    The ensemble that predicts new nuclei averages more models than predict a nucleus out of fold, so that it is a
    little better than what it is calibrated by. The temperature is fitted on the nuclei that the threshold comes from:
    with two classes it does not change which sets are made, since it leaves the order of probabilities as it is.
    """
    temperature, threshold = _fit(known, coverage)
    replicates = len(np.unique(known.replicate))
    return Calibration(temperature, threshold, coverage, replicates, coverage_by_replicate(known, coverage))


def _fit(known: OutOfFold, coverage: float) -> tuple[float, float]:
    temperature = fit_temperature(known.probabilities, known.truth)
    return temperature, conformal_threshold(known.right(temperature), known.replicate, coverage)


def scaled(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """(N, k) probabilities whose logarithms were divided by a temperature: above 1 they become more even."""
    logits = np.log(np.maximum(probabilities, LEAST)) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def fit_temperature(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """The temperature with the lowest negative log-likelihood (Guo et al., ICML 2017).

    Where every nucleus is told right, the likelihood rises without end as the temperature falls. Hence Platt's targets
    (Advances in Large Margin Classifiers, 1999): (N + 1) / (N + k) for the true class and 1 / (N + k) for each other,
    as if one more nucleus of each class had been seen.
    """
    n, k = probabilities.shape
    target = (np.eye(k)[truth] * n + 1) / (n + k)

    def loss(log_temperature: float) -> float:
        found = scaled(probabilities, np.exp(log_temperature))
        return -float((target * np.log(np.maximum(found, LEAST))).sum(axis=1).mean())

    bounds = tuple(np.log(TEMPERATURES))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x))


def enough(replicates: int, coverage: float) -> bool:
    """Whether a coverage can be promised for a new replicate: 9 replicates for 0.9, 4 for 0.8."""
    return replicates >= coverage * (replicates + 1) - 1e-9


def conformal_threshold(right: NDArray[np.float64], replicate: NDArray[Any], coverage: float) -> float:
    """Lowest probability of a class that belongs into the prediction set.

    Split conformal prediction (Angelopoulos and Bates, arXiv 2107.07511) with one minus the probability of the true
    class as score, where every replicate weighs the same, however many nuclei it has.

    Parameters
    ----------
    right : (N,) float
        Probability of the true class, out of fold.
    replicate : (N,) str
    coverage : float

    Returns
    -------
    float
        0 where no score is high enough: then every set holds all classes.

    Notes
    -----
    With at least coverage / (1 - coverage) replicates (9 for 0.9) this is hierarchical conformal prediction (Lee,
    Barber and Willett, arXiv 2306.06342): a nucleus of a *new* replicate has its true class in the set with at least
    this probability, on average over draws of replicates, **if** replicates are exchangeable: no other microscope,
    staining, donor pool or cell kind, and no more alike among each other than with the new one. With fewer, nothing
    finite can be promised for a new replicate, and the weight of the unseen goes to one more nucleus in each known
    replicate instead: what then holds, approximately, is the coverage of further nuclei of the same replicates.

    Not guaranteed in either case: the coverage of one particular replicate, of one class, or of the nuclei for which
    the set has one class. And the scores are those of the models of single folds while the sets are those of their
    ensemble, which theory does not cover.
    """
    names, member, sizes = np.unique(replicate, return_inverse=True, return_counts=True)
    if enough(len(names), coverage):
        weights = 1 / (sizes[member] * (len(names) + 1))
    else:
        weights = 1 / ((sizes[member] + 1) * len(names))
    order = np.argsort(-right, kind="stable")
    reached = np.cumsum(weights[order]) >= coverage - 1e-9
    return float(right[order[reached.argmax()]]) if reached.any() else 0.0


def coverage_by_replicate(known: OutOfFold, coverage: float) -> dict[str, float]:
    """The share of each replicate's nuclei whose set holds the true class, calibrated on all other replicates.

    These are one fewer than serve new nuclei, so that just `enough` replicates are not enough here.
    """
    found = {}
    for name in np.unique(known.replicate):
        own = known.replicate == name
        if own.all():
            return {}
        temperature, threshold = _fit(known.of(~own), coverage)
        found[str(name)] = float((known.of(own).right(temperature) >= threshold).mean())
    return found
