"""Whether a drift correction brings localizations of different times together, on localizations it does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.drift.coincidences import MOST, Gain, gain_of, stretches_of_time, thinned

Array = NDArray[np.float64]
Refit = Callable[[NDArray[np.intp]], Array | None]
"""Measures the drift, (m, d) nm, from some rows alone; None where it cannot."""
Rows = NDArray[np.intp] | slice
EVERY = slice(None)
FOLDS = 3
CERTAIN = 6.0
"""Score at which other parts of the field need not be asked."""
SIGNIFICANT = 3.7
"""Score (standard deviations) of a gain or loss: once in ten thousand by chance, and three sizes of cells are tried."""
CELLS = (2.0, 1.0, 4.0)
"""Sides of the cells in which localizations coincide, in units of 2.5 times the precision."""
PLACE_NM = 500.0
STRAY = 0.6
"""Of its size, how far a path may be from that of a part of the field: else they do not show the same drift."""
NONE_NM = 80.0
"""Where only a larger drift would have been detected, "no drift" would say too much."""
KNOWN_NM = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
"""Drifts (RMS) that are put in to see which would have been detected."""
LOCALIZATIONS_OF_A_FIT = 40_000
UNDECIDED = ("cannot be told", "failed", "worse")
"""Verdicts on a drift that may be there and is not corrected."""


@dataclass(frozen=True)
class Scene:
    """What a correction is judged on.

    Attributes
    ----------
    axes : 2 or 3 of (n,) float32
        Positions, nm.
    rank : (n,) int32
        Their frames, counted among the m frames that occur.
    precision_nm : float
        Typical lateral precision.
    measured : tuple of int
        Axes in which the drift is judged: (0, 1), or (2,) once x and y are corrected.
    """

    axes: tuple[NDArray[np.float32], ...]
    rank: NDArray[np.int32]
    precision_nm: float
    measured: tuple[int, ...] = (0, 1)

    def __len__(self) -> int:
        return len(self.rank)

    def sides(self, times: float) -> list[float]:
        """Sides of a cell along each axis, nm: of those not measured, of fixed size."""
        side = 2.5 * float(np.clip(self.precision_nm, 5, 25))
        if self.measured == (0, 1):
            return [times * side] * len(self.axes)
        return [2 * side, 2 * side, 2 * times * side]

    def moved(self, rows: Rows, path: Array | None) -> list[Array]:
        """Positions along each axis of some rows, less a path of the measured axes, (m, d) nm."""
        own = [axis[rows].astype(np.float64) for axis in self.axes]
        if path is not None:
            for axis, shift in zip(self.measured, path.T, strict=True):
                own[axis] -= np.take(shift, self.rank[rows])
        return own


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


def judge(scene: Scene, path: Array, refit: Refit, noise_nm: float | None = None) -> DriftVerdict:
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
    score, block, bead = 0.0, stretches_of_time(scene.rank), _beads(scene, path)
    for trial in _trials(scene, block, path, refit, bead):
        trials.append(trial)
        score = _score(scene, block, trials)
        if (score <= 0 and not bead.any()) or score > CERTAIN:
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
    return replace(trial, rows=rows[thinned(_places(scene, rows, path), block[rows])])


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
    tiling = _Tiling.of(scene, path)
    tile, rows = tiling.number(scene, EVERY, path), rows[tiling.stay(scene, rows, path)]
    block = stretches_of_time(scene.rank)
    rows = _some(rows, tile, _beads(scene, path), MOST)
    rows = rows[thinned(_places(scene, rows, path), block[rows])]
    trials = [_Trial(rows, path, 1.0, rows)]
    found = _decide(scene, block, path, trials, _score(scene, block, trials), residual_nm)
    return replace(found, residual_nm=residual_nm)


def _trials(
    scene: Scene, block: NDArray[np.int64], path: Array, refit: Refit, bead: NDArray[np.bool_]
) -> Iterator[_Trial]:
    """Parts of the field, each with the drift of the others."""
    tiling = _Tiling.of(scene, path)
    tile = tiling.number(scene, EVERY, path)
    stays = tile == tiling.number(scene, EVERY, 0 * path)
    for part in range(FOLDS):
        judged = np.flatnonzero(stays & (tile % FOLDS == part))
        taught = _some(np.flatnonzero(tile % FOLDS != part), tile, bead, LOCALIZATIONS_OF_A_FIT)
        if len(judged) and (found := refit(taught)) is not None:
            chosen = _some(judged, tile, bead, MOST)
            chosen = chosen[thinned(_places(scene, chosen, path), block[chosen])]
            yield _Trial(chosen, found, len(taught) / len(scene), judged)


def _beads(scene: Scene, path: Array, side_nm: float = 250.0, times: float = 20.0) -> NDArray[np.bool_]:
    """(n,) localizations of places that, corrected, are seen in many frames and far more often than typical ones."""
    x, y = _in_plane(scene, EVERY, path)
    column, row = (np.floor((axis - axis.min()) / side_nm).astype(np.int64) & 1023 for axis in (x, y))
    place = (row << 10) + column
    held = np.bincount(place)
    most = max(times * float(np.median(held[held > 0])), len(path) / 10, 100.0)
    return (held > most)[place] if held.max() > most else np.zeros(len(place), bool)


@dataclass(frozen=True)
class _Tiling:
    """Square tiles of the field: their side and where the first begins, nm."""

    side: float
    low: tuple[float, float]

    @classmethod
    def of(cls, scene: Scene, path: Array) -> _Tiling:
        """Tiles large beside what the path moves, and several along each axis."""
        x, y = scene.axes[:2]
        extent = float(max(np.ptp(x), np.ptp(y)))
        moves = float(np.ptp(path, axis=0).max()) if scene.measured == (0, 1) else 0.0
        side = max(min(max(extent / 8, 2 * moves), extent / 2.5, 20_000.0), 1000.0)
        return cls(side, (float(x.min()), float(y.min())))

    def number(self, scene: Scene, rows: Rows, path: Array) -> NDArray[np.int64]:
        """(k,) tile of some rows less a path; its remainder by `FOLDS` is the part of the field."""
        x, y = _in_plane(scene, rows, path - np.median(path, axis=0))
        column, row = (
            np.floor((axis - low) / self.side).astype(np.int64) for axis, low in zip((x, y), self.low, strict=True)
        )
        # neighbours along either axis are in different parts: 1 and 2 are no multiples of 3
        return FOLDS * ((column * 7919 + row * 104_729) & 0xFFFF) + (column + 2 * row) % FOLDS

    def stay(self, scene: Scene, rows: NDArray[np.intp], path: Array) -> NDArray[np.bool_]:
        """(k,) whether some rows lie in the same tile with and without a path; only those are judged."""
        # borders that moved with the path would bring together, and borders that lie still would part, what they hold
        return self.number(scene, rows, path) == self.number(scene, rows, 0 * path)


def _in_plane(scene: Scene, rows: Rows, path: Array) -> list[Array]:
    """x and y of some rows, corrected."""
    return scene.moved(rows, path)[:2]


def _some(rows: NDArray[np.intp], tile: NDArray[np.int64], bead: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """All of the rows in some tiles of the field, where there are more than enough."""
    if len(rows) <= 1.2 * most:
        return rows
    held = np.bincount(tile[rows])
    own = np.flatnonzero(held)
    # an order in which neighbours are far apart, but those with beads first
    crowded = np.bincount(tile[rows], bead[rows])[own] > 0
    order = own[np.lexsort((own * 40_503 % 65_521, ~crowded))]
    taken = np.zeros(len(held), bool)
    taken[order[: np.searchsorted(np.cumsum(held[order]), most) + 1]] = True
    chosen = rows[taken[tile[rows]]]
    return chosen if len(chosen) <= 3 * most else chosen[:: len(chosen) // (2 * most) + 1]


def _score(scene: Scene, block: NDArray[np.int64], trials: list[_Trial]) -> float:
    """The clearest gain over sizes of cells, else the clearest loss."""
    scores: list[float] = []
    for times in CELLS:
        scores.append(sum_of(_gain(scene, block, trial, None, trial.path, times) for trial in trials).score)
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
    x, y = _in_plane(scene, rows, path)
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
    tiling = _Tiling.of(scene, known)
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
