"""Drift by adaptive intersection maximization: segments of time are moved until they coincide best with all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ainu.drift.initial_guess import (
    BLOCK,
    NODES,
    PEAK,
    PERIOD_NM,
    STILL,
    TRACKED,
    Guess,
    guess_drift,
    some_tiles,
    sum_around,
    track_drift,
)
from ainu.drift.intersections import Intersections, Points, cells_of, corrected, intersect, smooth_grid
from ainu.drift.smoothing import Estimate, Smoothed, near_jumps, over_frames, smooth_halves, smooth_roughly

Array = NDArray[np.float64]
Column = NDArray[np.float32]
STRIDE = 1.2
"""Length of the steps of a path to be refined, in Newton steps, which are too short: localizations of one blink
coincide whatever the drift."""
SOME, FEW = 100_000, 30_000
"""Localizations that are enough for coarse steps, and to compare guesses."""
FEWEST_LOCALIZATIONS = 50
FEWEST_FRAMES = NODES
"""A drift cannot be estimated from fewer localizations or frames."""


def maximise_intersections(
    axes: Sequence[Column],
    frame: NDArray[np.uint32],
    frames: int,
    guess: Guess | str | None = None,
    start: Estimate | None = None,
) -> Estimate:
    """Measure the drift from how often localizations of different times coincide.

    Parameters
    ----------
    axes : 2 or 3 of (n,) float32
        x, y and perhaps z, nm.
    frame : (n,) uint32
        Frames, from 0.
    frames : int
        Length of the acquisition.
    guess : Guess or str, optional
        An initial guess, or the only way to look for one.
    start : Estimate, optional
        From some of the localizations by this function: only to be refined.

    Returns
    -------
    Estimate
        `shift` (frames, 2 or 3), nm.

    Notes
    -----
    After Ma et al., Science Advances 10, eadm7765 (2024), with three changes. Every segment is compared with all others
    from the start (a coarse correlation gives their approximate shifts), on a grid whose cells shrink as long as the
    estimate becomes more precise. Segments move by Newton steps on the smoothed counts, so that one pass costs a few
    lookups per localization. And the segments are short: how much the drift is smoothed over them is chosen by
    cross-validation between two halves of the field, a checkerboard of tiles (`smooth_halves`).
    """
    if len(axes[0]) < FEWEST_LOCALIZATIONS or frames < FEWEST_FRAMES:
        why = f"{len(axes[0])} localizations in {frames} frames are too few"
        return Estimate(np.zeros((frames, len(axes))), None, {"why": why})
    plane = tuple(axis - axis.min() for axis in axes[:2])
    edges = _edges(len(frame), frames)
    segment = np.repeat(np.arange(len(edges) - 1, dtype=np.int32), np.diff(edges))[frame]
    points = Points(plane, segment, segment, edges)
    if start is None:
        way, path, coarse = _first_path(points, frame, guess)
        points = _in_halves(points, path)
        path, pixel = _refine_roughly(points, path, _misplaced(coarse))
    else:
        path, pixel, way = start.shift[(edges[:-1] + edges[1:]) // 2, :2], start.notes["pixel_nm"], start.notes["guess"]
        points = _in_halves(points, path)
        path = _step(_some_tiles_of(points, path, SOME), path, pixel)[0]
    found, intersections = _refine_plane(points, path, pixel)
    at = _place_jumps(points, frame, edges, found, pixel)
    notes = {
        "guess": way,
        "segments": len(edges) - 1,
        "pixel_nm": pixel,
        "jump_frames": at.tolist(),
        "lost_frames": _unmatched(intersections, edges),
    }
    shift = over_frames(found, edges, at)
    residual = found.residual
    if len(axes) > 2:
        height = _refine_height(points, axes[2], found.curve, pixel)
        shift = np.concatenate([shift, over_frames(height, edges, edges[height.jumps])], axis=1)
        notes["residual_z_nm"] = height.residual
    return Estimate(shift, residual, notes)


def _first_path(
    points: Points, frame: NDArray[np.uint32], guess: Guess | str | None
) -> tuple[str, Array, Intersections]:
    """How the guess was found, the path (segments, 2) from it, converged on coarse grids, and its intersections."""
    x, y = points.axes[:2]
    frames = int(points.edges[-1])
    if isinstance(guess, Guess):
        guesses = [guess]
    elif guess in (TRACKED, STILL):
        guesses = []
    else:
        guesses = [guess_drift(x, y, frame, frames, guess)]
    wanted = guess if isinstance(guess, str) else None
    if guesses and (wanted or guesses[0].clear):
        return guesses[0].way, *_converged(points, guesses[0].nodes)
    if wanted in (None, TRACKED):
        guesses.append(Guess(track_drift(x, y, frame, frames), TRACKED))
    if wanted in (None, STILL):
        guesses.append(Guess(np.zeros((NODES, 2)), STILL))
    paths = [_converged(points, each.nodes, FEW) for each in guesses]
    best = int(np.argmax([found.curvature.sum() / found.count.sum() for _, found in paths]))
    path = paths[best][0]
    return guesses[best].way, *_converge(_some_tiles_of(_in_halves(points, path), path, SOME), path, 32.0)


def _edges(count: int, frames: int) -> NDArray[np.intp]:
    """(segments + 1,) first frames of segments of some 40 localizations, within which drift is negligible."""
    segments = int(min(np.clip(count / 40, 100, 1000), frames))
    return np.linspace(0, frames, segments + 1).round().astype(np.intp)


def _converged(points: Points, nodes: Array, most: int = SOME) -> tuple[Array, Intersections]:
    """The path (segments, 2) from a guess (NODES, 2), converged on coarse grids; intersections of some tiles."""
    path = _between_nodes(nodes, points.edges)
    part = _some_tiles_of(_in_halves(points, path), path, most)
    for pixel in _first_pixels(nodes):
        path, found = _converge(part, path, pixel)
    return path, found


def _between_nodes(nodes: Array, edges: NDArray[np.intp]) -> Array:
    """(segments, 2) path through the nodes of the coarse guess, straight on beyond the first and the last."""
    middle = (edges[:-1] + edges[1:]) * (NODES / 2 / edges[-1])
    reached = np.concatenate([2 * nodes[:1] - nodes[1:2], nodes, 2 * nodes[-1:] - nodes[-2:-1]])
    return np.stack([np.interp(middle, np.arange(-0.5, NODES + 1), column) for column in reached.T], axis=1)


def _in_halves(points: Points, path: Array) -> Points:
    """The points with their rows: halves of the field are the tiles of a checkerboard."""
    row = points.segment.copy()
    for start in range(0, len(row), BLOCK):
        block = points[start : start + BLOCK]
        tile = [np.floor(corrected(block, path, i) * np.float32(2 / PERIOD_NM)).astype(np.int32) for i in (0, 1)]
        row[start : start + BLOCK] += ((tile[0] + tile[1]) & 1) * np.int32(len(path))
    return replace(points, row=row)


def _first_pixels(nodes: Array) -> tuple[float, ...]:
    """Cells (nm) of the coarsest grids: the larger one where the guess curvatures so sharply that it may be far off."""
    sharpest = np.abs(np.diff(nodes, 2, axis=0)).max()
    return (64.0, 32.0) if sharpest > 32 else (32.0,)


def _refine_roughly(points: Points, path: Array, lost: list[slice]) -> tuple[Array, float]:
    """The path in x and y, lost stretches found again, on finer and finer grids; the side of the last grid's cells."""
    part = _some_tiles_of(points, path, SOME)
    path = _found_again(part, path, lost)
    pixel, spread = 16.0, np.inf
    while pixel > 5:
        moved, found = _step(part, path, pixel)
        if found.spread > 0.97 * spread:
            break
        path, spread = moved, found.spread
        pixel /= np.sqrt(2)
    return path, round(float(pixel * np.sqrt(2)), 1)


