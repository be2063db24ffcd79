"""Drift by adaptive intersection maximization: segments of time are moved until they coincide best with all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ainu.drift.initial_guess import (
    BLOCK,
    CLEAR,
    NODES,
    PERIOD_NM,
    coincidences_near,
    guess_drift,
    some_tiles,
    track_drift,
)
from ainu.drift.intersections import Intersections, Points, cells_of, corrected, intersect, smooth_grid
from ainu.drift.smoothing import Estimate, Smoothed, near_jumps, over_frames, smooth_halves, smooth_roughly

Array = NDArray[np.float64]
Column = NDArray[np.float32]
STRIDE = 1.2
"""Length of the steps of a path to be refined, in Newton steps, which are too short: localizations of one blink
coincide whatever the drift."""
FEWEST_LOCALIZATIONS = 50
FEWEST_FRAMES = NODES
"""A drift cannot be estimated from fewer localizations or frames."""


def maximise_intersections(axes: Sequence[Column], frame: NDArray[np.uint32], frames: int) -> Estimate:
    """Measure the drift from how often localizations of different times coincide.

    Parameters
    ----------
    axes : 2 or 3 of (n,) float32
        x, y and perhaps z, nm.
    frame : (n,) uint32
        Frames, from 0.
    frames : int
        Length of the acquisition.

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
    plane = [axis - axis.min() for axis in axes[:2]]
    guess = guess_drift(plane[0], plane[1], frame, frames)
    edges = _edges(len(frame), frames)
    segment = np.repeat(np.arange(len(edges) - 1, dtype=np.int32), np.diff(edges))[frame]
    points = Points(tuple(plane), segment, segment, edges)
    nodes = guess.nodes
    if guess.score <= CLEAR:
        others = [track_drift(plane[0], plane[1], frame, frames), 0 * nodes]
        nodes = _most_coincident(points, edges, [nodes, *others])
    path = _between_nodes(nodes, edges)
    points = _in_halves(points, path)
    found, intersections, pixel = _refine_plane(points, path, _first_pixels(nodes))
    at = _place_jumps(points, frame, found, pixel)
    notes = {
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


def _edges(count: int, frames: int) -> NDArray[np.intp]:
    """(segments + 1,) first frames of segments of some 40 localizations, within which drift is negligible."""
    segments = int(min(np.clip(count / 40, 100, 1000), frames))
    return np.linspace(0, frames, segments + 1).round().astype(np.intp)


def _most_coincident(points: Points, edges: NDArray[np.intp], guesses: list[Array]) -> Array:
    """Of several guesses (NODES, 2), the one from which most intersections are reached."""
    held = []
    for nodes in guesses:
        path = _between_nodes(nodes, edges)
        halved = _in_halves(points, path)
        part = _some_tiles_of(halved, path, 30_000)
        for pixel in _first_pixels(nodes):
            path = _converge(part, path, pixel)
        held.append(intersect(part, path, (32.0, 32.0), (0, 1)).curvature.sum() / len(part.segment))
    return guesses[int(np.argmax(held))]


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


def _refine_plane(points: Points, path: Array, first: tuple[float, ...]) -> tuple[Smoothed, Intersections, float]:
    """The path in x and y, on finer and finer grids, the last intersections, and the side of the last grid's cells."""
    part = _some_tiles_of(points, path, 100_000)
    for pixel in first:
        path = _converge(part, path, pixel)
    moved = _relocate(part, path)
    if np.abs(moved - path).max() > 32:
        path = _converge(part, moved, 32.0)
    pixel, spread = 16.0, np.inf
    while pixel > 5:
        intersections = intersect(part, path, (pixel, pixel), (0, 1))
        if intersections.spread > 0.97 * spread:
            break
        path, spread = smooth_roughly(path + STRIDE * intersections.step, intersections.count), intersections.spread
        pixel /= np.sqrt(2)
    pixel = round(float(pixel * np.sqrt(2)), 1)
    found, intersections = _refine_last(points, path, pixel)
    moved = _relocate(part, found.curve)
    if np.abs(moved - found.curve).max() > 32:
        found, intersections = _refine_last(points, _converge(part, moved, 32.0), pixel)
    return found, intersections, pixel


def _refine_last(points: Points, path: Array, pixel: float) -> tuple[Smoothed, Intersections]:
    """The path as smooth as the data ask for, until it moves by no more than its noise."""
    for _ in range(2):
        intersections = intersect(points, path, (pixel, pixel), (0, 1))
        found = smooth_halves(path + intersections.step, intersections.count)
        change, path = _rms(found.curve - path), found.curve
        if change < 1.5 * found.noise:
            break
    return found, intersections


def _relocate(points: Points, path: Array, pixel: float = 32.0) -> Array:
    """The path with stretches of time that hardly coincide with others moved to where they do, within 0.7 µm."""
    flat, shape = cells_of(points, path, (pixel, pixel))
    bad = _misplaced(intersect(points, path, (pixel, pixel), (0, 1)))
    if not bad:
        return path
    path, lost = path.copy(), np.zeros(len(path), bool)
    for own in bad:
        lost[own] = True
    grid = np.bincount(flat[~lost[points.segment]], minlength=prod(shape)).reshape(shape)
    grid = np.sqrt(ndimage.uniform_filter(grid.astype(np.float32), 2, mode="wrap").ravel())
    spectrum = fft.rfft2(grid.reshape(shape))
    for own in bad:
        rows = np.flatnonzero((points.segment >= own.start) & (points.segment < own.stop))
        path[own] += pixel * _best_shift(np.bincount(flat[rows], minlength=len(grid)).reshape(shape), spectrum)
    for own in bad:
        rows = np.flatnonzero((points.segment >= own.start) & (points.segment < own.stop))
        _choose_sides(points[rows], path, own, grid, pixel, shape)
    return path


def _best_shift(image: NDArray[np.integer], spectrum: NDArray[np.complex64], reach: int = 22) -> NDArray[np.intp]:
    """(2,) cells by which a path has to change for most coincidences; 0 where none stands out."""
    held = coincidences_near(image, spectrum, reach)
    best = np.array(np.unravel_index(held.argmax(), held.shape))
    clear = held.max() - held.mean() > CLEAR * held.std()
    shift = best - np.array(held.shape) // 2
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


def _converge(points: Points, path: Array, pixel: float) -> Array:
    """The path moved until no segment moves by more than half a cell: jumps need several moves, smooth drifts one."""
    for _ in range(4):
        intersections = intersect(points, path, (pixel, pixel), (0, 1))
        curve = smooth_roughly(path + STRIDE * intersections.step, intersections.count)
        change, path = curve - path, curve
        if np.abs(change - np.median(change, axis=0)).max() < pixel / 2:
            break
    return path


def _place_jumps(points: Points, frame: NDArray[np.uint32], found: Smoothed, pixel: float) -> NDArray[np.intp]:
    """(j,) frame of each jump: where a change from the position before to that after gives most intersections."""
    if not len(found.jumps):
        return found.jumps
    whole = ~near_jumps(found.jumps, len(found.curve))
    flat, shape = cells_of(points[np.flatnonzero(whole[points.segment])], found.curve, (pixel, pixel))
    grid, _, margin = smooth_grid(flat, shape)
    places = []
    for jump in found.jumps:
        near = (points.segment >= jump - 2) & (points.segment <= jump + 1)
        first, last = points.edges[jump - 2], points.edges[jump + 2]
        gain = np.zeros(last - first)
        for side, sign in ((jump - 3, 1), (jump + 2, -1)):
            still = np.repeat(found.curve[[side]], len(found.curve), axis=0)
            cells = cells_of(points[near], still, (pixel, pixel), shape)[0] + margin
            gain += sign * np.bincount(frame[near] - first, grid[cells], minlength=last - first)
        places.append(first + np.argmax(np.concatenate([[0], np.cumsum(gain)])))
    return np.array(places, np.intp)


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
