"""The drift of one stretch of frames of channels that belong together: measured by any method, then judged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.drift.aim import FEWEST_FRAMES, FEWEST_LOCALIZATIONS, maximise_intersections
from ainu.drift.clock import Clock
from ainu.drift.fiducials import follow_fiducials
from ainu.drift.initial_guess import STILL, guess_drift
from ainu.drift.parts import Scene, Taught, first_part
from ainu.drift.rcc import cross_correlate
from ainu.drift.settings import DriftSettings
from ainu.drift.smoothing import Estimate
from ainu.drift.stretches import Course
from ainu.drift.verdict import UNDECIDED, DriftVerdict, Refit, judge, judge_known
from ainu.localizations.table import Localizations

Array = NDArray[np.float64]
USUAL_PRECISION_NM = 12.0
"""Where the file tells none."""
ENOUGH = 500
"""Localizations that are no fiducials, on which their drift can be judged."""
KEPT_FOR_SEAMS = 60_000
MOST_REFINED = 100_000
"""Of more localizations, a part of which the drift is measured is too small a share."""


@dataclass(frozen=True)
class Measured:
    """A judged drift.

    Attributes
    ----------
    frame : (m,) int64
        Frames that occur.
    path : (m, d) float64
        Shift that is applied, nm.
    method : str
        How it was measured; "none" where it was not.
    notes : dict
        As for `Drift`.
    xy : (n, 2) float64
        Corrected positions of some localizations, nm.
    weight : (m,) float64
        Localizations in each frame.
    """

    frame: NDArray[np.int64]
    path: Array
    method: str
    notes: dict[str, Any]
    xy: Array = field(default_factory=lambda: np.zeros((0, 2)))
    weight: Array = field(default_factory=lambda: np.zeros(0))

    @property
    def applied(self) -> bool:
        """Whether something is moved."""
        return bool(np.any(self.path))

    def course(self, frames: NDArray[np.int64], dimensions: int) -> Course:
        """The path at frames (k,) in order, from 0, with so many axes."""
        path = np.zeros((len(frames), dimensions))
        for axis, column in enumerate(self.path.T):
            path[:, axis] = np.interp(frames, self.frame, column)
        path -= path[:1]
        expected = None if self.notes["verdict"] in (*UNDECIDED, "not measured") else self.notes.get("residual_nm")
        own = path[np.searchsorted(frames, self.frame).clip(max=len(frames) - 1)]
        middle = np.average(own, axis=0, weights=self.weight) if self.weight.any() else np.zeros(dimensions)
        return Course(frames, path, expected, self.xy, middle)


def measure_stretch(table: Localizations, settings: DriftSettings) -> Measured:
    """Measure and judge the drift of localizations with frames (n,) that show one structure throughout."""
    assert table.frame is not None
    if not len(table):
        return _unmoved(table, Clock.of(table.frame), "there are no localizations")
    clock = Clock.of(table.frame)
    if settings.method == "none":
        return _unmoved(table, clock, "switched off")
    if len(table) < FEWEST_LOCALIZATIONS or len(clock.frame) < FEWEST_FRAMES:
        return _unmoved(table, clock, f"{len(table)} localizations in {len(clock.frame)} frames are too few")
    found, taught = _measure(table, settings, clock)
    first = judged(table, settings, found, taught)
    if settings.method != "aim" or first.notes["verdict"] != "worse" or found.notes["guess"] == STILL:
        return first
    # where the localizations coincide as they are, a drift is near none
    near = maximise_intersections(*_columns(_ranked(table, clock), clock), guess=STILL)
    second = judged(table, settings, near)
    return second if second.notes["verdict"] in ("corrected", "no drift") else first


def _measure(table: Localizations, settings: DriftSettings, clock: Clock) -> tuple[Estimate, Taught | None]:
    """The drift, and that of one part of the field where this alone shows it clearly; the former is refined from it."""
    ranked = _ranked(table, clock)
    if settings.method == "aim":
        axes, frame, frames = _columns(ranked, clock)
        guess = guess_drift(axes[0] - axes[0].min(), axes[1] - axes[1].min(), frame, frames)
        if not guess.clear:
            return maximise_intersections(axes, frame, frames, guess), None
        rows, tiling = first_part(_scene(table, clock), guess.path(frames))
        part = maximise_intersections(*_columns(ranked[rows], clock), guess.way)
        start = part if len(table) < MOST_REFINED and _precise(part) else None
        found = maximise_intersections(axes, frame, frames, guess, start)
        return found, Taught(rows, part.shift[:, :2], tiling)
    return _estimate(ranked, settings, clock), None


def _precise(part: Estimate) -> bool:
    """Whether a drift measured from a part of the field is so near that of all that it has only to be refined."""
    return bool(
        part.residual_nm is not None and not part.notes["lost_frames"] and part.residual_nm < part.notes["pixel_nm"] / 4
    )


def _unmoved(table: Localizations, clock: Clock, why: str, method: str = "none", **notes: Any) -> Measured:
    path = np.zeros((len(clock.frame), 2 if table.z is None else 3))
    told = {"verdict": "not measured", "warning": None, "why": why} | notes
    return Measured(clock.frame, path, method, told, _some_positions(table, clock, path), _weights(clock))


def _weights(clock: Clock) -> Array:
    return np.bincount(clock.rank, minlength=len(clock.frame)).astype(np.float64)


def _some_positions(table: Localizations, clock: Clock, path: Array) -> Array:
    some = slice(None, None, 1 + len(table) // KEPT_FOR_SEAMS)
    return table.positions[some, :2].astype(np.float64) - path[clock.rank[some], :2]


def _ranked(table: Localizations, clock: Clock) -> Localizations:
    """The table with frames counted among those that occur."""
    return replace(table, frame=clock.rank.astype(np.uint32))


def _estimate(ranked: Localizations, settings: DriftSettings, clock: Clock, way: str | None = None) -> Estimate:
    """The drift by any method; `way`, the only one in which "aim" looks for its initial guess."""
    if settings.method == "rcc":
        return cross_correlate(ranked, clock.occurring(settings.segment_frames), settings.pixel_nm)
    if settings.method == "fiducial":
        return follow_fiducials(ranked, settings.positions_nm, settings.radius_nm, settings.presence)
    return maximise_intersections(*_columns(ranked, clock), guess=way)


def _columns(ranked: Localizations, clock: Clock) -> tuple[list[NDArray[np.float32]], NDArray[np.uint32], int]:
    """Positions along each axis, frames counted among those that occur, and their number."""
    assert ranked.frame is not None
    return [ranked.x, ranked.y] + ([] if ranked.z is None else [ranked.z]), ranked.frame, len(clock.frame)


def judged(table: Localizations, settings: DriftSettings, found: Estimate, taught: Taught | None = None) -> Measured:
    """Accept a measured drift if it brings localizations together that had no say in it.

    Parameters
    ----------
    table : Localizations
        As measured.
    settings : DriftSettings
        With which the drift was measured, and is measured again from parts of the field.
    found : Estimate
        The drift, by the frames that occur.
    taught : Taught, optional
        Part of the localizations, and their drift alone.

    Returns
    -------
    Measured
        The drift that was measured, or none and the reason in its notes; in x and y, and separately in z.
    """
    assert table.frame is not None
    clock = Clock.of(table.frame)
    if "why" in found.notes:
        warning = f"the drift could not be measured: {found.notes['why']}"
        return _unmoved(table, clock, method=settings.method, verdict="failed", warning=warning, **found.notes)
    path = np.zeros((len(clock.frame), 2 if table.z is None else 3))
    verdict = _judge_plane(table, clock, settings, found, taught)
    notes = _kept(found.notes, clock) | verdict.notes()
    if verdict.applies:
        path[:, :2] = found.shift[:, :2]
        notes["warning"] = _lost(found.notes, clock)
    if found.shift.shape[1] > 2:
        level = _judge_height(table, clock, settings, found, path)
        notes |= level.notes("_z")
        path[:, 2] = found.shift[:, 2] if level.applies else 0
    return Measured(clock.frame, path, settings.method, notes, _some_positions(table, clock, path), _weights(clock))


def _kept(notes: dict[str, Any], clock: Clock) -> dict[str, Any]:
    """The method's notes, with the frames of the file."""
    kept = dict(notes)
    if "jump_frames" in kept:
        kept["jump_frames"] = clock.frame[np.array(kept["jump_frames"], np.intp).clip(0, len(clock.frame) - 1)].tolist()
    if "lost_frames" in kept:
        kept["lost_frames"] = [[int(clock.frame[i]) for i in pair] for pair in kept["lost_frames"]]
    return kept