def _step(points: Points, path: Array, pixel: float) -> tuple[Array, Intersections]:
    """The path moved to where more coincide, roughly smoothed, and the intersections before that."""
    found = intersect(points, path, (pixel, pixel), (0, 1))
    return smooth_roughly(path + STRIDE * found.step, found.count), found


def _refine_plane(points: Points, path: Array, pixel: float) -> tuple[Smoothed, Intersections]:
    """The path in x and y, stretches that fit nowhere and jumps moved to where they coincide, and its intersections."""
    found, intersections = _refine_last(points, path, pixel)
    if len(found.jumps) or _misplaced(intersections):
        part = _some_tiles_of(points, found.curve, SOME)
        moved = _found_again(part, found.curve, _misplaced(intersect(part, found.curve, (32.0, 32.0), (0, 1))))
        if moved is not found.curve:
            found, intersections = _refine_last(points, moved, pixel)
    moved = _move_jumps(points, found, pixel)
    if not np.array_equal(moved, found.curve):
        found, intersections = _refine_last(points, moved, pixel)
    return found, intersections


def _found_again(points: Points, path: Array, lost: list[slice]) -> Array:
    """The path with lost stretches of time where they coincide with others, converged; itself where none has moved."""
    moved = _relocate(points, path, lost) if lost else path
    return _converge(points, moved, 32.0)[0] if np.abs(moved - path).max() > 32 else path


