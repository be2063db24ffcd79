"""Scores of predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def scores(truth: NDArray[np.int64], probabilities: Floats) -> dict[str, float]:
    """Metrics of (N,) true classes against (N, k) probabilities, as `weighted_scores` has them."""
    once = np.ones((1, len(truth)))
    return {name: float(values[0]) for name, values in weighted_scores(truth, probabilities, once).items()}


def weighted_scores(truth: NDArray[np.int64], probabilities: Floats, weights: Floats) -> dict[str, Floats]:
    """Metrics of many weighted samples of the same predictions at once, such as the draws of a bootstrap.

    Parameters
    ----------
    truth : (N,) int
        Index of the true class.
    probabilities : (N, k) float
        Of each class.
    weights : (D, N) float
        How often each nucleus counts in each sample. Each class has to have some weight.

    Returns
    -------
    dict of str to (D,) float
        `balanced_accuracy` (mean recall of the classes), `weighted_accuracy` (recall weighted by the size of the
        classes: the share of nuclei that are classified correctly), `auroc` and `average_precision` (one-vs-rest, mean
        of the classes), `mcc` (Gorodkin 2004 for several classes), `f1` (mean of the classes), `brier` (sum over the
        classes), `log_loss` (natural), `ece` (ten bins of confidence).
    """
    predicted, target = probabilities.argmax(1), np.eye(probabilities.shape[1])[truth]
    total, right = weights.sum(axis=1), predicted == truth
    guessed = np.eye(target.shape[1])[predicted]
    recall, _, f1 = _per_class(target, guessed, weights)
    surprise = -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], np.finfo(float).eps))
    curves = [Ranking.of(target[:, c], probabilities[:, c], weights) for c in range(target.shape[1])]
    return {
        "balanced_accuracy": recall.mean(axis=1),
        "weighted_accuracy": weights @ right / total,
        "auroc": np.mean([curve.auroc() for curve in curves], axis=0),
        "average_precision": np.mean([curve.average_precision() for curve in curves], axis=0),
        "mcc": _mcc(target, guessed, weights),
        "f1": f1.mean(axis=1),
        "brier": weights @ ((probabilities - target) ** 2).sum(axis=1) / total,
        "log_loss": weights @ surprise / total,
        "ece": _calibration_error(probabilities.max(1), right, weights),
    }


def _per_class(target: Floats, guessed: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """(D, k) recall, precision (0 where a class is never called) and F1 of each class."""
    hits, true, called = weights @ (target * guessed), weights @ target, weights @ guessed
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    return hits / true, precision, 2 * hits / (true + called)


def per_class(truth: NDArray[np.int64], probabilities: Floats, weights: Floats) -> dict[str, Floats]:
    """Recall, precision and F1 of each class.

    Parameters
    ----------
    truth : (N,) int64
        Index of the true class.
    probabilities : (N, k) float64
        Of each class.
    weights : (D, N) float64
        As in `weighted_scores`.

    Returns
    -------
    dict of str to (D, k) float64
        `recall`, `precision` and `f1`.
    """
    classes = np.eye(probabilities.shape[1])
    found = _per_class(classes[truth], classes[probabilities.argmax(1)], weights)
    return dict(zip(("recall", "precision", "f1"), found, strict=True))


class Ranking:
    """Nuclei in order of falling score: `up` and `down`, (D, m) weight of positives and negatives at each score."""

    def __init__(self, up: Floats, down: Floats) -> None:
        self.up, self.down = up, down

    @classmethod
    def of(cls, positive: Floats, score: Floats, weights: Floats) -> Ranking:
        """Rank nuclei by their score; equal scores share a place.

        Parameters
        ----------
        positive : (N,) float64
            1 where a nucleus is of the class, else 0.
        score : (N,) float64
            Higher for nuclei that are more likely of the class.
        weights : (D, N) float64
            As in `weighted_scores`.

        Returns
        -------
        Ranking
        """
        order = np.argsort(-score, kind="stable")
        starts = np.flatnonzero(np.diff(score[order], prepend=np.inf))
        ordered, sign = weights[:, order], positive[order]
        return cls(
            np.add.reduceat(ordered * sign, starts, axis=1), np.add.reduceat(ordered * (1 - sign), starts, axis=1)
        )

    def auroc(self) -> Floats:
        """(D,) share of pairs of a positive and a negative that the score puts in order; ties count half."""
        below = self.down.sum(axis=1, keepdims=True) - np.cumsum(self.down, axis=1)
        return (self.up * (below + self.down / 2)).sum(axis=1) / (self.up.sum(axis=1) * self.down.sum(axis=1))

    def average_precision(self) -> Floats:
        """(D,) precision at each score, weighted by the recall gained there."""
        return (self.up * self.precision()).sum(axis=1) / self.up.sum(axis=1)

    def precision(self) -> Floats:
        """(D, m) share of positives among all with this score or a higher one; 1 where there is none."""
        hits, called = np.cumsum(self.up, axis=1), np.cumsum(self.up + self.down, axis=1)
        return np.divide(hits, called, out=np.ones_like(hits), where=called > 0)

    def rates(self) -> tuple[Floats, Floats]:
        """(D, m) false and true positive rate when the threshold is each score."""
        return tuple(np.cumsum(part, axis=1) / part.sum(axis=1, keepdims=True) for part in (self.down, self.up))  # type: ignore[return-value]


def _mcc(target: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Matthews correlation: covariance of true and predicted class over the root of their variances; 0 if constant."""
    total = weights.sum(axis=1)
    hits = (weights @ (target * predicted).sum(axis=1)) / total
    a, b = (weights @ target) / total[:, None], (weights @ predicted) / total[:, None]
    spread = np.sqrt(np.maximum((1 - (a**2).sum(axis=1)) * (1 - (b**2).sum(axis=1)), 0))
    return np.divide(hits - (a * b).sum(axis=1), spread, out=np.zeros_like(spread), where=spread > 0)


def _calibration_error(confidence: Floats, right: NDArray[np.bool_], weights: Floats, bins: int = 10) -> Floats:
    """Expected calibration error: mean gap between confidence and accuracy over bins of equal width."""
    inside = np.eye(bins)[np.minimum((confidence * bins).astype(int), bins - 1)]
    gap = (weights * (confidence - right)) @ inside
    return np.abs(gap).sum(axis=1) / weights.sum(axis=1)
