"""Drift from fiducials: bright emitters that appear in most frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ainu.drift.initial_guess import guess_path
from ainu.drift.smoothing import Estimate, over_frames, smooth_halves
from ainu.localizations.table import Localizations

Array = NDArray[np.float64]


def follow_fiducials(
    localizations: Localizations,
    positions_nm: Sequence[Sequence[float]] | None,
    radius_nm: float,
    presence: float,
) -> Estimate:
    """Measure the drift as the common movement of fiducials.

    Parameters
    ----------
    localizations : Localizations
        With frames.
    positions_nm : sequence of (x, y), optional
        Places of the fiducials in the first frames, nm; None: they are picked automatically.
    radius_nm : float
        A fiducial's localizations lie within this distance of it, once a coarse correlation has removed most drift.
    presence : float
        Share of the frames in which an emitter has to appear to be picked.

    Returns
    -------
    Estimate
        With the number of fiducials and their places (in the first frames, nm) in `notes`.
    """
    assert localizations.frame is not None
    frames = localizations.n_frames
    path = guess_path(localizations.x, localizations.y, localizations.frame, frames)
    offset = np.array(localizations.offset_nm[:2])
    xy = localizations.positions[:, :2] - path[localizations.frame]
    if positions_nm is None:
        places = _pick(xy, localizations.frame, frames, radius_nm, presence)
    else:
        wanted = np.reshape(positions_nm, (-1, 2)) - offset
        places = np.array([_settle(xy, place, radius_nm) for place in wanted]).reshape(-1, 2)
    tracks = [_track(localizations, xy, place, radius_nm) for place in places]
    tracks = [rows for rows in tracks if len(rows)]
    if not tracks:
        return Estimate(np.zeros((frames, 2)), None, {"fiducials": 0, "why": "no fiducials were found"})
    edges = np.linspace(0, frames, min(frames, 2000) + 1).round().astype(np.intp)
    found = smooth_halves(*_common_movement(localizations, tracks, edges))
    shift = over_frames(found, edges, edges[found.jumps])
    still = localizations.positions[:, :2] - shift[localizations.frame]
    places = np.array([np.median(still[track], axis=0) for track in tracks]) + offset
    return Estimate(shift, found.residual, {"fiducials": len(tracks), "positions_nm": places.round(1).tolist()})


def _pick(xy: Array, frame: NDArray[np.uint32], frames: int, radius_nm: float, presence: float) -> Array:
    """(m, 2) places of compact emitters that appear in most frames."""
    side = radius_nm / 2
    cell = np.floor((xy - xy.min(axis=0)) / side).astype(np.int64)
    width = int(cell[:, 0].max()) + 1
    seen = np.unique((cell[:, 1] * width + cell[:, 0]) * frames + frame) // frames
    where, times = np.unique(seen, return_counts=True)
    # a fiducial on the corner of four cells is in each of them a quarter of the time
    likely = np.flatnonzero(times >= presence * frames / 4)
    likely = likely[np.argsort(-times[likely], kind="stable")]
    centres = (np.stack([where[likely] % width, where[likely] // width], axis=1) + 0.5) * side + xy.min(axis=0)
    places: list[Array] = []
    for centre in centres:
        place = _settle(xy, centre, radius_nm)
        if all(np.hypot(*(place - other)) > 2 * radius_nm for other in places) and _is_fiducial(
            xy, frame, frames, place, radius_nm, presence
        ):
            places.append(place)
    return np.array(places).reshape(-1, 2)


def _near(xy: Array, place: Array, radius_nm: float) -> NDArray[np.intp]:
    box = np.flatnonzero((np.abs(xy - place) < radius_nm).all(axis=1))
    return box[np.hypot(*(xy[box] - place).T) < radius_nm]


def _settle(xy: Array, place: Array, radius_nm: float) -> Array:
    """The median of the localizations around a place, found by iteration."""
    for _ in range(3):
        near = _near(xy, place, radius_nm)
        place = np.median(xy[near], axis=0) if len(near) else place
    return place


def _is_fiducial(
    xy: Array, frame: NDArray[np.uint32], frames: int, place: Array, radius_nm: float, presence: float
) -> bool:
    """Whether something appears at a place in most frames, and is compact: dense structure would fill the circle."""
    near = _near(xy, place, radius_nm)
    tight = np.median(np.hypot(*(xy[near] - place).T)) < radius_nm / 4
    return bool(tight and len(np.unique(frame[near])) >= presence * frames)


def _track(localizations: Localizations, xy: Array, place: Array, radius_nm: float) -> NDArray[np.intp]:
    """Rows of a fiducial, one per frame: the brightest around its place, or the nearest where photons are unknown."""
    assert localizations.frame is not None
    near = _near(xy, place, radius_nm)
    distance = np.hypot(*(xy[near] - place).T)
    rank = distance if localizations.photons is None else -localizations.photons[near]
    near = near[np.lexsort((distance, rank, localizations.frame[near]))]
    return near[np.unique(localizations.frame[near], return_index=True)[1]]


def _common_movement(
    localizations: Localizations, tracks: list[NDArray[np.intp]], edges: NDArray[np.intp]
) -> tuple[Array, Array]:
    """Positions (2, k, 2) and weights (2, k) of segments, from two halves of the fiducials (or frames)."""
    assert localizations.frame is not None
    rows = np.concatenate(tracks)
    own = np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])
    frame = localizations.frame[rows].astype(np.intp)
    segment = np.searchsorted(edges, frame, side="right") - 1
    xy = localizations.positions[rows, :2].astype(np.float64)
    place = np.stack([np.median(xy[own == i], axis=0) for i in range(len(tracks))])
    for _ in range(20):  # fiducials may be missing in some frames: places and movement are fitted in turn
        movement = _means(segment, xy - place[own], len(edges) - 1)[0]
        place = _means(own, xy - movement[segment], len(tracks))[0]
    half = own % 2 if len(tracks) > 1 else frame % 2
    parts = [_means(segment[half == i], (xy - place[own])[half == i], len(edges) - 1) for i in (0, 1)]
    return np.stack([part[0] for part in parts]), np.stack([part[1] for part in parts])


def _means(group: NDArray[np.intp], values: Array, groups: int) -> tuple[Array, Array]:
    count = np.bincount(group, minlength=groups).astype(np.float64)
    sums = np.stack([np.bincount(group, column, minlength=groups) for column in values.T], axis=1)
    return sums / np.maximum(count, 1)[:, None], count
