"""Curves of an evaluation: over thresholds, probabilities against frequencies, scores against the amount of data.

Bands are 95 % intervals of a bootstrap over replicates, at each place of the x axis by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ainu.evaluation.bootstrap import Draws
from ainu.evaluation.scores import Floats, Ranking
from ainu.figures.colours import class_colour
from ainu.figures.names import short
from ainu.figures.style import absent, styled

GRID = np.linspace(0, 1, 101)
"""Places of the x axis at which a band is measured."""
BINS = 10
"""Of the reliability curve."""


@styled
def roc(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], classes: Sequence[str], draws: Draws | None = None
) -> Figure:
    """ROC curves: one for two classes, one-vs-rest for more.

    Parameters
    ----------
    truth : (n,) int
        Index of the true class.
    probabilities : (n, k) float
        Predicted probability of each class.
    classes : sequence of k str
        Names in the order of the columns.
    draws : Draws, optional
        Of the bootstrap, for the band.

    Returns
    -------
    Figure
    """
    figure, axis = _square("false positive rate", "true positive rate")
    lines = [
        _threshold_curve(axis, *shown, draws, _roc_line, "AUROC", Ranking.auroc)
        for shown in _shown(truth, probabilities, classes)
    ]
    lines += axis.plot([0, 1], [0, 1], color="0.45", linestyle="--", linewidth=1, label="chance")
    _legend(axis, lines, "lower right")
    return figure


@styled
def precision_recall(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], classes: Sequence[str], draws: Draws | None = None
) -> Figure:
    """Precision against recall, with the share of each class (the precision of guessing) dotted.

    Parameters
    ----------
    truth : (n,) int
        Index of the true class.
    probabilities : (n, k) float
        Predicted probability of each class.
    classes : sequence of k str
        Names in the order of the columns.
    draws : Draws, optional
        Of the bootstrap, for the band.

    Returns
    -------
    Figure
    """
    figure, axis = _square("recall", "precision")
    lines = []
    for index, name, positive, score in _shown(truth, probabilities, classes):
        own = (axis, index, name, positive, score, draws)
        lines.append(_threshold_curve(*own, _precision_line, "AP", Ranking.average_precision))
        axis.axhline(positive.mean(), color=class_colour(index), linestyle=":", linewidth=1)
    _legend(axis, lines, "lower left")
    return figure


@styled
def reliability(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], classes: Sequence[str], draws: Draws | None = None
) -> Figure:
    """Observed share of a class among nuclei with a predicted probability of it (calibration).

    Parameters
    ----------
    truth : (n,) int
        Index of the true class.
    probabilities : (n, k) float
        Predicted probability of each class.
    classes : sequence of k str
        Names in the order of the columns.
    draws : Draws, optional
        Of the bootstrap, for the band.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(4.6, 5.4), layout="constrained")
    axis, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    lines = []
    for index, name, positive, score in _shown(truth, probabilities, classes):
        place, share, low, high = reliability_curve(positive, score, draws)
        lines += axis.plot(place, share, "-", color=class_colour(index), linewidth=1.2, label=name)
        number = np.histogram(score, np.linspace(0, 1, BINS + 1))[0]
        axis.scatter(place, share, 60 * number[number > 0] / number.max(), class_colour(index))
        if low is not None:
            axis.fill_between(place, low, high, color=class_colour(index), alpha=0.18, linewidth=0)
        below.hist(score, np.linspace(0, 1, BINS + 1), histtype="step", color=class_colour(index))
    lines += axis.plot([0, 1], [0, 1], color="0.45", linestyle="--", linewidth=1, label="perfectly calibrated")
    axis.set(ylabel="observed share of the class", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    below.set(xlabel="predicted probability of the class", ylabel="nuclei")
    _legend(figure, lines, "outside lower center")
    return figure


def reliability_curve(
    positive: NDArray[np.bool_], score: Floats, draws: Draws | None = None
) -> tuple[Floats, Floats, Floats | None, Floats | None]:
    """Reliability of a score in bins of equal width, of those with nuclei.

    Parameters
    ----------
    positive : (n,) bool
        Whether a nucleus is of the class.
    score : (n,) float64
        Predicted probability of the class.
    draws : Draws, optional
        Of the bootstrap, for the band.

    Returns
    -------
    mean, share : (b,) float64
        Mean score and share of positives in each bin.
    low, high : (b,) float64, optional
        Ends of the band of the share.
    """
    inside = np.eye(BINS)[np.minimum((score * BINS).astype(int), BINS - 1)]
    filled = inside.any(axis=0)
    inside = inside[:, filled]
    number = inside.sum(axis=0)
    place, share = score @ inside / number, positive @ inside / number
    if not draws:
        return place, share, None, None
    drawn = draws.weights @ inside
    shares = np.divide((draws.weights * positive) @ inside, drawn, out=np.full_like(drawn, np.nan), where=drawn > 0)
    return place, share, *draws.interval(shares)


def _legend(where: Axes | Figure, lines: Sequence[Line2D], place: Any) -> None:
    """A legend of all lines, also of those whose names matplotlib would take for internal ones."""
    where.legend(lines, [str(line.get_label()) for line in lines], loc=place)


def _square(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    axis = figure.add_subplot(aspect="equal")
    axis.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    return figure, axis


def _shown(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], classes: Sequence[str]
) -> Iterator[tuple[int, str, NDArray[np.bool_], Floats]]:
    """Index, name, (n,) whether a nucleus is of it, and (n,) score of each class that gets a curve."""
    for index in range(1, 2) if len(classes) == 2 else range(len(classes)):
        against = short(classes[0]) if len(classes) == 2 else "rest"
        name = f"{short(classes[index])} against {against}"
        yield index, name, np.asarray(truth) == index, np.asarray(probabilities, np.float64)[:, index]


def _threshold_curve(
    axis: Axes,
    index: int,
    name: str,
    positive: NDArray[np.bool_],
    score: Floats,
    draws: Draws | None,
    line: Callable[[Ranking], tuple[Floats, Floats, Floats]],
    area: str,
    measure: Callable[[Ranking], Floats],
) -> Line2D:
    colour = class_colour(index)
    if positive.all() or not positive.any():
        return axis.plot([], [], color=colour, label=f"{name}: one class only, no curve")[0]
    ranking = Ranking.of(positive.astype(float), score, np.ones((1, len(score))))
    x, y, _ = line(ranking)
    (drawn,) = axis.plot(x[0], y[0], color=colour, linewidth=1.8, label=f"{name}\n{area} {measure(ranking)[0]:.3f}")
    if draws:
        _, _, at_grid = line(Ranking.of(positive.astype(float), score, draws.weights))
        low, high = draws.interval(at_grid)
        axis.fill_between(GRID, low, high, color=colour, alpha=0.18, linewidth=0)
    return drawn


def _roc_line(ranking: Ranking) -> tuple[Floats, Floats, Floats]:
    """False and true positive rates from (0, 0) on, and the true one at each place of the grid."""
    false, true = (np.pad(rate, ((0, 0), (1, 0))) for rate in ranking.rates())
    return false, true, np.stack([np.interp(GRID, x, y) for x, y in zip(false, true, strict=True)])


def _precision_line(ranking: Ranking) -> tuple[Floats, Floats, Floats]:
    """Recall and precision, and the precision when each recall of the grid is first reached."""
    recall, precision = ranking.rates()[1], ranking.precision()
    last = recall.shape[1] - 1
    at_grid = [p[np.minimum(np.searchsorted(r, GRID - 1e-12), last)] for r, p in zip(recall, precision, strict=True)]
    return recall, precision, np.stack(at_grid)


@styled
def null_distribution(permutation: Mapping[str, Any]) -> Figure:
    """Scores with permuted labels, and the score with the real ones.

    Parameters
    ----------
    permutation : mapping
        `null`, `value`, `p`, `statistic` and `title`, and under `baselines` the same of others.

    Returns
    -------
    Figure
    """
    shown = [permutation, *permutation["baselines"].values()]
    figure = Figure(figsize=(3.2 * len(shown) + 0.4, 2.9), layout="constrained")
    for axis, entry in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        if not entry["null"]:
            absent(axis, "no permutation keeps every class in training")
            continue
        axis.hist(entry["null"], np.linspace(0, 1, 41), color="0.7")
        axis.axvline(entry["value"], color=class_colour(1), linewidth=1.8)
        axis.set(xlabel=entry["statistic"], ylabel="permutations", xlim=(0, 1))
        axis.set_title(f"{entry['title']}\np = {entry['p']:.3g}")
    return figure


@styled
def score_against(entry: Mapping[str, Any] | None, key: str, label: str, chance: float) -> Figure:
    """Balanced accuracy against a quantity.

    Parameters
    ----------
    entry : mapping, optional
        `points`, each with the quantity and `value`, and `ci` or None; `title`. None: there is nothing to draw.
    key, label : str
        The quantity's key in a point, and the label of its axis.
    chance : float
        Balanced accuracy of guessing.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(4.8, 3.4), layout="constrained")
    axis = figure.add_subplot()
    if entry is None:
        absent(axis, "not measured: images of densities cannot be thinned")
        return figure
    points = [point for point in entry["points"] if point["value"] is not None]
    place = [point[key] for point in points]
    axis.plot(place, [point["value"] for point in points], "o-", color=class_colour(0))
    band = [(x, *point["ci"]) for x, point in zip(place, points, strict=True) if point["ci"]]
    if band:
        axis.fill_between(*np.array(band).T, color=class_colour(0), alpha=0.18, linewidth=0)
    axis.axhline(chance, color="0.45", linestyle="--", linewidth=1)
    axis.set(xlabel=label, ylabel="balanced accuracy, out of fold", ylim=(0, 1.02), title=entry["title"])
    if all(isinstance(x, int) for x in place):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
