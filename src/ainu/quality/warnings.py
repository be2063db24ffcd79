"""Warnings on the quality of a sample (flags), as short phrases for the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.drift.correction import Drift
from ainu.drift.verdict import UNDECIDED
from ainu.localizations.table import Localizations
from ainu.nuclei.table import Nuclei
from ainu.quality.filters import REASONS, Quality, crowded_places, limited_values
from ainu.quality.frc import Resolution
from ainu.quality.nena import Precision
from ainu.quality.settings import CrowdedSettings

FEWEST_LOCALIZATIONS = 1000
WORST_PRECISION_NM = 30.0
WORST_RESOLUTION_NM = 100.0
WORST_RESIDUAL_NM = 20.0
LARGEST_DRIFT_NM = 1000.0
PRECISION_FACTOR = 2.0
CROWDED = CrowdedSettings(radius_nm=100, times=20)
CROWDED_SHARE = 0.05
BLEACHED_SHARE = 0.1
DENSE_START = 5.0
LONGEST_GAP = 0.05
PAUSE = 50.0
"""A longer step from one frame that occurs to the next, in median ones, is no time in which fluorophores bleach."""


@dataclass(frozen=True)
class Sample:
    """Results of the stages for one sample.

    Attributes
    ----------
    table : Localizations
        All localizations, drift-corrected, blinks not merged.
    drifts : sequence of Drift
        One per acquisition.
    quality : Quality
        Which localizations stay.
    nuclei : Nuclei
        Nuclei of the field.
    precision : dict of str to Precision
        Measured by repeated localization, per channel.
    resolution : dict of str to Resolution
        Fourier ring correlation, per channel.
    """

    table: Localizations
    drifts: Sequence[Drift]
    quality: Quality
    nuclei: Nuclei
    precision: Mapping[str, Precision]
    resolution: Mapping[str, Resolution]

    @cached_property
    def kept(self) -> Localizations:
        """The localizations that stay, blinks merged."""
        return self.quality.apply(self.table)


def flags(sample: Sample) -> list[str]:
    """Problems of a sample, one phrase each; none for a good one. The criteria are listed in config/README.md."""
    if not len(sample.kept):
        return ["no localizations left" if len(sample.table) else "no localizations"]
    return [flag for check in _CHECKS for flag in check(sample)]


def _counts(sample: Sample) -> Iterator[str]:
    held = np.bincount(sample.kept.channel, minlength=len(sample.kept.channels))
    few = [f"{name}: {n}" for name, n in zip(sample.kept.channels, held, strict=True) if n < FEWEST_LOCALIZATIONS]
    if few:
        yield f"few localizations ({', '.join(few)})"
    dropped = {name: n for name, n in sample.quality.counts.items() if name not in ("kept", "merged")}
    share = sum(dropped.values()) / len(sample.table)
    if share > 0.5:
        yield f"most localizations dropped ({share:.0%}, most of them for {max(dropped, key=dropped.__getitem__)})"


def _limits(sample: Sample) -> Iterator[str]:
    """Limits that could not be applied: of `quality.extra` to any file, or of any filter to some."""
    for name in [name for name in sample.quality.not_applied if name in sample.quality.reasons[len(REASONS) :]]:
        sources = sample.table.meta.get("files", [sample.table.meta])
        there = dict.fromkeys(column for source in sources for column in source.get("columns", ()))
        held = f"; its columns: {', '.join(there)}" if there else ""
        yield f"limit on {name!r} not applied: no file of the sample has this column{held}"
    yield from _half_applied(sample)


def _half_applied(sample: Sample) -> Iterator[str]:
    """Limits that could not be applied to some files of the sample."""
    table = sample.table
    for name in sample.quality.thresholds:
        values = limited_values(table, name)
        lacking = None if values is None else table.without(values)
        if lacking is not None and lacking.any():
            channels = [table.channels[index] for index in np.unique(table.channel[lacking])]
            share = f"{lacking.mean():.0%} of the localizations ({', '.join(channels)})"
            yield f"limit on {name!r} not applied to {share}: their file lacks this column"


def _drift(sample: Sample) -> Iterator[str]:
    if sample.table.frame is None:
        yield "no frames: drift not corrected"
        return
    uncorrected = [drift for drift in sample.drifts if _uncorrected(drift)]
    if uncorrected:
        verdict, unseen = uncorrected[0].notes.get("verdict"), _unseen_below(uncorrected)
        told = [str(verdict)] if verdict else []
        told += [f"nothing can be seen below {unseen:.0f} nm"] if unseen else []
        yield f"drift not corrected ({'; '.join(told)})" if told else "drift not corrected"
    level = [drift.notes["verdict_z"] for drift in sample.drifts if refused(drift, "_z")]
    if level and not uncorrected:
        yield f"drift in z not corrected ({level[0]})"
    ranges = [float(np.ptp(drift.shift, axis=0).max()) for drift in sample.drifts if len(drift.shift)]
    if max(ranges, default=0) > LARGEST_DRIFT_NM:
        yield f"large drift ({max(ranges) / 1000:.1f} µm)"
    residual = worst_residual(sample.drifts)
    if residual is not None and residual > WORST_RESIDUAL_NM:
        yield f"residual drift ({residual:.0f} nm)"


def _uncorrected(drift: Drift) -> bool:
    """Whether a drift may be there that is not corrected, in an acquisition or a stretch of it."""
    verdict = drift.notes.get("verdict")
    return verdict in UNDECIDED or (verdict != "no drift" and not np.any(drift.shift))


def _unseen_below(drifts: Sequence[Drift]) -> float | None:
    """Detail, nm, below which a sample shows nothing whose drift was not corrected: twice what would have been seen."""
    detectable = [drift.notes.get("detectable_nm") for drift in drifts]
    return max((2 * float(value) for value in detectable if isinstance(value, int | float)), default=None)


def worst_residual(drifts: Sequence[Drift], suffix: str = "") -> float | None:
    """Largest residual drift after correction that is expected, from the notes of the drifts.

    Parameters
    ----------
    drifts : sequence of Drift
        Of the acquisitions of a sample; those whose correction was refused do not count.
    suffix : str
        "_z" for the residual in z.

    Returns
    -------
    float or None
        nm; None where none is known.
    """
    found = [drift.notes.get(f"residual{suffix}_nm") for drift in drifts if not refused(drift, suffix)]
    return max((float(value) for value in found if isinstance(value, int | float)), default=None)


def refused(drift: Drift, suffix: str = "") -> bool:
    """Whether a drift (with `suffix` "_z": in z) was measured but its correction not applied."""
    return drift.notes.get(f"verdict{suffix}") in UNDECIDED


def _time_course(sample: Sample) -> Iterator[str]:
    """What happens over the frames of each acquisition; a sample without drifts is one."""
    if sample.table.frame is None:
        return
    rows = [drift.rows or (0, len(sample.table)) for drift in sample.drifts] or [(0, len(sample.table))]
    for number, (first, last) in enumerate(rows, 1):
        own = slice(first, last)
        kept = sample.table.frame[own][sample.quality.keep[own]]
        where = f"acquisition {number}: " if len(rows) > 1 else ""
        yield from _course_of(kept, sample.table.frame[own], where)


def _course_of(kept: NDArray[np.uint32], every: NDArray[np.uint32], where: str) -> Iterator[str]:
    """Flags of one acquisition, from the frames of its localizations that stay and of all."""
    occurring, time = _elapsed(every)
    if not len(kept) or time[-1] < 50:
        return
    edges = np.linspace(0, time[-1], 51)
    counts = np.histogram(time[np.searchsorted(occurring, kept)], edges)[0]
    if counts[25:].sum() < BLEACHED_SHARE * counts.sum():
        span = f"{occurring[0]} to {occurring[-1]}"
        yield f"bleached early ({where}half of the localizations by frame {int(np.median(kept))} of {span})"
    if counts[0] > DENSE_START * max(float(np.median(counts)), 1) and counts[0] > 200:
        yield f"high density at the start ({where}first {round(edges[1])} frames; see quality.frames)"
    yield from _gap(kept, where)


def _elapsed(frame: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Frames that occur and the time of each, frames from the first; pauses and wrong numbers are a few frames long."""
    occurring = np.unique(frame).astype(np.int64)
    steps = np.diff(occurring)
    usual = PAUSE * float(np.median(steps)) if len(steps) else 1.0
    return occurring, np.concatenate([[0.0], np.cumsum(np.minimum(steps, usual))])


