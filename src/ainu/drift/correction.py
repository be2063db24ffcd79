"""Drift of an acquisition: measured from the localizations themselves, and applied if it brings others together."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.drift.clock import Clock, counters
from ainu.drift.judged import Measured, measure_stretch
from ainu.drift.settings import DriftSettings
from ainu.drift.stretches import Course, Seam, join, stretches
from ainu.drift.verdict import UNDECIDED
from ainu.errors import AinuError
from ainu.failures import open_sample
from ainu.hdf5 import write_array
from ainu.localizations.table import Localizations, load, shift_at
from ainu.shards import write_shard

Array = NDArray[np.float64]
METHODS = ("aim", "rcc", "fiducial", "none")
DEFAULTS = DriftSettings("aim", segment_frames=500, pixel_nm=40, positions_nm=None, radius_nm=250, presence=0.5)
"""Settings of `estimate_drift` that are not given: those of the config's schema."""


@dataclass(frozen=True)
class Drift:
    """Shift of the field in each frame that occurs.

    Attributes
    ----------
    frame : (m,) int64
        Frames in which there are localizations, in order.
    shift : (m, 2 or 3) float32
        Shift in x, y and perhaps z relative to the first of them, nm.
    method : str
        How it was measured; "none" where it was not.
    notes : dict
        Results of the method, plain values. `verdict`: "corrected", or why the shift is 0 ("no drift",
        "cannot be told", "worse", "failed", "not measured"); `warning`, a sentence or None; `score`, standard
        deviations by which the correction brings localizations of different times together; `residual_nm`, the
        expected error, None where it cannot be told; `detectable_nm`, the smallest drift that would have been
        detected where none was.
        `verdict_z`, `warning_z`, `residual_z_nm`: the same for z, where it was measured. Of channels that follow each
        other, `stretches` holds the notes of each and `seams` how they join.
    rows : (int, int), optional
        First row and one past the last in the table of the sample, where the drift is one of several.
    """

    frame: NDArray[np.int64]
    shift: NDArray[np.float32]
    method: str
    notes: dict[str, Any] = field(default_factory=dict)
    rows: tuple[int, int] | None = None

    def at(self, frame: NDArray[np.integer]) -> NDArray[np.float32]:
        """(n, 2 or 3) shift, nm, at frames (n,); at one that does not occur, on the line between its neighbours."""
        return shift_at(self.frame, self.shift, frame)

    def apply(self, localizations: Localizations) -> Localizations:
        """The localizations with the shift of their frame subtracted."""
        if localizations.frame is None or not len(self.shift):
            return localizations
        axes = ("x", "y", "z")[: self.shift.shape[1]]
        moved = {}
        for name, shift in zip(axes, self.at(localizations.frame).T, strict=True):
            if (column := getattr(localizations, name)) is not None:
                moved[name] = column - shift
        return replace(localizations, **moved)


def estimate_drift(localizations: Localizations, method: str = "aim", **settings: Any) -> Drift:
    """Measure the drift of one acquisition.

    Parameters
    ----------
    localizations : Localizations
        One acquisition, all channels.
    method : str
        "aim": adaptive intersection maximization, in x, y and z, no settings (see `maximise_intersections`);
        "rcc": redundant cross-correlation, settings `segment_frames` and `pixel_nm` (see `cross_correlate`);
        "fiducial": settings `positions_nm`, `radius_nm`, `presence` (see `follow_fiducials`);
        "none": no shift.
    **settings
        Of `DriftSettings`; a method ignores those of the others.

    Returns
    -------
    Drift
        A correction that does not bring localizations of different times together is not applied: the shift is 0 then.

    Raises
    ------
    AinuError
        For an unknown method or setting, or frames that start again: every counter has a drift of its own.
    """
    if method not in METHODS:
        raise AinuError(f"drift.method: {method!r} is not one of {', '.join(METHODS)}")
    known = sorted({each.name for each in fields(DriftSettings)} - {"method"})
    for name in settings:
        if name not in known:
            raise AinuError(f"drift: unknown setting {name!r}; allowed: {', '.join(known)}")
    found = measure_sample(localizations, replace(DEFAULTS, method=method, **settings), one_file=True)
    if len(found) > 1:
        starts = ", ".join(str(drift.rows[0]) for drift in found[1:] if drift.rows)
        raise AinuError(f"the frames start again in row {starts}: estimate the drift of each part by itself")
    return found[0]