def _lost(notes: dict[str, Any], clock: Clock) -> str | None:
    pairs = _kept(notes, clock).get("lost_frames")
    if not pairs:
        return None
    named = ", ".join(f"{first}-{last}" for first, last in pairs)
    return f"frames {named} share little structure with the others; their drift may be wrong"


def _scene(table: Localizations, clock: Clock) -> Scene:
    return Scene((table.x, table.y), clock.rank, _precision(table))


def _judge_plane(
    table: Localizations, clock: Clock, settings: DriftSettings, found: Estimate, taught: Taught | None
) -> DriftVerdict:
    scene = _scene(table, clock)
    path = found.shift[:, :2]
    if settings.method == "fiducial":
        others = _others(scene, path, np.array(found.notes["positions_nm"]).reshape(-1, 2), settings.radius_nm)
        if len(others) > ENOUGH:
            return judge_known(scene, path, others, found.residual_nm)
    return judge(scene, path, _refit(table, clock, settings, slice(0, 2), found), found.residual_nm, taught)


def _judge_height(
    table: Localizations, clock: Clock, settings: DriftSettings, found: Estimate, path: Array
) -> DriftVerdict:
    assert table.z is not None
    plane = [axis - path[clock.rank, i].astype(np.float32) for i, axis in enumerate((table.x, table.y))]
    scene = Scene((plane[0], plane[1], table.z), clock.rank, _precision(table), measured=(2,))
    refit = _refit(table, clock, settings, slice(2, 3), found)
    return judge(scene, found.shift[:, 2:], refit, found.notes.get("residual_z_nm"))


def _precision(table: Localizations) -> float:
    return USUAL_PRECISION_NM if table.precision is None else float(np.nanmedian(table.precision))


def _refit(table: Localizations, clock: Clock, settings: DriftSettings, axes: slice, whole: Estimate) -> Refit:
    """Measures the drift in some axes from some rows alone, as it was measured from all."""
    ranked, way = _ranked(table, clock), whole.notes.get("guess")

    def measure(rows: NDArray[np.intp]) -> Array | None:
        if len(rows) < FEWEST_LOCALIZATIONS:
            return None
        found = _estimate(ranked[rows], settings, clock, way)
        missing = len(clock.frame) - len(found.shift)
        return None if "why" in found.notes else np.pad(found.shift[:, axes], ((0, missing), (0, 0)), mode="edge")

    return measure


def _others(scene: Scene, path: Array, places: Array, radius_nm: float) -> NDArray[np.intp]:
    """Rows that are no fiducials."""
    x, y = scene.moved(np.arange(len(scene)), path)
    far = np.ones(len(scene), bool)
    for place in places:
        far &= np.hypot(x - place[0], y - place[1]) > radius_nm
    return np.flatnonzero(far)
