"""Blinks: localizations of one emitter in nearby frames, found and merged into one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.neighbours import nearest_in_frame
from ainu.localizations.table import Localizations, Merged

REACH = 3.0
"""Largest distance from one localization of an emitter to the next, in precisions."""
DARK_FRAMES = 3
"""Frames in which an emitter may stay dark in between; later, other emitters of a dense structure are taken for it."""


@dataclass(frozen=True)
class _Chains:
    """Links from a localization to the next appearance of its emitter: (n,) row before and row after, -1 for none."""

    before: NDArray[np.intp]
    after: NDArray[np.intp]

    def first(self) -> NDArray[np.intp]:
        """(n,) row of the first appearance of each localization's emitter."""
        first = np.where(self.before < 0, np.arange(len(self.before)), self.before)
        while not np.array_equal(further := first[first], first):
            first = further
        return first


def first_appearances(localizations: Localizations, *, radius_nm: float, dark_frames: int = 0) -> NDArray[np.intp]:
    """Find the first localization of the emitter that each localization shows.

    Parameters
    ----------
    localizations : Localizations
        Drift-corrected, with frames.
    radius_nm : float
        Largest distance from one localization of an emitter to the next, nm.
    dark_frames : int
        Frames in which the emitter may stay dark in between; 0 links neighbouring frames only.

    Returns
    -------
    (n,) intp
        Row of the first localization of the same emitter; that of the localization itself if it is the first.

    Notes
    -----
    Within a channel, two localizations are linked when each is the other's nearest candidate, first in neighbouring
    frames, then over increasing gaps, until no such pair is left. So an emitter has at most one localization per
    frame, and the result does not depend on the order of rows.
    """
    n = len(localizations)
    chains = _Chains(np.full(n, -1, np.intp), np.full(n, -1, np.intp))
    if n and localizations.frame is not None:
        positions, time = localizations.positions[:, :2].astype(np.float64), _time(localizations, dark_frames)
        for gap in range(1, dark_frames + 2):
            while _link(chains, positions, time, gap, radius_nm):
                pass
    return chains.first()


def _time(localizations: Localizations, dark_frames: int) -> NDArray[np.int64]:
    """Frames, those of one channel after those of the other, so that no link leads from one to the other."""
    assert localizations.frame is not None
    return localizations.frame + localizations.channel.astype(np.int64) * (localizations.n_frames + dark_frames + 1)


def _link(chains: _Chains, positions: NDArray[np.float64], time: NDArray[np.int64], gap: int, reach_nm: float) -> int:
    """Link free ends `gap` frames apart that are each other's nearest; returns how many were."""
    ends, starts = np.flatnonzero(chains.after < 0), np.flatnonzero(chains.before < 0)
    found, _ = nearest_in_frame(positions[ends], time[ends] + gap, positions[starts], time[starts], reach_nm)
    ends, next_ = ends[found < len(starts)], starts[found[found < len(starts)]]
    wanted = np.unique(next_)
    back, _ = nearest_in_frame(positions[wanted], time[wanted] - gap, positions[ends], time[ends], reach_nm)
    chosen = np.full(len(positions), -1, np.intp)
    chosen[wanted[back < len(ends)]] = ends[back[back < len(ends)]]
    mutual = chosen[next_] == ends
    chains.after[ends[mutual]] = next_[mutual]
    chains.before[next_[mutual]] = ends[mutual]
    return int(mutual.sum())


def emitters(localizations: Localizations) -> NDArray[np.intp]:
    """Find the emitter that each localization shows, within `REACH` precisions and `DARK_FRAMES` frames.

    Parameters
    ----------
    localizations : Localizations
        Drift-corrected.

    Returns
    -------
    (n,) intp
        Row of the first localization of the same emitter; -1 where frames or precision of the channel were not
        measured.
    """
    found = np.full(len(localizations), -1, np.intp)
    if localizations.frame is None or localizations.precision is None:
        return found
    for channel in np.unique(localizations.channel):
        rows = np.flatnonzero(localizations.channel == channel)
        known = localizations.precision[rows]
        known = known[np.isfinite(known)]
        if len(known):
            radius_nm = REACH * float(np.median(known))
            own = first_appearances(localizations[rows], radius_nm=radius_nm, dark_frames=DARK_FRAMES)
            found[rows] = rows[own]
    return found


def merge_blinks(localizations: Localizations, first: NDArray[np.intp]) -> Merged:
    """Merge the localizations of each emitter.

    Parameters
    ----------
    localizations : Localizations
        (n,).
    first : (n,) intp
        From `first_appearances`.

    Returns
    -------
    Merged
        Photons are summed; position, sigma and background are means weighted by photons (equal weights where the
        table has none); the precision is that of the mean position. Frame and channel stay those of the first.
    """
    counts = np.bincount(first, minlength=len(first))
    rows = np.flatnonzero(counts > 1)
    member = counts[first] > 1
    part, group = localizations[member], np.searchsorted(rows, first[member])
    weight = _weights(part, group, len(rows))
    columns = {"localizations": counts[rows].astype(np.float32)}
    for name in ("x", "y", "z", "sigma", "background"):
        values = getattr(part, name)
        if values is not None:
            # Relative to the first, so that float32 positions far from the origin lose nothing.
            start = getattr(localizations, name)[rows]
            change = np.bincount(group, weight * (values - start[group]), len(rows))
            columns[name] = (change if name in "xyz" else start + change).astype(np.float32)
    if part.precision is not None:
        columns["precision"] = np.sqrt(np.bincount(group, (weight * part.precision) ** 2, len(rows))).astype(np.float32)
    if part.photons is not None:
        known = np.bincount(group, np.isfinite(part.photons), len(rows)) > 0
        photons = np.bincount(group, np.nan_to_num(part.photons), len(rows))
        columns["photons"] = np.where(known, photons, np.nan).astype(np.float32)
    return Merged(rows, columns)


def _weights(part: Localizations, group: NDArray[np.intp], n_groups: int) -> NDArray[np.float64]:
    """Share of each localization in the mean of its group: by photons where all of a group have some."""
    ones = np.ones(len(part))
    photons = ones if part.photons is None else part.photons.astype(np.float64)
    usable = np.isfinite(photons) & (photons > 0)
    spoilt = np.bincount(group[~usable], minlength=n_groups) > 0
    weight = np.where(spoilt[group], ones, photons)
    return weight / np.bincount(group, weight, n_groups)[group]
