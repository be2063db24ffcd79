"""Drift by adaptive intersection maximization: segments of time are moved until they coincide best with all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ainu.drift.initial_guess import BLOCK, CLEAR, NODES, PERIOD_NM, guess_drift, some_tiles, track_drift
from ainu.drift.smoothing import Estimate, Smoothed, near_jumps, over_frames, smooth_halves, smooth_roughly

Array = NDArray[np.float64]
Column = NDArray[np.float32]
STRIDE = 1.2
"""Length of the steps of a path to be refined, in Newton steps, which are too short: localizations of one blink
coincide whatever the drift."""
FEWEST_LOCALIZATIONS = 50
FEWEST_FRAMES = NODES
"""A drift cannot be estimated from fewer localizations or frames."""


@dataclass(frozen=True)
class _Points:
    """Localizations along each axis (nm), the segment of each, and its row: one per segment and half of the field."""

    axes: tuple[Column, ...]
    segment: NDArray[np.int32]
    row: NDArray[np.int32]
    edges: NDArray[np.intp]

    @cached_property
    def count(self) -> Array:
        """(2, segments) localizations of each half of the field."""
        count = np.zeros(2 * (len(self.edges) - 1))
        for start in range(0, len(self.row), BLOCK):
            count += np.bincount(self.row[start : start + BLOCK], minlength=len(count))
        return count.reshape(2, -1)

    @cached_property
    def sides(self) -> list[float]:
        """Extent of the field along each axis, nm."""
        return [float(np.ptp(axis)) for axis in self.axes]

    def __getitem__(self, rows: NDArray[Any] | slice) -> _Points:
        axes = tuple(axis[rows] for axis in self.axes)
        return replace(self, axes=axes, segment=self.segment[rows], row=self.row[rows])


@dataclass(frozen=True)
class _Intersections:
    """How the number of intersections (coincidences with other segments) changes when a segment moves.

    Attributes
    ----------
    step : (2, k, d) float64
        Newton step of each half of the field and each segment, nm.
    count : (2, k) float64
        Localizations.
    spread : float
        Standard error of the step of a single localization, nm, by which the width of the grid is chosen.
    curvature : (k,) float64
        Sum over the localizations of a segment of the curvature of the intersections: how well it is aligned.
    """

    step: Array
    count: Array
    spread: float
    curvature: Array


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
    points = _Points(tuple(plane), segment, segment, edges)
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


def _most_coincident(points: _Points, edges: NDArray[np.intp], guesses: list[Array]) -> Array:
    """Of several guesses (NODES, 2), the one from which most intersections are reached."""
    held = []
    for nodes in guesses:
        path = _between_nodes(nodes, edges)
        halved = _in_halves(points, path)
        part = _some_tiles_of(halved, path, 30_000)
        for pixel in _first_pixels(nodes):
            path = _converge(part, path, pixel)
        held.append(_intersect(part, path, (32.0, 32.0), (0, 1)).curvature.sum() / len(part.segment))
    return guesses[int(np.argmax(held))]


def _between_nodes(nodes: Array, edges: NDArray[np.intp]) -> Array:
    """(segments, 2) path through the nodes of the coarse guess, straight on beyond the first and the last."""
    middle = (edges[:-1] + edges[1:]) * (NODES / 2 / edges[-1])
    reached = np.concatenate([2 * nodes[:1] - nodes[1:2], nodes, 2 * nodes[-1:] - nodes[-2:-1]])
    return np.stack([np.interp(middle, np.arange(-0.5, NODES + 1), column) for column in reached.T], axis=1)


def _in_halves(points: _Points, path: Array) -> _Points:
    """The points with their rows: halves of the field are the tiles of a checkerboard."""
    row = points.segment.copy()
    for start in range(0, len(row), BLOCK):
        block = points[start : start + BLOCK]
        tile = [np.floor(_corrected(block, path, i) * np.float32(2 / PERIOD_NM)).astype(np.int32) for i in (0, 1)]
        row[start : start + BLOCK] += ((tile[0] + tile[1]) & 1) * np.int32(len(path))
    return replace(points, row=row)


def _first_pixels(nodes: Array) -> tuple[float, ...]:
    """Cells (nm) of the coarsest grids: the larger one where the guess curvatures so sharply that it may be far off."""
    sharpest = np.abs(np.diff(nodes, 2, axis=0)).max()
    return (64.0, 32.0) if sharpest > 32 else (32.0,)


def _refine_plane(points: _Points, path: Array, first: tuple[float, ...]) -> tuple[Smoothed, _Intersections, float]:
    """The path in x and y, on finer and finer grids, the last intersections, and the side of the last grid's cells."""
    part = _some_tiles_of(points, path, 100_000)
    for pixel in first:
        path = _converge(part, path, pixel)
    moved = _relocate(part, path)
    if np.abs(moved - path).max() > 32:
        path = _converge(part, moved, 32.0)
    pixel, spread = 16.0, np.inf
    while pixel > 5:
        intersections = _intersect(part, path, (pixel, pixel), (0, 1))
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


