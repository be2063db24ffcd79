"""Channels that were recorded one after the other: which frames are whose, and how their drifts join."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ainu.drift.coincidences import Gain, gain_of
from ainu.drift.verdict import PLACE_NM, SIGNIFICANT
from ainu.localizations.correlation_peak import parabola_vertex

Array = NDArray[np.float64]
OVERLAP = 0.05
"""Channels of which a larger share lies within the other's frames are recorded together."""
FEWEST = 50
"""A channel with fewer localizations has no stretch of its own."""
PAUSE = 10.0
"""A pause is so many times as long as nearly all steps from one frame that occurs to the next, and `PAUSE_SHARE`."""
PAUSE_SHARE = 0.002
PIXEL_NM, SIDE_NM = 20.0, 16_384.0
SURE = 2.0
"""Across a pause a path is continuous if that changes so many times as much as the pause may."""
AGREE_NM = 25.0
"""Two halves of the field have to agree on an offset that well."""


def stretches(frame: NDArray[np.int64], channel: NDArray[np.integer]) -> list[tuple[int, list[int]]]:
    """Stretches of frames of channels that follow each other.

    Parameters
    ----------
    frame, channel : (n,) int
        Of each localization.

    Returns
    -------
    list of (int, list of int)
        First frame of each stretch and its channels; one stretch where channels are recorded together.
    """
    held = np.bincount(channel)
    if np.count_nonzero(held) < 2:
        return [(int(frame.min()), [int(held.argmax())])]
    own = {int(number): np.sort(frame[channel == number]) for number in np.flatnonzero(held >= FEWEST)}
    groups: list[list[int]] = []
    for number in sorted(own, key=lambda each: float(np.median(own[each]))):
        if groups and any(_together(own[number], own[other]) for other in groups[-1]):
            groups[-1].append(number)
        else:
            groups.append([number])
    if len(groups) < 2:
        return [(int(frame.min()), list(own))]
    parts = [np.sort(np.concatenate([own[number] for number in group])) for group in groups]
    firsts = [_border(earlier, later) for earlier, later in pairwise(parts)]
    return list(zip([int(frame.min()), *firsts], groups, strict=True))


