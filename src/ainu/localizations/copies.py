"""Copies: localizations that stand in two tables, whatever was done to one of them in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.table import Localizations

OFFSET_NM = 100.0
"""Edge of the bins in which offsets between localizations are counted."""
AROUND = 5
"""Bins on each side of a peak that tell what chance gives there."""
FARTHEST_NM = 100_000.0
"""From the median offset: what lies farther apart is no copy in a field of up to twice this width."""
MOST_ROWS = 40_000
"""Localizations of the smaller recording that are compared."""
MOST_OFFSETS = 1 << 22
"""Offsets between localizations of the same frame that are looked at."""
FRAMES_APART = 60
"""Copies coincide in one frame alone; beads and clusters do so with frames this far away, too."""
LEAST_TELLING = 0.1
"""Share that does not coincide with frames far away, below which only equal localizations tell of a copy."""
LEAST_WITHOUT_FRAMES = 0.2
"""The same without frames, where positions alone are compared."""
SAME_SHARE = 0.5
"""Share from which on two recordings are the same one; of two channels, of the localizations of both."""


def copied_channels(parts: Sequence[Localizations]) -> Iterator[tuple[tuple[int, str], tuple[int, str], float]]:
    """Channels of a sample that hold the same localizations, or nearly so: each was measured once.

    The share counts of the channel with more localizations, so that crosstalk of a bright channel into a dim one, or a
    fiducial that both show, makes no copy.

    Parameters
    ----------
    parts : sequence of Localizations
        Of the files of the sample.

    Yields
    ------
    (int, str), (int, str), float
        File and name of two channels, and the share of the localizations that they have in common, at least
        `SAME_SHARE`.
    """
    for one, other in combinations([(index, name) for index, part in enumerate(parts) for name in part.channels], 2):
        tables = [parts[index].of_channel(name) for index, name in (one, other)]
        small, large = sorted(map(len, tables))
        share = shared_fraction(*tables) * small / large if small >= SAME_SHARE * large > 0 else 0.0
        if share >= SAME_SHARE:
            yield one, other, min(share, 1.0)


def shared_fraction(one: Localizations, other: Localizations) -> float:
    """Share of the smaller recording's localizations that are in the other one, whatever their offset and drift.

    Localizations of the same frame are compared in pairs: offsets between the same emitters pile up in one place, those
    between different ones spread over the field. What coincides with other frames as well is no sign of a copy.

    Parameters
    ----------
    one, other : Localizations
        Two recordings, (n,) and (m,).

    Returns
    -------
    float
        From 0 to about 1.
    """
    small, large = sorted((one, other), key=len)
    if not len(small):
        return 0.0
    if small.frame is None or large.frame is None:
        return _shared_by_place(small, large)
    own, theirs = small.frame.astype(np.int64), large.frame.astype(np.int64)
    shifts = {-1, 0, 1, int(theirs.min() - own.min()), int(theirs.max() - own.max())}
    return max(_shared_by_frame(small, large, own + shift) for shift in shifts)


def _shared_by_frame(small: Localizations, large: Localizations, frame: NDArray[np.int64]) -> float:
    """Share that coincides in a frame, of what does not coincide with frames far away; `frame` (n,): in `large`."""
    share = _coinciding(small, large, frame)
    if not share:
        return 0.0
    first, frames = int(frame.min()), int(np.ptp(frame)) + 1
    apart = min(FRAMES_APART, frames // 2)
    chance = _coinciding(small, large, first + (frame - first + apart) % frames) if apart > 1 else 0.0
    if chance > 1 - LEAST_TELLING:
        return _equal(small, large, frame)
    spread = np.sqrt(chance / min(len(small), MOST_ROWS))
    return (share - chance) / (1 - chance) if share - chance > 4 * spread else 0.0


def _equal(small: Localizations, large: Localizations, frame: NDArray[np.int64]) -> float:
    """Share of the small table's localizations that the large one has at the same position in these frames (n,)."""
    assert large.frame is not None
    rows = [[own.x, own.y, times] for own, times in ((small[:MOST_ROWS], frame[:MOST_ROWS]), (large, large.frame))]
    mine, theirs = (np.stack(own, axis=1).astype(np.float64).view("V24").ravel() for own in rows)
    return float(np.isin(mine, theirs).mean())


def _coinciding(small: Localizations, large: Localizations, frame: NDArray[np.int64]) -> float:
    """Share of the small table's localizations at one offset from those of the large one in these frames (n,)."""
    assert large.frame is not None
    kept, frame = small[:MOST_ROWS], frame[:MOST_ROWS]
    order = np.argsort(large.frame, kind="stable")
    ordered = large.frame[order].astype(np.int64)
    first, last = np.searchsorted(ordered, frame), np.searchsorted(ordered, frame, "right")
    number = last - first
    kept = kept[: 1 + int(np.searchsorted(np.cumsum(number), MOST_OFFSETS))]
    first, number = first[: len(kept)], number[: len(kept)]
    mine = np.repeat(np.arange(len(kept)), number)
    theirs = order[np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number) + np.repeat(first, number)]
    return _common_offsets(large.x[theirs] - kept.x[mine], large.y[theirs] - kept.y[mine]) / max(len(kept), 1)


def _shared_by_place(small: Localizations, large: Localizations) -> float:
    """Without frames: the share that coincides with one of the other table once medians are aligned; 0 if few do."""
    # Coinciding is closer than a twentieth of the distance of neighbours: rare by chance, even for one and the same
    # shape, and it survives rounding.
    from scipy.spatial import cKDTree

    places = [table.positions[:, :2] - np.median(table.positions[:, :2], axis=0) for table in (small, large)]
    tree = cKDTree(places[1])
    apart = float(np.median(tree.query(places[1][:MOST_ROWS], k=2)[0][:, 1])) if len(large) > 1 else 0.0
    found = tree.query(places[0][:MOST_ROWS], distance_upper_bound=max(apart / 20, 1e-3))[0]
    share = float(np.isfinite(found).mean())
    return share if share >= LEAST_WITHOUT_FRAMES else 0.0


def _common_offsets(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Number of offsets in the fullest 3 x 3 squares of 100 nm, beyond what is expected there by chance."""
    if not len(x):
        return 0.0
    near = (np.abs(x - np.median(x)) < FARTHEST_NM) & (np.abs(y - np.median(y)) < FARTHEST_NM)
    x, y = x[near], y[near]
    column, row = (np.floor(axis / OFFSET_NM).astype(np.int64) for axis in (x, y))
    column, row = column - column.min() + AROUND, row - row.min() + AROUND
    width, height = int(column.max()) + AROUND + 3, int(row.max()) + AROUND + 3
    counts = np.bincount((row + 1) * width + column + 1, minlength=width * height).astype(np.float32)
    counts = counts.reshape(height, width)
    rows = counts[:-2] + counts[1:-1] + counts[2:]
    peaks = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    place = np.unravel_index(peaks.argmax(), peaks.shape)
    # Offsets of unrelated localizations are densest in the middle: the surroundings of the peak are what chance gives.
    low, high = [max(0, k - AROUND) for k in place], [k + AROUND + 1 for k in place]
    around = peaks[low[0] : high[0], low[1] : high[1]]
    chance = float(np.median(around))
    spread = np.sqrt(max(chance, 1.0))
    return float(peaks.max() - chance) if peaks.max() > chance + 8 * spread else 0.0
