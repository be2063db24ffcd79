"""Was super-resolution needed? The score of classifiers trained anew on nuclei that are seen less and less sharply.

What decides are the hand-made features, measured and classified anew at every level of blur on the same folds: where
their score is lost, the evidence is gone. Trained networks asked on blurred nuclei only say how robust they are to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from ainu.evaluation.baselines import MODELS, cross_validated
from ainu.evaluation.bootstrap import differences, with_intervals
from ainu.images.blur import LIGHT, Blur
from ainu.images.dataset import Dataset
from ainu.intervals import Interval
from ainu.prediction.table import pooled_truth

SCORE, CHANCE = "auroc", 0.5
"""What is compared between levels, since it depends on the order of the nuclei alone, and its chance level."""
ENOUGH = 0.9
"""Share of the score above chance that has to be left for a light microscope to have done as well."""
NEEDED, LIGHT_ENOUGH, UNDECIDED, NOTHING = "super-resolution", "light microscope", "undecided", "nothing to lose"
"""Verdicts."""

Predictions = Mapping[str, pd.DataFrame]
"""Out-of-fold predictions by the name of the level of blur."""


@dataclass(frozen=True)
class Point:
    """Scores at one level of blur.

    Attributes
    ----------
    level : str
        Name of the level, "0" or `LIGHT`, say.
    jitter_nm : float, optional
        Standard deviation of the jitter; None for the light microscope.
    auroc, balanced_accuracy : mapping
        `value` and `ci`.
    """

    level: str
    jitter_nm: float | None
    auroc: Mapping[str, Any]
    balanced_accuracy: Mapping[str, Any]


@dataclass(frozen=True)
class Curve:
    """Score against blur.

    Attributes
    ----------
    name : str
        Of the classifier.
    what : str
        How it was made.
    points : tuple of Point
        No blur first, the light microscope last.
    """

    name: str
    what: str
    points: tuple[Point, ...]

    @property
    def jittered(self) -> list[Point]:
        """The points of jitter, the light microscope left out."""
        return [point for point in self.points if point.jitter_nm is not None]


@dataclass(frozen=True)
class Finding:
    """What follows from the curve of classifiers trained anew.

    Attributes
    ----------
    verdict : str
        `NEEDED`, `LIGHT_ENOUGH`, `UNDECIDED` or `NOTHING`.
    scale_nm : float, optional
        Jitter at which the score has fallen halfway to chance, interpolated between levels; None where it does not.
    loss : mapping, optional
        `value` and `ci` of the score without blur less that of the light microscope.
    says : str
        In a sentence.
    """

    verdict: str
    scale_nm: float | None
    loss: Mapping[str, Any] | None
    says: str


@dataclass(frozen=True)
class ResolutionAudit:
    """Score against blur, and what follows.

    Attributes
    ----------
    features : Curve
        Hand-made features, classified anew at every level.
    robustness, retrained : Curve, optional
        Trained networks asked on blurred nuclei; the control network, trained anew at every level.
    finding : Finding
    """

    features: Curve
    robustness: Curve | None
    retrained: Curve | None
    finding: Finding

    @property
    def curves(self) -> dict[str, Curve]:
        """Those that were made, by what they are called in files."""
        named = {"features": self.features, "robustness": self.robustness, "retrained": self.retrained}
        return {name: curve for name, curve in named.items() if curve is not None}

    @property
    def content(self) -> dict[str, Any]:
        """As `metrics.json` has it."""
        return {
            "title": "Score against blur",
            "score": SCORE,
            "chance": CHANCE,
            "verdict": self.finding.verdict,
            "scale_nm": self.finding.scale_nm,
            "loss_to_light_microscope": self.finding.loss,
            "says": self.finding.says,
            "curves": {
                key: {"name": curve.name, "what": curve.what, "points": [dict(vars(point)) for point in curve.points]}
                for key, curve in self.curves.items()
            },
        }

    @property
    def table(self) -> pd.DataFrame:
        """A row per curve and level: `curve level jitter_nm`, and the scores with the ends of their intervals."""
        rows = []
        for key, curve in self.curves.items():
            for point in curve.points:
                row: dict[str, Any] = {"curve": key, "level": point.level, "jitter_nm": point.jitter_nm}
                for name in (SCORE, "balanced_accuracy"):
                    own = Interval.of(getattr(point, name))
                    row |= {name: own.value, f"{name}_low": own.low, f"{name}_high": own.high}
                rows.append(row)
        return pd.DataFrame(rows)


def audit(
    features: Predictions,
    classes: Sequence[str],
    seed: int,
    robustness: Predictions | None = None,
    retrained: Predictions | None = None,
) -> ResolutionAudit:
    """Say from predictions at all levels of blur what resolution was needed.

    Parameters
    ----------
    features : mapping of str to DataFrame
        Out-of-fold predictions from hand-made features, as `classified` gives them.
    classes : sequence of str
        In the order of the probabilities.
    seed : int
        Of the bootstrap.
    robustness, retrained : mapping of str to DataFrame, optional
        The same by the trained networks, and by networks trained at each level.

    Returns
    -------
    ResolutionAudit
    """
    own = _curve("hand-made features", "measured and classified anew at every level", features, classes, seed)
    return ResolutionAudit(
        own,
        _optional("networks, robustness to blur", "trained on sharp nuclei, asked on blurred ones; first repeat",
                  robustness, classes, seed),
        _optional("control network", "trained anew at every level; first repeat", retrained, classes, seed),
        finding(own, _loss(features, classes, seed)),
    )  # fmt: skip


def classified(
    values: Mapping[str, pd.DataFrame], dataset: Dataset, folds: pd.DataFrame, classes: Sequence[str], seed: int
) -> dict[str, pd.DataFrame]:
    """Train a classifier on the features of each level.

    Which one, logistic regression or random forest, is decided without blur: choosing the luckier one at every level
    would let the curve fall too late.

    Parameters
    ----------
    values : mapping of str to DataFrame
        Features of the nuclei of the dataset by the name of the level, no blur first.
    dataset, folds, classes, seed :
        As for `baselines.cross_validated`.

    Returns
    -------
    dict of str to DataFrame
        Out-of-fold predictions by level.
    """

    def predicted(model: str, level: str) -> pd.DataFrame:
        own = values[level].to_numpy(np.float64)
        return cross_validated(MODELS[model], own, dataset, folds, classes, seed)

    first, *others = values
    sharp = {model: predicted(model, first) for model in MODELS}
    best = max(sharp, key=lambda model: _scored(sharp[model], classes, seed)[SCORE]["value"])
    return {first: sharp[best]} | {level: predicted(best, level) for level in others}


def finding(curve: Curve, loss: Mapping[str, Any]) -> Finding:
    """What follows from the curve of classifiers trained anew.

    Parameters
    ----------
    curve : Curve
        No blur first, the light microscope last.
    loss : mapping
        `value` and `ci` of the first score less the last, over the same draws of replicates.

    Returns
    -------
    Finding
    """
    sharp, light = (Interval.of(curve.points[place].auroc) for place in (0, -1))
    if sharp.low is None or sharp.value is None or light.value is None:
        says = "Whether super-resolution was needed cannot be said: too few replicates for an interval."
        return Finding(UNDECIDED, None, None, says)
    if sharp.low <= CHANCE:
        says = (
            "Blur has nothing to take away: hand-made features of the sharp nuclei are not shown to distinguish the "
            f"classes (AUROC {sharp}, chance level {CHANCE:.2f})."
        )
        return Finding(NOTHING, None, None, says)
    scale = halfway([(point.jitter_nm or 0.0, point.auroc["value"]) for point in curve.jittered])
    compared = (
        f"hand-made features reach an AUROC of {light.value:.2f} on its images, {sharp.value:.2f} on localizations"
    )
    if light.value - CHANCE >= ENOUGH * (sharp.value - CHANCE):
        return Finding(LIGHT_ENOUGH, scale, loss, f"A light microscope would have done as well: {compared}.")
    half = _of_scale(scale, curve)
    if (Interval.of(loss).low or 0) <= 0:
        says = f"Whether a light microscope would have done as well is not shown: {compared}. {half}"
        return Finding(UNDECIDED, scale, loss, says)
    return Finding(NEEDED, scale, loss, f"Super-resolution was needed: {half} With a light microscope, {compared}.")


def _of_scale(scale: float | None, curve: Curve) -> str:
    if scale is None:
        return f"The evidence outlasts a jitter of {curve.jittered[-1].level} nm: more than half of the score is left."
    nm = _rounded(scale)
    return f"The evidence lies at scales down to {nm} nm: a jitter of {nm} nm takes half of the score above chance."


def _rounded(nm: float) -> str:
    """With two significant figures."""
    return f"{float(f'{nm:.2g}'):g}"


def halfway(curve: Sequence[tuple[float, float]]) -> float | None:
    """Where a score has fallen halfway to chance.

    More blur cannot add evidence, so the scores are first fitted by the nearest ones that never rise.

    Parameters
    ----------
    curve : sequence of (float, float)
        Jitter, nm, and score; no jitter first.

    Returns
    -------
    float, optional
        nm, interpolated between levels; None where it stays above.
    """
    nm, score = np.array(curve, np.float64).T
    falling = IsotonicRegression(increasing=False).fit_transform(nm, score)
    half = CHANCE + (falling[0] - CHANCE) / 2
    below = np.flatnonzero(falling <= half)
    if falling[0] <= CHANCE or not len(below):
        return None
    after = int(below[0])
    left = (falling[after - 1] - half) / (falling[after - 1] - falling[after])
    return float(nm[after - 1] + left * (nm[after] - nm[after - 1]))


def _scored(table: pd.DataFrame, classes: Sequence[str], seed: int) -> dict[str, dict[str, Any]]:
    rows, truth, values = pooled_truth(table, classes)
    return with_intervals(truth, values, rows["replicate"].to_numpy(), seed=seed)


def _loss(tables: Predictions, classes: Sequence[str], seed: int) -> dict[str, Any]:
    """The score without blur less that of the light microscope."""
    sharp, light = ([*tables.values()][place].sort_values(["nucleus", "repeat"]) for place in (0, -1))
    rows, truth, values = pooled_truth(sharp, classes)
    others: NDArray[np.float64] = pooled_truth(light, classes)[2]
    return differences(truth, values, others, rows["replicate"].to_numpy(), seed=seed)[SCORE]


def _curve(name: str, what: str, tables: Predictions, classes: Sequence[str], seed: int) -> Curve:
    points = []
    for level, table in tables.items():
        own = _scored(table, classes, seed)
        jitter = None if level == LIGHT else float(level)
        points.append(Point(level, jitter, own[SCORE], own["balanced_accuracy"]))
    return Curve(name, what, tuple(points))


def _optional(name: str, what: str, tables: Predictions | None, classes: Sequence[str], seed: int) -> Curve | None:
    return _curve(name, what, tables, classes, seed) if tables else None


def control_predictions(controls: pd.DataFrame, levels: Sequence[Blur], sharp: pd.DataFrame) -> Predictions:
    """Predictions of control networks trained at each level of blur; none where they were not trained.

    Parameters
    ----------
    controls : DataFrame
        Predictions with a column `control`, the name of a level among them as `Blur.control`.
    levels : sequence of Blur
        No blur first.
    sharp : DataFrame
        Predictions of the same network trained without blur.

    Returns
    -------
    mapping of str to DataFrame
    """
    trained = {blur.name: controls[controls["control"] == blur.control] for blur in levels[1:]}
    if any(table.empty for table in trained.values()):
        return {}
    return {levels[0].name: sharp} | trained