def _refine_last(points: _Points, path: Array, pixel: float) -> tuple[Smoothed, _Intersections]:
    """The path as smooth as the data ask for, until it moves by no more than its noise."""
    for _ in range(2):
        intersections = _intersect(points, path, (pixel, pixel), (0, 1))
        found = smooth_halves(path + intersections.step, intersections.count)
        change, path = _rms(found.curve - path), found.curve
        if change < 1.5 * found.noise:
            break
    return found, intersections


def _relocate(points: _Points, path: Array, pixel: float = 32.0) -> Array:
    """The path with stretches of time that hardly coincide with others moved to where they do, within 0.7 µm."""
    flat, shape = _cells(points, path, (pixel, pixel))
    bad = _misplaced(_intersect(points, path, (pixel, pixel), (0, 1)))
    if not bad:
        return path
    path, lost = path.copy(), np.zeros(len(path), bool)
    for own in bad:
        lost[own] = True
    grid = np.bincount(flat[~lost[points.segment]], minlength=prod(shape)).reshape(shape)
    grid = np.sqrt(ndimage.uniform_filter(grid.astype(np.float32), 2, mode="wrap").ravel())
    for own in bad:
        rows = np.flatnonzero((points.segment >= own.start) & (points.segment < own.stop))
        path[own] += pixel * _best_shift(flat[rows].astype(np.int64), grid, shape)
    for own in bad:
        rows = np.flatnonzero((points.segment >= own.start) & (points.segment < own.stop))
        _choose_sides(points[rows], path, own, grid, pixel, shape)
    return path


def _best_shift(cells: NDArray[np.int64], grid: Array, shape: tuple[int, ...], reach: int = 22) -> NDArray[np.intp]:
    """(2,) cells by which a path has to change for most coincidences; 0 where none stands out."""
    steps = np.arange(-reach, reach + 1)
    held = np.array([[np.take(grid, (cells + i * shape[1] + j) % len(grid)).sum() for j in steps] for i in steps])
    best = np.unravel_index(held.argmax(), held.shape)
    clear = held[best] - held.mean() > CLEAR * held.std()
    shift = steps[np.array(best)]
    return -shift if clear and np.abs(shift).max() > 1 else 0 * shift


def _choose_sides(
    points: _Points, path: Array, own: slice, grid: Array, pixel: float, shape: tuple[int, ...]
) -> None:
    """Give each segment of a stretch, in place, its own position or that before or after it: which coincides most."""
    sides = [path[own].copy(), *(path[np.clip([at], 0, len(path) - 1)] for at in (own.start - 1, own.stop))]
    held = []
    for side in sides:
        path[own] = side
        cells = _cells(points, path, (pixel, pixel), shape)[0]
        held.append(np.bincount(points.segment - own.start, grid[cells], minlength=own.stop - own.start))
    best = np.argmax(held, axis=0)
    path[own] = np.choose(best[:, None], [np.broadcast_to(side, path[own].shape) for side in sides])


def _misplaced(intersections: _Intersections, most: int = 25) -> list[slice]:
    """Stretches of segments, some 150 localizations each, that coincide far less with others than is typical."""
    count = intersections.count.sum(axis=0)
    groups = int(min(np.clip(count.sum() / 150, 20, 200), len(count)))
    group = np.arange(len(count)) * groups // len(count)
    held = np.bincount(group, count, minlength=groups)
    each = np.bincount(group, intersections.curvature, minlength=groups) / np.maximum(held, 1)
    lost = np.flatnonzero((held > 20) & (each < np.median(each) / 3))
    edges = np.searchsorted(group, np.arange(groups + 1))
    return [slice(int(edges[i]), int(edges[i + 1])) for i in lost[:most]]


