"""Calibration from out-of-fold predictions: temperature scaling of probabilities, and conformal prediction sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

LOWEST = 1e-12
"""Probabilities below it are raised to it, so that their logarithm is finite."""
TEMPERATURES = (0.05, 20.0)
"""Between which the temperature is sought."""


@dataclass(frozen=True)
class Calibration:
    """How the mean probabilities of an ensemble are calibrated and turned into sets of classes.

    Attributes
    ----------
    temperature : float
        Above 1 where the networks were overconfident.
    threshold : float
        Lowest probability, after scaling, of a class in the prediction set.
    coverage : float
        Share of nuclei whose prediction set should hold the true class.
    replicates : int
        Replicates that it was calibrated on.
    per_replicate : dict of str to float
        Coverage reached in each replicate when it is left out of the calibration; empty with a single replicate.
    """

    temperature: float
    threshold: float
    coverage: float
    replicates: int
    per_replicate: dict[str, float]

    @property
    def holds_for_new_replicates(self) -> bool:
        """Whether there were enough replicates to guarantee the coverage for a new one."""
        return enough_replicates(self.replicates, self.coverage)

    def probabilities(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, k) calibrated probabilities from the (N, k) mean probabilities of the ensemble."""
        return scaled(raw, self.temperature)

    def sets(self, probabilities: NDArray[np.float64], classes: Sequence[str]) -> list[tuple[str, ...]]:
        """The prediction set of each nucleus, from (N, k) calibrated probabilities; it may be empty."""
        return [tuple(np.asarray(classes, object)[row]) for row in probabilities >= self.threshold]


@dataclass(frozen=True)
class CalibrationSet:
    """Out-of-fold predictions, averaged over the repeats, with the true classes.

    Attributes
    ----------
    probabilities : (N, k) float64
        Of each class.
    truth : (N,) int64
        Index of the true class.
    replicate : (N,) str
        The replicate of each nucleus.
    """

    probabilities: NDArray[np.float64]
    truth: NDArray[np.int64]
    replicate: NDArray[Any]

    def of(self, chosen: NDArray[np.bool_]) -> CalibrationSet:
        """Those of the nuclei that a mask (N,) chooses."""
        return CalibrationSet(self.probabilities[chosen], self.truth[chosen], self.replicate[chosen])

    def true_class(self, temperature: float) -> NDArray[np.float64]:
        """(N,) probability of the true class after scaling."""
        return scaled(self.probabilities, temperature)[np.arange(len(self.truth)), self.truth]


def calibrate(known: CalibrationSet, coverage: float) -> Calibration:
    """Fit temperature and conformal threshold to out-of-fold predictions.

    Parameters
    ----------
    known : CalibrationSet
        Out-of-fold predictions of nuclei of known class.
    coverage : float
        Share of nuclei whose prediction set is to hold the true class.

    Returns
    -------
    Calibration

    Notes
    -----
    The ensemble that predicts new nuclei averages more models than predict a nucleus out of fold, so that it is a
    little better than what it is calibrated by. The temperature is fitted to the nuclei that the threshold comes from:
    with two classes it does not change which sets result, since it keeps the order of the probabilities.
    """
    temperature, threshold = _fit(known, coverage)
    replicates = len(np.unique(known.replicate))
    return Calibration(temperature, threshold, coverage, replicates, coverage_by_replicate(known, coverage))


def _fit(known: CalibrationSet, coverage: float) -> tuple[float, float]:
    temperature = fit_temperature(known.probabilities, known.truth)
    return temperature, conformal_threshold(known.true_class(temperature), known.replicate, coverage)


def scaled(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """(N, k) probabilities with logarithms divided by a temperature; above 1 they become more even."""
    logits = np.log(np.maximum(probabilities, LOWEST)) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def fit_temperature(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """The temperature with the lowest negative log-likelihood (Guo et al., ICML 2017).

    Where every nucleus is classified correctly, the likelihood grows without limit as the temperature falls. Hence
    Platt's targets (Advances in Large Margin Classifiers, 1999): (N + 1) / (N + k) for the true class and 1 / (N + k)
    for each other, as if one more nucleus of each class had been seen.

    Parameters
    ----------
    probabilities : (N, k) float64
        Of each class.
    truth : (N,) int64
        Index of the true class.

    Returns
    -------
    float
    """
    n, k = probabilities.shape
    target = (np.eye(k)[truth] * n + 1) / (n + k)

    def loss(log_temperature: float) -> float:
        found = scaled(probabilities, np.exp(log_temperature))
        return -float((target * np.log(np.maximum(found, LOWEST))).sum(axis=1).mean())

    bounds = tuple(np.log(TEMPERATURES))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x))


def enough_replicates(replicates: int, coverage: float) -> bool:
    """Whether a coverage can be guaranteed for a new replicate: 9 replicates are needed for 0.9, 4 for 0.8."""
    return replicates >= coverage * (replicates + 1) - 1e-9


def conformal_threshold(probability: NDArray[np.float64], replicate: NDArray[Any], coverage: float) -> float:
    """Lowest probability of a class in the prediction set.

    Split conformal prediction (Angelopoulos and Bates, arXiv 2107.07511) with one minus the probability of the true
    class as score, where every replicate weighs the same, however many nuclei it has.

    Parameters
    ----------
    probability : (N,) float64
        Of the true class, out of fold.
    replicate : (N,) str or int
        The replicate of each nucleus.
    coverage : float
        Share of nuclei whose set should hold the true class.

    Returns
    -------
    float
        0 where no threshold reaches the coverage: then every set holds all classes.

    Notes
    -----
    With at least coverage / (1 - coverage) replicates (9 for 0.9) this is hierarchical conformal prediction (Lee,
    Barber and Willett, arXiv 2306.06342): a nucleus of a *new* replicate has its true class in the set with at least
    this probability, on average over draws of replicates, **if** replicates are exchangeable: no other microscope,
    staining, donor pool or cell type, and no more similar among each other than to the new one. With fewer, nothing
    can be guaranteed for a new replicate, and the weight of the unseen goes to one more nucleus in each known replicate
    instead: what then holds, approximately, is the coverage of further nuclei of the same replicates.

    Not guaranteed in either case: the coverage of one particular replicate, of one class, or of the nuclei for which
    the set has one class. And the scores are of models of single folds while the sets are of their ensemble, which the
    theory does not cover.
    """
    names, member, sizes = np.unique(replicate, return_inverse=True, return_counts=True)
    if enough_replicates(len(names), coverage):
        weights = 1 / (sizes[member] * (len(names) + 1))
    else:
        weights = 1 / ((sizes[member] + 1) * len(names))
    order = np.argsort(-probability, kind="stable")
    reached = np.cumsum(weights[order]) >= coverage - 1e-9
    return float(probability[order[reached.argmax()]]) if reached.any() else 0.0


def coverage_by_replicate(known: CalibrationSet, coverage: float) -> dict[str, float]:
    """Coverage of each replicate when calibrated on all others; empty with a single replicate.

    The others are one fewer than for new nuclei, so that a number of replicates that just suffices there does not here.

    Parameters
    ----------
    known : CalibrationSet
        Out-of-fold predictions of nuclei of known class.
    coverage : float
        As in `calibrate`.

    Returns
    -------
    dict of str to float
        Share of the replicate's nuclei whose set holds the true class.
    """
    found = {}
    for name in np.unique(known.replicate):
        own = known.replicate == name
        if own.all():
            return {}
        temperature, threshold = _fit(known.of(~own), coverage)
        found[str(name)] = float((known.of(own).true_class(temperature) >= threshold).mean())
    return found
