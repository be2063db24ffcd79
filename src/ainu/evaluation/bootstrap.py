"""Intervals of scores by a bootstrap over replicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from ainu.evaluation.scores import Floats, scores, weighted_scores

DRAWS = 1000
"""Of the bootstrap."""


@dataclass(frozen=True)
class Draws:
    """A bootstrap over replicates: whole replicates with replacement, all their nuclei together.

    Attributes
    ----------
    weights : (D, N) float
        How often each nucleus counts in each draw; draws that lack a class are left out.
    replicates : int
        Of the class with the fewest.
    """

    weights: Floats
    replicates: int

    @classmethod
    def of(
        cls, replicate: NDArray[Any], truth: NDArray[np.int64], classes: int, *, seed: int, draws: int = DRAWS
    ) -> Draws:
        """Draw replicates with replacement.

        Parameters
        ----------
        replicate : (N,) str
            Of each nucleus.
        truth : (N,) int64
            Index of the class of each nucleus.
        classes : int
            Number of classes.
        seed : int
            Of the draws.
        draws : int
            How many; those that lack a class are dropped.

        Returns
        -------
        Draws
        """
        names, member = np.unique(replicate, return_inverse=True)
        times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
        weights = times[:, member].astype(np.float64)
        of_class = [truth == label for label in range(classes)]
        complete = np.all([weights[:, own].any(axis=1) for own in of_class], axis=0)
        return cls(weights[complete], min(len(np.unique(replicate[own])) for own in of_class))

    def __bool__(self) -> bool:
        """Whether there is an interval: not if a class has a single replicate."""
        return len(self.weights) > 0 and self.replicates > 1

    def interval(self, drawn: Floats) -> Floats:
        """(2, ...) ends of the 95 % interval of (D, ...) values."""
        return interval(drawn, self.replicates)

    def valued(self, value: float, drawn: Floats | None) -> dict[str, Any]:
        """`value` and `ci`, the 95 % interval of the (D,) drawn values, or None where there is none."""
        return {"value": float(value), "ci": self.interval(drawn).tolist() if self and drawn is not None else None}


def interval(drawn: Floats, replicates: int) -> Floats:
    """95 % interval of draws of a bootstrap over replicates.

    This is the expanded percentile interval (Hesterberg, The American Statistician 69:371, 2015). The fewer replicates
    there are, the farther out the percentiles lie: by Student's t, for a variance that is estimated from few, and by
    the factor (n - 1) / n by which a bootstrap underestimates it. Plain percentiles are too narrow for the few
    replicates of an experiment.

    Parameters
    ----------
    drawn : (D, ...) float64
        NaN is left out.
    replicates : int
        At least 2.

    Returns
    -------
    (2, ...) float64
        Lower and upper ends.
    """
    tail = ndtr(np.sqrt(replicates / (replicates - 1)) * stdtrit(replicates - 1, 0.025))
    return np.nanquantile(drawn, [tail, 1 - tail], axis=0)


def with_intervals(
    truth: NDArray[np.int64], probabilities: Floats, replicate: NDArray[Any], *, seed: int, draws: int = DRAWS
) -> dict[str, dict[str, Any]]:
    """Each metric with its 95 % interval from a bootstrap over replicates.

    Parameters
    ----------
    truth : (N,) int64
        Index of the true class.
    probabilities : (N, k) float64
        Of each class.
    replicate : (N,) str
        Of each nucleus.
    seed, draws : int
        Of the bootstrap.

    Returns
    -------
    dict
        `value` and `ci` of each metric.
    """
    bootstrap = Draws.of(replicate, truth, probabilities.shape[1], seed=seed, draws=draws)
    drawn = weighted_scores(truth, probabilities, bootstrap.weights) if bootstrap else {}
    values = scores(truth, probabilities)
    return {name: bootstrap.valued(value, drawn.get(name)) for name, value in values.items()}


def differences(
    truth: NDArray[np.int64], one: Floats, other: Floats, replicate: NDArray[Any], *, seed: int, draws: int = DRAWS
) -> dict[str, dict[str, Any]]:
    """Each metric of one set of predictions minus that of another, over the same draws of replicates.

    Parameters
    ----------
    truth : (N,) int64
        Index of the true class.
    one, other : (N, k) float64
        Probabilities of the same nuclei.
    replicate : (N,) str
        Of each nucleus.
    seed, draws : int
        Of the bootstrap.

    Returns
    -------
    dict
        `value` and `ci` of each metric.
    """
    bootstrap = Draws.of(replicate, truth, one.shape[1], seed=seed, draws=draws)
    values, others = scores(truth, one), scores(truth, other)
    drawn = weighted_scores(truth, one, bootstrap.weights) if bootstrap else {}
    drawn_others = weighted_scores(truth, other, bootstrap.weights) if bootstrap else {}
    return {
        name: bootstrap.valued(value - others[name], drawn[name] - drawn_others[name] if drawn else None)
        for name, value in values.items()
    }
