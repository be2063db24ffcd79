"""Frames as files have them: which occur, and where the counter of a file starts again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

MOST_COUNTERS = 20
"""A file whose frames go back more often is not in the order of its frames: one counter."""
SHORTEST = 100
"""Localizations of a counter at least; fewer are rows out of order."""


@dataclass(frozen=True)
class Clock:
    """The frames that occur, and those of localizations as their ranks among them.

    Attributes
    ----------
    frame : (m,) int64
        Frames that occur, in order.
    rank : (n,) int32
        Index of the frame of each localization.
    """

    frame: NDArray[np.int64]
    rank: NDArray[np.int32]

    @classmethod
    def of(cls, frame: NDArray[np.integer]) -> Clock:
        """Of the frames (n,) of localizations; memory follows their number, not the highest frame."""
        if len(frame) and np.all(frame[1:] >= frame[:-1]):
            new = np.concatenate([[True], frame[1:] != frame[:-1]])
            return cls(frame[new].astype(np.int64), (np.cumsum(new) - 1).astype(np.int32))
        occurring, rank = np.unique(frame, return_inverse=True)
        return cls(occurring.astype(np.int64), rank.astype(np.int32))

    def occurring(self, frames: int) -> int:
        """How many of so many frames occur, where there is no pause; 1 at least."""
        steps = np.diff(self.frame)
        if not len(steps):
            return 1
        usual = float(np.minimum(steps, 20 * np.median(steps)).mean())
        return max(round(frames / usual), 1)


def counters(frame: NDArray[np.integer]) -> list[slice]:
    """Stretches of rows of one counter: where the frames (n,) of a file's rows start again, a new one begins."""
    back = np.flatnonzero(frame[1:] < frame[:-1]) + 1
    if not len(back) or len(back) > min(100 * MOST_COUNTERS, len(frame) / 10):
        return [slice(0, len(frame))]
    # medians of neighbouring rows: a few rows out of order or with a wrong number are no new counter
    course = frame.astype(np.int64)
    for at in back:
        near = slice(max(at - 30, 0), at + 30)
        course[near] = ndimage.median_filter(frame[near].astype(np.int64), 15, mode="nearest")
    starts = [at for at in back if _starts_again(course, int(at))]
    edges = [0]
    for at in starts:
        if at - edges[-1] >= SHORTEST and len(frame) - at >= SHORTEST:
            edges.append(int(at))
    if len(edges) > MOST_COUNTERS:
        return [slice(0, len(frame))]
    return [slice(first, last) for first, last in zip(edges, [*edges[1:], len(frame)], strict=True)]


def _starts_again(course: NDArray[np.int64], at: int, rows: int = 50) -> bool:
    """Whether the rows from here on have lower frames than those before."""
    return bool(np.median(course[at : at + rows]) < np.percentile(course[max(at - rows, 0) : at], 25))