def _converge(points: _Points, path: Array, pixel: float) -> Array:
    """The path moved until no segment moves by more than half a cell: jumps need several moves, smooth drifts one."""
    for _ in range(4):
        intersections = _intersect(points, path, (pixel, pixel), (0, 1))
        curve = smooth_roughly(path + STRIDE * intersections.step, intersections.count)
        change, path = curve - path, curve
        if np.abs(change - np.median(change, axis=0)).max() < pixel / 2:
            break
    return path


def _place_jumps(points: _Points, frame: NDArray[np.uint32], found: Smoothed, pixel: float) -> NDArray[np.intp]:
    """(j,) frame of each jump: where a change from the position before to that after gives most intersections."""
    if not len(found.jumps):
        return found.jumps
    whole = ~near_jumps(found.jumps, len(found.curve))
    flat, shape = _cells(points[np.flatnonzero(whole[points.segment])], found.curve, (pixel, pixel))
    grid, _, margin = _smooth_grid(flat, shape)
    places = []
    for jump in found.jumps:
        near = (points.segment >= jump - 2) & (points.segment <= jump + 1)
        first, last = points.edges[jump - 2], points.edges[jump + 2]
        gain = np.zeros(last - first)
        for side, sign in ((jump - 3, 1), (jump + 2, -1)):
            still = np.repeat(found.curve[[side]], len(found.curve), axis=0)
            cells = _cells(points[near], still, (pixel, pixel), shape)[0] + margin
            gain += sign * np.bincount(frame[near] - first, grid[cells], minlength=last - first)
        places.append(first + np.argmax(np.concatenate([[0], np.cumsum(gain)])))
    return np.array(places, np.intp)


def _unmatched(intersections: _Intersections, edges: NDArray[np.intp], stretches: int = 25) -> list[list[int]]:
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


def _some_tiles_of(points: _Points, path: Array, most: int) -> _Points:
    """Some tiles of the field, which are enough for coarse steps."""
    if len(points.segment) <= 1.5 * most:
        return points
    blocks = (points[start : start + BLOCK] for start in range(0, len(points.segment), BLOCK))
    return points[some_tiles(((_corrected(block, path, 0), _corrected(block, path, 1)) for block in blocks), most)]


def _corrected(points: _Points, path: Array, axis: int) -> Column:
    shift = np.take(path[:, axis].astype(np.float32), points.segment)
    return np.subtract(points.axes[axis], shift, out=shift)


def _refine_height(points: _Points, z: Column, path: Array, pixel: float) -> Smoothed:
    """The path in z, of localizations that coincide in x and y."""
    points = replace(points, axes=(_corrected(points, path, 0), _corrected(points, path, 1), z - z.min()))
    zero = np.zeros(len(path))
    found = None
    for height in (250.0, 250.0, 125.0, 64.0, 32.0, 32.0):
        curve = zero if found is None else found.curve[:, 0]
        full = np.stack([zero, zero, curve], axis=1)
        intersections = _intersect(points, full, (2 * pixel, 2 * pixel, height), measured=(2,))
        found = smooth_halves(curve[:, None] + intersections.step, intersections.count)
    assert found is not None
    return found


def _intersect(points: _Points, path: Array, pixels: tuple[float, ...], measured: tuple[int, ...]) -> _Intersections:
    """Count the intersections on a grid, smoothed by [1, 2, 1] along each axis, and how they change with a shift."""
    # All in integers up to the sums, so that the order of the localizations does not matter. A localization does not
    # intersect itself; the pairs within a segment cancel out of the gradient.
    flat, shape = _cells(points, path, pixels)
    grid, strides, margin = _smooth_grid(flat, shape)
    segments, count, axes = len(path), points.count, len(measured)
    curvatures, noise = np.zeros(segments), np.zeros(axes)
    gradient = np.zeros((axes, 2 * segments))
    for start in range(0, len(flat), BLOCK):
        own = slice(start, start + BLOCK)
        place = flat[own].astype(np.intp) + margin
        curvature = np.take(grid, place).astype(np.float64)
        curvature *= 2 * axes
        for k, axis in enumerate(measured):
            after, before = np.take(grid, place + strides[axis]), np.take(grid, place - strides[axis])
            curvature -= after
            curvature -= before
            slope = np.subtract(after, before, dtype=np.float64)
            gradient[k] += np.bincount(points.row[own], slope, minlength=2 * segments)
            # `@` starts the threads of BLAS, which takes longer than the sum
            noise[k] += np.einsum("i,i", slope, slope)
        curvatures += np.bincount(points.segment[own], curvature, minlength=segments)
    itself = axes * 2 ** len(shape)
    curvatures -= itself * count.sum(axis=0)
    typical = max(curvatures.sum() / len(flat), 0.02 * itself) / axes
    scale = np.array([pixels[axis] / 2 for axis in measured])
    slopes = gradient.reshape(axes, 2, segments).transpose(1, 2, 0)
    step = -scale * slopes / np.maximum(count, 1)[..., None] / typical
    spread = float(np.mean(scale * np.sqrt(noise / len(flat))) / typical)
    longest = 2 * np.array([pixels[axis] for axis in measured])
    return _Intersections(np.clip(step, -longest, longest), count, spread, curvatures)


