"""Whether a drift correction brings localizations of different times together, on localizations it does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.drift.coincidences import MOST, Gain, gain_of, stretches_of_time, thinned
from ainu.drift.parts import EVERY, FOLDS, LOCALIZATIONS_OF_A_FIT, Scene, Taught, Tiling, beads, in_plane, some_rows

Array = NDArray[np.float64]
Refit = Callable[[NDArray[np.intp]], Array | None]
"""Measures the drift, (m, d) nm, from some rows alone; None where it cannot."""
CERTAIN = 6.0
"""Score at which other parts of the field need not be asked."""
SIGNIFICANT = 3.7
"""Score (standard deviations) of a gain or loss: once in ten thousand by chance, and three sizes of cells are tried."""
CELLS = (2.0, 1.0, 4.0)
"""Sides of the cells in which localizations coincide, in units of 2.5 times the precision."""
PLACE_NM = 500.0
STRAY = 0.6
"""Of its size, how far a path may be from that of a part of the field: else they do not show the same drift."""
SMALL_NM = 2.5
"""Of a smaller drift, one part of the field that does not show it is enough."""
NONE_NM = 80.0
"""Where only a larger drift would have been detected, "no drift" would say too much."""
KNOWN_NM = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
"""Drifts (RMS) that are put in to see which would have been detected."""
UNDECIDED = ("cannot be told", "failed", "worse")
"""Verdicts on a drift that may be there and is not corrected."""


@dataclass(frozen=True)
class DriftVerdict:
    """Whether a correction is to be applied.

    Attributes
    ----------
    verdict : str
        "corrected", or why it is not applied: "no drift", "cannot be told", "worse".
    warning : str, optional
        A sentence for the user.
    score : float
        Standard deviations by which coincidences of different times become more frequent.
    residual_nm : float, optional
        Error to be expected of the correction (RMS); None where it cannot be told.
    detectable_nm : float, optional
        The smallest drift (RMS) that would have been detected, where none was; None where none would.
    """

    verdict: str
    warning: str | None
    score: float
    residual_nm: float | None
    detectable_nm: float | None = None

    @property
    def applies(self) -> bool:
        """Whether to apply the correction."""
        return self.verdict == "corrected"

    def notes(self, suffix: str = "") -> dict[str, Any]:
        """Plain values for `Drift.notes`; `suffix` "_z" for those of the height."""
        return {
            f"verdict{suffix}": self.verdict,
            f"warning{suffix}": self.warning,
            f"score{suffix}": round(self.score, 2),
            f"residual{suffix}_nm": self.residual_nm,
            f"detectable{suffix}_nm": self.detectable_nm,
        }


@dataclass(frozen=True)
class _Trial:
    """Rows that are judged, the path measured without them (from a share of all), and all that could be judged."""

    rows: NDArray[np.intp]
    path: Array
    share: float
    every: NDArray[np.intp]
    gains: dict[float, Gain] = field(default_factory=dict)


def judge(
    scene: Scene, path: Array, refit: Refit, noise_nm: float | None = None, taught: Taught | None = None
) -> DriftVerdict:
    """Judge a drift on localizations that had no say in it.

    Parameters
    ----------
    scene : Scene
        The localizations.
    path : (m, d) float64
        The drift in the measured axes as estimated from all of them, nm.
    refit : callable
        Measures the drift from some rows alone.
    noise_nm : float, optional
        Error that the method itself expects.
    taught : Taught, optional
        `first_part` and its drift.

    Returns
    -------
    DriftVerdict

    Notes
    -----
    The field is divided into tiles, these into three parts. The drift is measured again without one part, and that part
    is corrected by it. Counted are places seen at different times (coincidences), above what the density around them
    gives, with the correction and without. The change is compared with its scatter over places of 0.5 µm, so that a
    bead or an emitter that blinks for long is one witness, not thousands.
    """
    trials: list[_Trial] = []
    score, block, bead = 0.0, stretches_of_time(scene.rank), beads(scene, path)
    small = rms(path, scene.rank) < SMALL_NM
    for trial in _trials(scene, block, path, refit, bead, taught):
        trials.append(trial)
        score = _score(scene, block, trials)
        if score > CERTAIN or (score <= 0 and not bead.any()) or (score < 1 and small):
            break
    if not trials:
        return DriftVerdict("cannot be told", _untold("drift", None), 0.0, None)
    if 1 < score < SIGNIFICANT and any(len(trial.every) > 1.2 * len(trial.rows) for trial in trials):
        trials = [_with_more(scene, block, path, trial) for trial in trials]
        score = _score(scene, block, trials)
    return _decide(scene, block, path, trials, score, noise_nm)


def _with_more(scene: Scene, block: NDArray[np.int64], path: Array, trial: _Trial) -> _Trial:
    """The trial with all rows that can be counted."""
    rows = trial.every[:: 1 + len(trial.every) // 100_000]
    return replace(trial, rows=rows[thinned(_places(scene, rows, path), block[rows])], gains={})


def judge_known(scene: Scene, path: Array, rows: NDArray[np.intp], residual_nm: float | None) -> DriftVerdict:
    """Judge a drift measured from other rows (fiducials) than these (k,); `path` (m, d) nm as for `judge`.

    Parameters
    ----------
    scene : Scene
        The localizations.
    path : (m, d) float64
        The drift, nm.
    rows : (k,) int
        Localizations that had no say in it.
    residual_nm : float, optional
        Its expected error, nm.

    Returns
    -------
    DriftVerdict
    """
    tiling = Tiling.of(scene, path)
    tile, rows = tiling.number(scene, EVERY, path), rows[tiling.stay(scene, rows, path)]
    block = stretches_of_time(scene.rank)
    rows = some_rows(rows, tile, beads(scene, path), MOST)
    rows = rows[thinned(_places(scene, rows, path), block[rows])]
    trials = [_Trial(rows, path, 1.0, rows)]
    found = _decide(scene, block, path, trials, _score(scene, block, trials), residual_nm)
    return replace(found, residual_nm=residual_nm)


def _trials(
    scene: Scene,
    block: NDArray[np.int64],
    path: Array,
    refit: Refit,
    bead: NDArray[np.bool_],
    first: Taught | None,
) -> Iterator[_Trial]:
    """Parts of the field, each with the drift of the others; that of the first may be known."""
    tiling = Tiling.of(scene, path) if first is None else first.tiling
    tile = tiling.number(scene, EVERY, path)
    stays = tile == tiling.number(scene, EVERY, 0 * path)
    for part in range(FOLDS):
        judged = np.flatnonzero(stays & (tile % FOLDS == part))
        if not len(judged):
            continue
        if part == 0 and first is not None:
            taught: Taught | None = first
            judged = np.setdiff1d(judged, first.rows, assume_unique=True)
        else:
            taught = _teach(tiling, tile, part, bead, refit)
        if taught is not None:
            chosen = some_rows(judged, tile, bead, MOST)
            chosen = chosen[thinned(_places(scene, chosen, path), block[chosen])]
            yield _Trial(chosen, taught.path, len(taught.rows) / len(scene), judged)


def _teach(tiling: Tiling, tile: NDArray[np.int64], part: int, bead: NDArray[np.bool_], refit: Refit) -> Taught | None:
    """The drift of all parts of the field but one; None where it cannot be measured."""
    rows = some_rows(np.flatnonzero(tile % FOLDS != part), tile, bead, LOCALIZATIONS_OF_A_FIT)
    path = refit(rows)
    return None if path is None else Taught(rows, path, tiling)


def _score(scene: Scene, block: NDArray[np.int64], trials: list[_Trial]) -> float:
    """The clearest gain over sizes of cells, else the clearest loss."""
    scores: list[float] = []
    for times in CELLS:
        for trial in trials:
            if times not in trial.gains:
                trial.gains[times] = _gain(scene, block, trial, None, trial.path, times)
        scores.append(sum_of(trial.gains[times] for trial in trials).score)
        if scores[-1] > CERTAIN:
            break
    return max(scores) if max(scores) > SIGNIFICANT else min(max(scores), min(scores), key=lambda each: -abs(each))


def sum_of(gains: Iterator[Gain]) -> Gain:
    """Gains of several parts of a field together."""
    total = next(gains)
    for gain in gains:
        total += gain
    return total


def _places(scene: Scene, rows: NDArray[np.intp], path: Array) -> NDArray[np.int64]:
    """(k,) part of the field in which each of some rows lies, corrected."""
    x, y = in_plane(scene, rows, path)
    return np.floor(x / PLACE_NM).astype(np.int64) * 100_003 + np.floor(y / PLACE_NM).astype(np.int64)


def _gain(
    scene: Scene, block: NDArray[np.int64], trial: _Trial, before: Array | None, after: Array | None, times: float
) -> Gain:
    place = _places(scene, trial.rows, trial.path)
    wider = [axis in scene.measured for axis in range(len(scene.axes))]
    old, new = scene.moved(trial.rows, before), scene.moved(trial.rows, after)
    return gain_of(old, new, block[trial.rows], place, scene.sides(times), wider)


def _decide(
    scene: Scene,
    block: NDArray[np.int64],
    path: Array,
    trials: list[_Trial],
    score: float,
    noise_nm: float | None,
) -> DriftVerdict:
    """The verdict on a path whose score is known."""
    name = "drift" if scene.measured == (0, 1) else "drift in z"
    size = rms(path, scene.rank)
    strays = min(rms(path - trial.path, scene.rank) for trial in trials) > STRAY * size
    if score > SIGNIFICANT and not strays:
        return DriftVerdict("corrected", None, score, _expected_error(scene, path, trials, noise_nm))
    detectable = _detectable(scene, block, trials)
    if detectable is not None and size <= detectable <= NONE_NM:
        return DriftVerdict("no drift", None, score, size, detectable)
    if score < -SIGNIFICANT and detectable is not None:
        warning = f"a {name} of {size:.0f} nm was found, but correcting it blurs the image; not applied. "
        warning += _smallest(name, detectable)
        return DriftVerdict("worse", warning, score, None, detectable)
    return DriftVerdict("cannot be told", _untold(name, detectable), score, None, detectable)


def _untold(name: str, detectable: float | None) -> str:
    return (
        f"the localizations do not show whether the field moved; {name} is not corrected. {_smallest(name, detectable)}"
    )


def _smallest(name: str, detectable: float | None) -> str:
    if detectable is None:
        return f"Even a {name} of {KNOWN_NM[-1]:.0f} nm would not have been seen"
    return f"A {name} of {detectable:.0f} nm would have been seen"


def _detectable(scene: Scene, block: NDArray[np.int64], trials: list[_Trial]) -> float | None:
    """The smallest drift (RMS, nm) which, put into the localizations as they are, spreads them significantly."""
    low, high = 0, len(KNOWN_NM)
    while low < high:
        middle = (low + high) // 2
        if _spreads(scene, block, trials, KNOWN_NM[middle]):
            high = middle
        else:
            low = middle + 1
    return KNOWN_NM[low] if low < len(KNOWN_NM) else None


def _spreads(scene: Scene, block: NDArray[np.int64], trials: list[_Trial], size_nm: float) -> bool:
    """Whether a steady drift (RMS, nm) significantly parts localizations that coincide without it."""
    ramp = np.linspace(-1, 1, int(scene.rank.max()) + 1)[:, None] * np.sqrt(3)
    known = size_nm * ramp * (np.array([0.8, 0.6]) if scene.measured == (0, 1) else np.ones(1))
    tiling = Tiling.of(scene, known)
    inside = [replace(trial, rows=trial.rows[tiling.stay(scene, trial.rows, known)]) for trial in trials]
    inside = [trial for trial in inside if len(trial.rows)]
    if not inside:
        return False
    scores = (sum_of(_gain(scene, block, trial, None, known, times) for trial in inside).score for times in CELLS)
    return any(score < -SIGNIFICANT for score in scores)


def _expected_error(scene: Scene, path: Array, trials: list[_Trial], noise_nm: float | None) -> float | None:
    """RMS error of the path: from how far those of parts of the field are apart, and what the method expects."""
    # Parts without the beads, or in which one jump is missed, are farther apart than the error of the whole; a method
    # does not know what it is too slow to follow. Neither alone is a good estimate; factors from benchmarks/drift.
    apart = [rms(one.path - other.path, scene.rank) for i, one in enumerate(trials) for other in trials[:i]]
    share = float(np.sqrt(np.mean([trial.share for trial in trials]) / 0.67))
    if apart:
        cross = float(np.median(apart)) * min(1.0, 0.82 * share)
    else:
        cross = rms(path - trials[0].path, scene.rank) * min(1.4, 1.4 * share)
    return cross if noise_nm is None else float(np.clip(cross, noise_nm, 2 * noise_nm))


def rms(path: Array, rank: NDArray[np.integer]) -> float:
    """Root mean square distance of localizations from their mean that a path (m, d) gives them; `rank` (n,)."""
    weight = np.bincount(rank, minlength=len(path)).astype(np.float64)
    away = path - np.average(path, axis=0, weights=weight)
    return float(np.sqrt(np.average((away**2).sum(axis=1), weights=weight)))