def _together(one: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    """Whether two channels (frames in order) lie among each other's frames."""
    return max(_within(one, other), _within(other, one)) > OVERLAP


def _within(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    first, last = other[len(other) // 100], other[-1 - len(other) // 100]
    return float(np.searchsorted(one, last, side="right") - np.searchsorted(one, first)) / len(one)


def _border(earlier: NDArray[np.int64], later: NDArray[np.int64]) -> int:
    """The first frame of the later of two stretches: the fewest localizations lie on the wrong side of it."""
    places = np.unique(later)
    wrong = len(earlier) - np.searchsorted(earlier, places) + np.searchsorted(later, places)
    return int(places[np.argmin(wrong)])


@dataclass(frozen=True)
class Course:
    """A measured stretch: its frames (m,), path (m, d) nm, expected error (nm) or None, positions (n, 2)
    after it, mean shift (d,) of its localizations."""

    frame: NDArray[np.int64]
    path: Array
    residual_nm: float | None
    xy: Array
    middle: Array

    def step(self, frames: int) -> float:
        """How far the field typically moves in so many frames, nm: the 90th percentile."""
        if len(self.frame) < 2:
            return 0.0
        span = int(self.frame[-1] - self.frame[0])
        over = min(max(frames, 1), max(span // 2, 1))
        there = np.searchsorted(self.frame, self.frame + over)
        inside = there < len(self.frame)
        moved = np.hypot(*(self.path[there[inside], :2] - self.path[inside, :2]).T)
        return float(np.percentile(moved, 90)) * frames / over if len(moved) else 0.0


@dataclass(frozen=True)
class Seam:
    """How two stretches join.

    Attributes
    ----------
    offset : (d,) float64
        Shift of the later stretch at its first frame, nm.
    source : str
        "continuous", "structure" (shown to be common) or "unknown".
    error_nm : float, optional
        How far the stretches may lie apart; None where nothing can be said.
    pause : int, optional
        Frames between them; None where the counters are not the same.
    """

    offset: Array
    source: str
    error_nm: float | None
    pause: int | None

    @property
    def expected_nm(self) -> float | None:
        """The error to be expected, nm: half of what is possible where nothing is known of the movement in between."""
        return self.error_nm if self.error_nm is None or self.source != "unknown" else self.error_nm / 2

    def notes(self) -> dict[str, Any]:
        """Plain values for `Drift.notes`."""
        error = None if self.error_nm is None else round(self.error_nm, 1)
        offset = [round(float(value), 2) for value in self.offset]
        return {"source": self.source, "offset_nm": offset, "error_nm": error, "pause": self.pause}


def join(earlier: Course, later: Course, start: Array, goes_on: bool) -> Seam:
    """Where a stretch starts relative to the one before it.

    Parameters
    ----------
    earlier : Course
        The one before, as it lies.
    later : Course
        The stretch, from 0.
    start : (d,) float64
        Zeros, one per axis.
    goes_on : bool
        Whether the later one's frames go on counting from the earlier one's.

    Returns
    -------
    Seam
        While frames go on, the later starts where the earlier ended. Across a pause or in another file nothing is
        known: the stretches keep the distance that they have, unless the movement in between is sure to be small beside
        what the continuous path changes. A structure that both show, found in either half of the field alone,
        replaces that.
    """
    continuous = start + earlier.path[-1]
    kept = start + earlier.middle - later.middle
    pause = int(later.frame[0] - earlier.frame[-1]) - 1 if goes_on else None
    error, change = _possible(earlier, later, pause), float(np.hypot(*(continuous - kept)[:2]))
    paused = pause is None or _paused(earlier.frame, later.frame)
    if error is None or (paused and (pause is None or change < SURE * error)):
        left = None if error is None else float(np.hypot(change, error))
        offset, source, error = kept, "unknown", left
    else:
        offset, source = continuous, "continuous"
    reach = 1000.0 if error is None or source == "unknown" else float(np.clip(4 * error + 50, 100, 1000))
    found = common_offset(earlier.xy, later.xy - offset[:2], reach)
    if found is None:
        return Seam(offset, source, error, pause)
    moved = offset.copy()
    moved[:2] += found[0]
    return Seam(moved, "structure", found[1], pause)


def _paused(earlier: NDArray[np.int64], later: NDArray[np.int64]) -> bool:
    """Whether the frames between two stretches are more than those that hold no localization anyway."""
    gap = later[0] - earlier[-1]
    steps = np.concatenate([np.diff(earlier), np.diff(later), [1]])
    usual = float(np.percentile(steps, 99))
    length = min(earlier[-1] - earlier[0], later[-1] - later[0])
    return bool(gap > max(PAUSE * usual, PAUSE_SHARE * length, 2))


def _possible(earlier: Course, later: Course, pause: int | None) -> float | None:
    """How far two stretches may be from each other, nm: by the errors of their ends and the drift in between."""
    if earlier.residual_nm is None or later.residual_nm is None:
        return None
    ends = 2 * float(np.hypot(earlier.residual_nm, later.residual_nm))
    if pause is None:
        longest = [float(np.hypot(*np.ptp(each.path[:, :2], axis=0))) for each in (earlier, later)]
        return float(np.hypot(ends, max(longest)))
    return float(np.hypot(ends, max(earlier.step(pause + 1), later.step(pause + 1))))


def common_offset(first: Array, second: Array, reach_nm: float) -> tuple[Array, float] | None:
    """By how much a second set of points is displaced from a first with the same structure.

    Parameters
    ----------
    first, second : (n, 2), (m, 2) float64
        Positions, nm.
    reach_nm : float
        Largest displacement along an axis.

    Returns
    -------
    offset : (2,) float64
        Displacement, nm.
    error_nm : float
        From the two halves of the field.

        None unless either half of the field finds it, and it brings the other half together significantly.
    """
    half = [np.floor(points / 2000).astype(np.int64).sum(axis=1) & 1 for points in (first, second)]
    parts = [_peak(first[half[0] == i], second[half[1] == i], reach_nm) for i in (0, 1)]
    apart = float(np.hypot(*(parts[0] - parts[1])))
    if apart > AGREE_NM:
        return None
    gain = _gain(first[half[0] == 1], second[half[1] == 1], parts[0])
    gain += _gain(first[half[0] == 0], second[half[1] == 0], parts[1])
    if gain.score < SIGNIFICANT:
        return None
    return _peak(first, second, reach_nm), max(apart / 2, 1.0)


def _peak(first: Array, second: Array, reach_nm: float) -> Array:
    """Displacement at which two images, folded, correlate best."""
    cells = round(SIDE_NM / PIXEL_NM)
    spectra = []
    for points in (first, second):
        cell = np.floor(points / PIXEL_NM).astype(np.int64) % cells
        image = np.bincount(cell[:, 1] * cells + cell[:, 0], minlength=cells * cells).reshape(cells, cells)
        spectra.append(fft.rfft2(np.sqrt(image).astype(np.float32)))
    squared = 2 * np.pi**2 * (fft.fftfreq(cells)[:, None] ** 2 + fft.rfftfreq(cells) ** 2)
    band = (np.exp(-(1.0**2) * squared) - np.exp(-(8.0**2) * squared)).astype(np.float32)
    correlation = fft.irfft2(spectra[0].conj() * spectra[1] * band, s=(cells, cells))
    reach = int(reach_nm / PIXEL_NM)
    near = np.roll(correlation, (reach, reach), axis=(0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    row, column = np.unravel_index(int(near.argmax()), near.shape)
    row, column = (np.clip(place, 1, 2 * reach - 1) for place in (row, column))
    vertex = (
        parabola_vertex(*(np.float64(near[row, column + k]) for k in (-1, 0, 1))),
        parabola_vertex(*(np.float64(near[row + k, column]) for k in (-1, 0, 1))),
    )
    return PIXEL_NM * np.array([column - reach + float(vertex[0]), row - reach + float(vertex[1])])


def _gain(first: Array, second: Array, offset: Array) -> Gain:
    """How coincidences of two sets change when the second is moved back by an offset."""
    before = np.concatenate([first, second])
    after = np.concatenate([first, second - offset])
    block = np.repeat([0, 2], [len(first), len(second)])
    place = np.floor(after / PLACE_NM).astype(np.int64) @ np.array([100_003, 1])
    return gain_of(list(before.T), list(after.T), block, place, (40.0, 40.0), (True, True))