def measure_sample(localizations: Localizations, settings: DriftSettings, *, one_file: bool = False) -> list[Drift]:
    """Measure the drift of each acquisition of a sample.

    Parameters
    ----------
    localizations : Localizations
        All files of the sample, one after the other, as ingested.
    settings : DriftSettings
        Those of the config.
    one_file : bool
        Whether all channels are those of one file, whatever `meta` says.

    Returns
    -------
    list of Drift
        One per counter of frames, with the rows that it is for; in z only where every file of the sample has it.
    """
    localizations = localizations.flattened()
    drifts: list[Drift] = []
    earlier: Course | None = None
    for rows in _acquisitions(localizations, one_file):
        drift, course = _measure_counter(localizations[rows].measured(), settings, earlier)
        drifts.append(replace(drift, rows=(rows.start, rows.stop)))
        earlier = course
    return drifts


def _acquisitions(table: Localizations, one_file: bool) -> list[slice]:
    """Rows of each counter of each file."""
    if table.frame is None or not len(table):
        return [slice(0, len(table))]
    acquisition = np.asarray(table.meta.get("acquisition") or [0] * len(table.channels))
    own = 0 * table.channel if one_file else acquisition[table.channel]
    edges = [0, *(np.flatnonzero(np.diff(own)) + 1).tolist(), len(table)]
    found = []
    for first, last in pairwise(edges):
        found += [slice(first + each.start, first + each.stop) for each in counters(table.frame[first:last])]
    return found


def _measure_counter(
    table: Localizations, settings: DriftSettings, before: Course | None
) -> tuple[Drift, Course | None]:
    """The drift of one counter, whose channels may follow each other, and its last stretch; `before`: another's."""
    dimensions = 2 if table.z is None else 3
    if table.frame is None or not len(table):
        why = "the localizations have no frames" if table.frame is None else "there are no localizations"
        notes = {"verdict": "not measured", "warning": None, "why": why}
        return Drift(np.zeros(0, np.int64), np.zeros((0, dimensions), np.float32), "none", notes), None
    clock = Clock.of(table.frame)
    parts = _measure_stretches(table, clock, settings)
    shift, seams, last = _joined(clock, parts, dimensions, before)
    notes = _notes(parts, seams, table)
    method = next((part.method for _, part in parts if part.method != "none"), "none")
    return Drift(clock.frame, shift, method, notes), last


def _measure_stretches(
    table: Localizations, clock: Clock, settings: DriftSettings
) -> list[tuple[NDArray[np.int64], Measured]]:
    """The frames of each stretch and its drift, measured from its own channels and frames alone."""
    frame = clock.frame[clock.rank]
    found = stretches(frame, table.channel)
    parts = []
    lasts = [first for first, _ in found[1:]] + [int(clock.frame[-1]) + 1]
    for (first, channels), last in zip(found, lasts, strict=True):
        own = table
        if len(found) > 1:
            own = table[(frame >= first) & (frame < last) & np.isin(table.channel, channels)]
        inside = clock.frame[np.searchsorted(clock.frame, first) : np.searchsorted(clock.frame, last)]
        parts.append((inside, measure_stretch(own, settings)))
    return parts


def _joined(
    clock: Clock, parts: list[tuple[NDArray[np.int64], Measured]], dimensions: int, before: Course | None
) -> tuple[NDArray[np.float32], list[Seam], Course | None]:
    """The shift of all frames, the seams, and the last stretch as it lies."""
    shifts, seams = [], []
    earlier = before
    for number, (frames, part) in enumerate(parts):
        later, start = part.course(frames, dimensions), np.zeros(dimensions)
        if earlier is not None:
            goes_on = bool(number or later.frame[0] > earlier.frame[-1])
            seams.append(join(earlier, later, start, goes_on))
            start = seams[-1].offset
        shifts.append(later.path + start)
        earlier = replace(later, path=shifts[-1], xy=later.xy - start[:2], middle=later.middle + start)
    return np.concatenate(shifts).astype(np.float32), seams, earlier