def _gap(frame: NDArray[np.uint32], where: str) -> Iterator[str]:
    """The longest interval without localizations, where it is too long for chance."""
    own = np.unique(frame).astype(np.int64)
    steps = np.diff(own)
    if not len(steps):
        return
    longest, span = int(steps.argmax()), int(own[-1] - own[0]) + 1
    expected = len(frame) / span * steps[longest]
    if steps[longest] > LONGEST_GAP * span and expected > 20:
        yield f"gap ({where}no localizations in frames {own[longest] + 1} to {own[longest + 1] - 1})"


def _precision(sample: Sample) -> Iterator[str]:
    found = {name: measured.sigma_nm for name, measured in sample.precision.items() if measured.sigma_nm is not None}
    given = {name: value for name in sample.kept.channels if (value := _given_precision(sample, name)) is not None}
    yield from _worse("precision", given | found, WORST_PRECISION_NM)
    for name in [name for name in given if name in found]:
        factor = given[name] / found[name]
        if not 1 / PRECISION_FACTOR <= factor <= PRECISION_FACTOR:
            yield f"the file's precision is {factor:.2g} times the measured one ({name})"


def _given_precision(sample: Sample, channel: str) -> float | None:
    """Median precision by the file, of the kept localizations of a channel before merging."""
    table, quality = sample.table, sample.quality
    chosen = quality.of("kept", "merged") & (table.channel == table.channels.index(channel))
    known = np.zeros(0) if table.precision is None else table.precision[chosen & np.isfinite(table.precision)]
    return float(np.median(known)) if len(known) else None


