"""How a nucleus was recorded: precision, photons, blinks, drift and resolution of each channel.

What a network sees at 20 nm first. These values differ by dye, buffer and day, and are audited as confounders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.drift.correction import Drift, read_drift
from ainu.images.render import split_by_nucleus
from ainu.localizations.table import Localizations, load
from ainu.quality.blinks import DARK_FRAMES, emitters
from ainu.quality.filters import read_quality
from ainu.quality.frc import correlation_at, ring_correlation
from ainu.quality.warnings import worst_residual

MOST = 20_000
"""Localizations of a channel whose blinks are linked; of more, those in some places are taken."""
PLACE_NM = 1000.0
"""Edge of these places."""
SHORTEST = 10 * (DARK_FRAMES + 1)
"""Frames without which links by chance cannot be counted."""
PRECISIONS = 4.0
"""Detail at which halves are compared, in precisions: finer than structures, so that only emitters agree."""
RESOLUTION = "FRC resolution"
"""It follows the structure as well as the recording."""
DESCRIBES = (
    "background",
    "precision",
    "photons",
    "spot width",
    "localizations per emitter",
    "dark time",
    "drift error",
    "FRC at four precisions",
    RESOLUTION,
)
"""What is measured of every channel."""


@dataclass(frozen=True)
class Recording:
    """Localizations of a field or of a nucleus, and what is known of their recording.

    Attributes
    ----------
    kept : Localizations
        As networks see them.
    blinking : Localizations
        The same before blinks were merged.
    frames : int
        Length of the recording of the field; 0 where frames were not measured.
    drift_nm : mapping of str to float
        Expected error of the drift correction by channel, where it is known.
    """

    kept: Localizations
    blinking: Localizations
    frames: int
    drift_nm: Mapping[str, float]

    @classmethod
    def of(cls, table: Localizations) -> Recording:
        """Of localizations of which nothing else is known."""
        return cls(table, table, table.n_frames, {})

    @classmethod
    def read(cls, inputs: Mapping[str, str], sample: str) -> Recording:
        """Read what the stages found of a sample.

        Parameters
        ----------
        inputs : mapping of str to path
            The shard's files `raw`, `drift`, `quality`, `nuclei`.
        sample : str
            Its name.

        Returns
        -------
        Recording
        """
        table = load(inputs["raw"], sample, drift=inputs["drift"], nuclei=inputs["nuclei"])
        quality, drifts = read_quality(inputs["quality"], sample), read_drift(inputs["drift"], sample)
        errors = {name: _drift_error(table, drifts, index) for index, name in enumerate(table.channels)}
        drift_nm = {name: error for name, error in errors.items() if error is not None}
        kept = quality.apply(table)
        return cls(kept, table[quality.of("kept", "merged")], kept.n_frames, drift_nm)

    def nuclei(self, count: int) -> list[Recording]:
        """Of each of the nuclei 1 to `count`."""
        parts = zip(split_by_nucleus(self.kept, count), split_by_nucleus(self.blinking, count), strict=True)
        return [replace(self, kept=kept, blinking=blinking) for kept, blinking in parts]


def _drift_error(table: Localizations, drifts: Sequence[Drift], channel: int) -> float | None:
    """The largest that is expected of the recordings that hold a channel."""
    rows = np.flatnonzero(table.channel == channel)
    held = [np.diff(np.searchsorted(rows, drift.rows or (0, len(table)))) > 0 for drift in drifts]
    return worst_residual([drift for drift, own in zip(drifts, held, strict=True) if own])


def acquisition(recording: Recording, rng: np.random.Generator) -> dict[str, float]:
    """Properties of the recording of a nucleus: `DESCRIBES` of every channel, and frames.

    Parameters
    ----------
    recording : Recording
        Of the nucleus.
    rng : Generator
        Draws places where there are many localizations.

    Returns
    -------
    dict of str to float
        By name; NaN where it was not measured.
    """
    found: dict[str, float] = {}
    for name in recording.kept.channels:
        own, blinking = recording.kept.of_channel(name), recording.blinking.of_channel(name)
        precision = median(own.precision)
        measured = (
            median(own.background),
            precision,
            median(own.photons),
            median(own.sigma),
            *blinks(blinking, rng),
            recording.drift_nm.get(name, np.nan),
            correlation_at(own, PRECISIONS * precision) if precision > 0 else np.nan,
            ring_correlation(own).frc_nm or np.nan,
        )
        found |= {f"{what} of {name}": float(value) for what, value in zip(DESCRIBES, measured, strict=True)}
    return found | {"acquisition length": float(recording.frames) if recording.frames else np.nan}


def median(values: NDArray[Any] | None) -> float:
    """The median of (n,) values; NaN where there are none."""
    known = np.zeros(0) if values is None else values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan


def blinks(channel: Localizations, rng: np.random.Generator) -> tuple[float, float]:
    """Localizations per emitter, and frames that an emitter is dark in between, within `blinks.DARK_FRAMES`.

    Links by chance, which dense structures have more of, are those between frames far apart; they are subtracted.

    Parameters
    ----------
    channel : Localizations
        Of one channel, blinks not merged.
    rng : Generator
        Draws places where there are more than `MOST`.

    Returns
    -------
    per_emitter : float
        NaN without frames or precision.
    dark_frames : float
        Mean over the links; NaN where there are none.
    """
    part = some_places(channel, rng)
    linked = gaps(part)
    if linked is None or not len(part):
        return np.nan, np.nan
    number = np.bincount(linked, minlength=DARK_FRAMES + 1).astype(float)
    shuffled = far_apart(part)
    chance = None if shuffled is None else gaps(shuffled)
    if chance is not None:
        # A chain has one end and one start that are free to be linked by chance, however many localizations it holds.
        free = 1 - len(linked) / len(part)
        number -= free**2 * np.bincount(chance, minlength=DARK_FRAMES + 1)
    total = max(float(number.sum()), 0.0)
    dark = float(number @ np.arange(DARK_FRAMES + 1)) / total if total else np.nan
    return len(part) / (len(part) - total), dark


def some_places(channel: Localizations, rng: np.random.Generator) -> Localizations:
    """The localizations in some squares, drawn until they are `MOST`; all where there are no more."""
    if len(channel) <= MOST:
        return channel
    column, row = np.floor(channel.positions[:, :2] / PLACE_NM).astype(np.int64).T
    square = (row - row.min()) * (np.ptp(column) + 1) + column - column.min()
    _, member, number = np.unique(square, return_inverse=True, return_counts=True)
    order = rng.permutation(len(number))
    taken = np.zeros(len(number), bool)
    taken[order[: np.searchsorted(np.cumsum(number[order]), MOST) + 1]] = True
    return channel[taken[member]]


def gaps(channel: Localizations) -> NDArray[np.int64] | None:
    """(links,) frames between a localization and the next one of its emitter; None where this is not known."""
    first = emitters(channel)
    if channel.frame is None or (first < 0).any():
        return None
    order = np.lexsort((channel.frame, first))
    same = first[order][1:] == first[order][:-1]
    return np.diff(channel.frame[order].astype(np.int64))[same] - 1


def far_apart(channel: Localizations) -> Localizations | None:
    """The localizations with frames in an order in which neighbours are far apart; None where there are too few."""
    assert channel.frame is not None
    time = channel.frame.astype(np.int64) - int(channel.frame.min())
    stride = max(int(time.max() + 1) // 29, 1)
    if stride < SHORTEST:
        return None
    rows = int(time.max()) // stride + 1
    return replace(channel, frame=(time % stride * (rows + DARK_FRAMES + 1) + time // stride).astype(np.uint32))