def _notes(parts: list[tuple[NDArray[np.int64], Measured]], seams: list[Seam], table: Localizations) -> dict[str, Any]:
    """Notes of the only stretch, or of all together: the verdict of the one that most needs to be known."""
    each = [part.notes for _, part in parts]
    notes = dict(each[0])
    if len(each) > 1:
        order = (*UNDECIDED, "not measured", "corrected", "no drift")
        worst = min(each, key=lambda own: order.index(own["verdict"]))
        told = list(dict.fromkeys(own["warning"] for own in each if own.get("warning")))
        notes = worst | {"warning": "; ".join(told) or None, "residual_nm": _together(parts, seams), "stretches": each}
    if seams:
        notes["seams"] = [seam.notes() for seam in seams]
        notes["warning"] = "; ".join(filter(None, [notes.get("warning"), *map(_said, seams)])) or None
    return notes


def _said(seam: Seam) -> str | None:
    """A sentence on how two stretches may be displaced, where that is not measured."""
    if seam.source != "unknown":
        return None
    size = "by an unknown amount" if seam.error_nm is None else f"by up to {seam.error_nm:.0f} nm"
    between = "in another file or after a restart" if seam.pause is None else f"after a pause of {seam.pause} frames"
    return f"what was recorded {between} may be displaced {size}"


def _together(parts: list[tuple[NDArray[np.int64], Measured]], seams: list[Seam]) -> float | None:
    """The expected error of all stretches: their own and that of the seams; None where one is not known."""
    own = [part.notes.get("residual_nm") for _, part in parts]
    if any(value is None for value in own) or any(seam.error_nm is None for seam in seams):
        return None
    weight = np.array([len(frames) for frames, _ in parts], float)
    inside = float(np.average(np.square(np.array(own, float)), weights=weight))
    share = weight / weight.sum()
    across = sum(
        float(seam.expected_nm or 0) ** 2 * share[i] * share[i + 1] for i, seam in enumerate(seams[-len(parts) + 1 :])
    )
    return float(np.sqrt(inside + across))


def correct_shard(
    raw: str | Path, output: str | Path, samples: list[str], settings: DriftSettings, threads: int = 1
) -> None:
    """Measure the drift of every acquisition of a shard's samples.

    Groups `/{sample}/{acquisition}` hold `frame` (m,), the frames that occur, and `shift` (m, 2 or 3), nm; the
    attribute `rows`: first and one past the last row of the sample that it is for.

    Parameters
    ----------
    raw, output : path
        Localizations of the shard, and the file to write.
    samples : list of str
        Of the shard.
    settings : DriftSettings
        The config's `drift`.
    threads : int
        Samples at a time.
    """
    work = partial(_correct_sample, str(raw), settings)
    write_shard(output, samples, work, threads=threads, title="correct_drift")


def _correct_sample(raw: str, settings: DriftSettings, sample: str, group: h5py.Group) -> None:
    for index, drift in enumerate(measure_sample(load(raw, sample), settings)):
        own = group.create_group(str(index))
        write_array(own, "frame", drift.frame)
        write_array(own, "shift", drift.shift)
        own.attrs["rows"] = drift.rows
        own.attrs["method"] = drift.method
        own.attrs["notes"] = json.dumps(drift.notes, sort_keys=True)


def read_drift(path: str | Path, sample: str) -> list[Drift]:
    """Read the drift of each acquisition of a sample."""
    with open_sample(path, sample) as group:
        return [_read(group[name]) for name in sorted(group, key=int)]


def _read(group: h5py.Group) -> Drift:
    first, last = (int(row) for row in group.attrs["rows"])
    notes = json.loads(group.attrs["notes"])
    return Drift(group["frame"][()], group["shift"][()], str(group.attrs["method"]), notes, (first, last))