def _resolution(sample: Sample) -> Iterator[str]:
    found = {name: measured.frc_nm for name, measured in sample.resolution.items() if measured.frc_nm is not None}
    yield from _worse("resolution", found, WORST_RESOLUTION_NM)


def _worse(what: str, values: Mapping[str, float], limit_nm: float) -> Iterator[str]:
    bad = [f"{name}: {value:.0f} nm" for name, value in sorted(values.items()) if value > limit_nm]
    if bad:
        yield f"{what} worse than {limit_nm:g} nm ({', '.join(bad)})"


def _nuclei(sample: Sample) -> Iterator[str]:
    table = sample.nuclei.table
    if not len(table):
        yield "no nucleus"
        return
    if bool(np.asarray(table["border"]).all()):
        yield "every nucleus is cut by the edge of the field"
    outside = float(np.mean(sample.nuclei.label[sample.quality.keep] == 0))
    if outside > 0.5:
        yield f"most localizations outside nuclei ({outside:.0%})"


def _crowded(sample: Sample) -> Iterator[str]:
    share = float(crowded_places(sample.kept, CROWDED.radius_nm, CROWDED.times).mean())
    if share > CROWDED_SHARE:
        yield f"crowded places hold {share:.0%} of the localizations (fiducials or aggregates; see quality.crowded)"


_CHECKS: tuple[Callable[[Sample], Iterator[Any]], ...] = (
    _counts,
    _limits,
    _nuclei,
    _drift,
    _time_course,
    _precision,
    _resolution,
    _crowded,
)