def _cells(
    points: _Points, path: Array, pixels: tuple[float, ...], shape: tuple[int, ...] | None = None
) -> tuple[NDArray[np.int32], tuple[int, ...]]:
    """Cell of each localization, corrected by the path, and the grid's shape, which is chosen if it is not given."""
    shape = _shape(points, pixels) if shape is None else shape
    flat = np.empty(len(points.segment), np.int32)
    for start in range(0, len(flat), BLOCK):
        block = points[start : start + BLOCK]
        place = np.zeros(len(block.segment), np.int32)
        for i, (pixel, cells) in enumerate(zip(pixels, shape, strict=True)):
            turn = _corrected(block, path, i)
            turn *= np.float32(1 / (pixel * cells))
            turn -= np.floor(turn)
            turn *= np.float32(cells)
            place *= np.int32(cells)
            place += turn.astype(np.int32)
        flat[start : start + BLOCK] = place
    return flat, shape


def _shape(points: _Points, pixels: tuple[float, ...], sparsity: int = 8) -> tuple[int, ...]:
    """Cells along each axis: over the field, or repeating after less where the grid would be large."""
    side = [max(length + 4 * pixel, 8 * pixel) for length, pixel in zip(points.sides, pixels, strict=True)]
    side[:2] = [ceil(length / PERIOD_NM) * PERIOD_NM for length in side[:2]]
    most = sparsity * max(len(points.segment), 20_000) * prod(pixels)
    while prod(side) > most:
        longest = int(side[1] > side[0])
        if side[longest] <= PERIOD_NM:
            break
        side[longest] -= PERIOD_NM
    return tuple(round(length / pixel) for length, pixel in zip(side, pixels, strict=True))


def _smooth_grid(flat: NDArray[np.int32], shape: tuple[int, ...]) -> tuple[NDArray[Any], list[int], int]:
    """Counts per cell smoothed along each axis, with a margin at both ends; the strides; the margin."""
    # The end of a row is joined to the start of the next: on a torus that is a shift by one cell at the seam.
    size = prod(shape)
    strides = [prod(shape[i + 1 :]) for i in range(len(shape))]
    margin = 2 * sum(strides)
    grid = _counted(flat, size, margin, 2**14 // 4 ** len(shape))
    grid[:margin], grid[margin + size :] = grid[size : margin + size], grid[margin : 2 * margin]
    for stride in strides:
        _smooth(grid, stride)
    return grid, strides, margin


def _smooth(grid: NDArray[Any], stride: int) -> None:
    """[1, 2, 1] in place: [1, 1] to the right, then to the left, block by block."""
    stop = len(grid) - stride
    for start in range(0, stop, BLOCK):
        end = min(start + BLOCK, stop)
        grid[start:end] += grid[start + stride : end + stride]
    for end in range(stop, 0, -BLOCK):
        start = max(end - BLOCK, 0)
        grid[start + stride : end + stride] += grid[start:end]


def _counted(flat: NDArray[np.int32], size: int, margin: int, most: int) -> NDArray[Any]:
    """Counts per cell with an empty margin at both ends, in 16 bits where counts up to `most` are enough."""
    # In 16 bits the grid stays in the cache; a sum that is not the number of localizations shows an overflow.
    for kind in (np.int16, np.int32):
        grid = np.zeros(size + 2 * margin, kind)
        np.add.at(grid[margin:], flat, kind(1))
        if kind is np.int32 or (grid.max() < most and int(grid.sum(dtype=np.int64)) == len(flat)):
            break
    return grid