def _refine_last(points: Points, path: Array, pixel: float) -> tuple[Smoothed, Intersections]:
    """The path as smooth as the data ask for, until it moves by no more than its noise."""
    for _ in range(2):
        intersections = intersect(points, path, (pixel, pixel), (0, 1))
        found = smooth_halves(path + intersections.step, intersections.count)
        change, path = _rms(found.curve - path), found.curve
        if change < 1.5 * found.noise:
            break
    return found, intersections


def _relocate(points: Points, path: Array, bad: list[slice], pixel: float = 32.0) -> Array:
    """The path with stretches of time that hardly coincide with others moved to where they do, within 0.7 µm."""
    flat, shape = cells_of(points, path, (pixel, pixel))
    path, lost = path.copy(), np.zeros(len(path), bool)
    for own in bad:
        lost[own] = True
    grid = np.bincount(flat[~lost[points.segment]], minlength=prod(shape)).reshape(shape)
    grid = np.sqrt(ndimage.uniform_filter(grid.astype(np.float32), 2, mode="wrap").ravel())
    parts = [np.flatnonzero((points.segment >= own.start) & (points.segment < own.stop)) for own in bad]
    for own, rows in zip(bad, parts, strict=True):
        path[own] += pixel * _best_shift(flat[rows[:: 1 + len(rows) // 200]], grid, shape)
    for own, rows in zip(bad, parts, strict=True):
        _choose_sides(points[rows], path, own, grid, pixel, shape)
    return path


def _best_shift(
    cells: NDArray[np.int32], grid: NDArray[np.float32], shape: tuple[int, ...], reach: int = 22
) -> NDArray[np.intp]:
    """(2,) cells by which a path has to change for most coincidences; 0 where none stands out."""
    held = sum_around(grid, cells // shape[1], cells % shape[1], shape, reach)
    best = np.array(np.unravel_index(held.argmax(), held.shape))
    clear = held.max() - held.mean() > PEAK * held.std()
    shift = best - reach
    return -shift if clear and np.abs(shift).max() > 1 else 0 * shift


def _choose_sides(points: Points, path: Array, own: slice, grid: Array, pixel: float, shape: tuple[int, ...]) -> None:
    """Give each segment of a stretch, in place, its own position or that before or after it: which coincides most."""
    sides = [path[own].copy(), *(path[np.clip([at], 0, len(path) - 1)] for at in (own.start - 1, own.stop))]
    held = []
    for side in sides:
        path[own] = side
        cells = cells_of(points, path, (pixel, pixel), shape)[0]
        held.append(np.bincount(points.segment - own.start, grid[cells], minlength=own.stop - own.start))
    best = np.argmax(held, axis=0)
    path[own] = np.choose(best[:, None], [np.broadcast_to(side, path[own].shape) for side in sides])


def _misplaced(intersections: Intersections, most: int = 25) -> list[slice]:
    """Stretches of segments, some 150 localizations each, that coincide far less with others than is typical."""
    count = intersections.count.sum(axis=0)
    groups = int(min(np.clip(count.sum() / 150, 20, 200), len(count)))
    group = np.arange(len(count)) * groups // len(count)
    held = np.bincount(group, count, minlength=groups)
    each = np.bincount(group, intersections.curvature, minlength=groups) / np.maximum(held, 1)
    lost = np.flatnonzero((held > 20) & (each < np.median(each) / 3))
    edges = np.searchsorted(group, np.arange(groups + 1))
    return [slice(int(edges[i]), int(edges[i + 1])) for i in lost[:most]]


def _converge(points: Points, path: Array, pixel: float) -> tuple[Array, Intersections]:
    """The path moved until no segment moves by more than half a cell, and the intersections before its last move."""
    # jumps need several moves, smooth drifts one
    for _ in range(4):
        curve, found = _step(points, path, pixel)
        change, path = curve - path, curve
        if np.abs(change - np.median(change, axis=0)).max() < pixel / 2:
            break
    return path, found


def _move_jumps(points: Points, found: Smoothed, pixel: float) -> Array:
    """The path with jumps moved to the segments where they give most intersections."""
    segments = len(found.curve)
    path = found.curve.copy()
    reach = int(np.clip(segments / (4 * max(len(found.jumps), 1)), 2, 10))
    places = _place_jumps(points, points.segment, np.arange(segments + 1), found, pixel, reach)
    for jump, at in zip(found.jumps, places, strict=True):
        if abs(at - jump) > 1:
            path[min(at, jump - 2) : max(at, jump + 2)] = found.curve[jump - 3]
            path[at : max(at, jump + 2)] = found.curve[jump + 2]
    return path


def _place_jumps(
    points: Points, time: NDArray[Any], edges: NDArray[np.intp], found: Smoothed, pixel: float, reach: int = 2
) -> NDArray[np.intp]:
    """(j,) when each jump occurs: where a change from the position before to that after gives most intersections."""
    # `time` (n,) of the localizations and `edges` (segments + 1,) are frames, or numbers of segments
    if not len(found.jumps):
        return found.jumps
    windows = _windows_around(found.jumps, len(found.curve), reach)
    inside = near_jumps(found.jumps, len(found.curve))
    for first, last in windows:
        inside[first:last] = True
    flat, shape = cells_of(points[np.flatnonzero(~inside[points.segment])], found.curve, (pixel, pixel))
    grid, _, margin = smooth_grid(flat, shape)
    places = []
    for jump, (first, last) in zip(found.jumps, windows, strict=True):
        own = np.flatnonzero((points.segment >= first) & (points.segment < last))
        gain = np.zeros(edges[last] - edges[first])
        for side, sign in ((jump - 3, 1), (jump + 2, -1)):
            still = np.repeat(found.curve[[side]], len(found.curve), axis=0)
            cells = cells_of(points[own], still, (pixel, pixel), shape)[0] + margin
            gain += sign * np.bincount(time[own] - edges[first], grid[cells], minlength=len(gain))
        held = np.concatenate([[0], np.cumsum(gain)])
        places.append(edges[first] + int(np.median(np.flatnonzero(held == held.max()))))
    return np.array(places, np.intp)


def _windows_around(jumps: NDArray[np.intp], segments: int, reach: int) -> list[tuple[int, int]]:
    """First and one past the last segment in which each jump may be: no farther than halfway to the next jump."""
    halfway = (jumps[:-1] + jumps[1:]) // 2
    first = np.maximum(jumps - reach, np.concatenate([[0], halfway]))
    last = np.minimum(jumps + reach, np.concatenate([halfway, [segments]]))
    return [(int(i), int(j)) for i, j in zip(np.minimum(first, jumps - 2), np.maximum(last, jumps + 2), strict=True)]


def _unmatched(intersections: Intersections, edges: NDArray[np.intp], stretches: int = 25) -> list[list[int]]:
    """First and last frame of the stretches of time whose localizations hardly coincide with those of other times."""
    stretch = np.arange(len(intersections.curvature)) * stretches // len(intersections.curvature)
    count = np.bincount(stretch, intersections.count.sum(axis=0), minlength=stretches)
    held = count > FEWEST_LOCALIZATIONS
    each = np.bincount(stretch, intersections.curvature, minlength=stretches) / np.maximum(count, 1)
    typical = np.median(each[held]) if held.any() else 0.0
    lost = np.flatnonzero(held & (each < typical / 3))
    first, last = np.searchsorted(stretch, lost), np.searchsorted(stretch, lost, side="right")
    return [[int(edges[i]), int(edges[j]) - 1] for i, j in zip(first, last, strict=True)]


def _rms(apart: Array) -> float:
    return float(np.sqrt(((apart - apart.mean(axis=0)) ** 2).sum(axis=1).mean()))


def _some_tiles_of(points: Points, path: Array, most: int) -> Points:
    """Some tiles of the field, which are enough for coarse steps."""
    if len(points.segment) <= 1.5 * most:
        return points
    blocks = (points[start : start + BLOCK] for start in range(0, len(points.segment), BLOCK))
    return points[some_tiles(((corrected(block, path, 0), corrected(block, path, 1)) for block in blocks), most)]


def _refine_height(points: Points, z: Column, path: Array, pixel: float) -> Smoothed:
    """The path in z, of localizations that coincide in x and y."""
    points = replace(points, axes=(corrected(points, path, 0), corrected(points, path, 1), z - z.min()))
    zero = np.zeros(len(path))
    found = None
    for height in (250.0, 250.0, 125.0, 64.0, 32.0, 32.0):
        curve = zero if found is None else found.curve[:, 0]
        full = np.stack([zero, zero, curve], axis=1)
        intersections = intersect(points, full, (2 * pixel, 2 * pixel, height), measured=(2,))
        found = smooth_halves(curve[:, None] + intersections.step, intersections.count)
    assert found is not None
    return found
