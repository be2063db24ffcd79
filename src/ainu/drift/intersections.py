"""Counting how often localizations of different times coincide, on a grid that is folded onto a torus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.drift.initial_guess import BLOCK, PERIOD_NM

Array = NDArray[np.float64]
Column = NDArray[np.float32]


@dataclass(frozen=True)
class Points:
    """Localizations by segment of time and half of the field.

    Attributes
    ----------
    axes : tuple of (n,) float32
        Positions, nm.
    segment, row : (n,) int32
        Segment, and row of the moments: one per segment and half of the field.
    edges : (segments + 1,) intp
        First frame of each segment, and the number of frames.
    """

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

    def __getitem__(self, rows: NDArray[Any] | slice) -> Points:
        """Some of the localizations."""
        axes = tuple(axis[rows] for axis in self.axes)
        return replace(self, axes=axes, segment=self.segment[rows], row=self.row[rows])


@dataclass(frozen=True)
class Intersections:
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


def corrected(points: Points, path: Array, axis: int) -> Column:
    """(n,) positions along an axis, less the path (segments, d), nm.

    Parameters
    ----------
    points : Points
        The localizations.
    path : (segments, d) float64
        Positions of the segments, nm.
    axis : int
        Which one.

    Returns
    -------
    (n,) float32
        nm.
    """
    shift = np.take(path[:, axis].astype(np.float32), points.segment)
    return np.subtract(points.axes[axis], shift, out=shift)


def intersect(points: Points, path: Array, pixels: tuple[float, ...], measured: tuple[int, ...]) -> Intersections:
    """Count the intersections on a grid, smoothed by [1, 2, 1] along each axis, and how they change with a shift.

    Parameters
    ----------
    points : Points
        The localizations.
    path : (segments, d) float64
        Positions of the segments, nm.
    pixels : tuple of float
        Sides of a cell, nm.
    measured : tuple of int
        Axes along which segments move.

    Returns
    -------
    Intersections
    """
    # All in integers up to the sums, so that the order of the localizations does not matter. A localization does not
    # intersect itself; the pairs within a segment cancel out of the gradient.
    flat, shape = cells_of(points, path, pixels)
    grid, strides, margin = smooth_grid(flat, shape)
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
    return Intersections(np.clip(step, -longest, longest), count, spread, curvatures)


def cells_of(
    points: Points, path: Array, pixels: tuple[float, ...], shape: tuple[int, ...] | None = None
) -> tuple[NDArray[np.int32], tuple[int, ...]]:
    """Cell of each localization, corrected by a path, and the shape of the grid.

    Parameters
    ----------
    points : Points
        The localizations.
    path : (segments, d) float64
        Positions of the segments, nm.
    pixels : tuple of float
        Sides of a cell, nm.
    shape : tuple of int, optional
        Cells along each axis; chosen if it is not given.

    Returns
    -------
    cells : (n,) int32
        Number of each cell.
    shape : tuple of int
        As given or chosen.
    """
    shape = _shape(points, pixels) if shape is None else shape
    flat = np.empty(len(points.segment), np.int32)
    for start in range(0, len(flat), BLOCK):
        block = points[start : start + BLOCK]
        place = np.zeros(len(block.segment), np.int32)
        for i, (pixel, cells) in enumerate(zip(pixels, shape, strict=True)):
            turn = corrected(block, path, i)
            turn *= np.float32(1 / (pixel * cells))
            turn -= np.floor(turn)
            turn *= np.float32(cells)
            place *= np.int32(cells)
            place += turn.astype(np.int32)
        flat[start : start + BLOCK] = place
    return flat, shape


def _shape(points: Points, pixels: tuple[float, ...], sparsity: int = 8) -> tuple[int, ...]:
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


def smooth_grid(flat: NDArray[np.int32], shape: tuple[int, ...]) -> tuple[NDArray[Any], list[int], int]:
    """Localizations per cell, smoothed along each axis.

    Parameters
    ----------
    flat : (n,) int32
        Cells of localizations.
    shape : tuple of int
        Cells along each axis.

    Returns
    -------
    grid : (prod(shape) + 2 * margin,) int
        Counts, with a margin at both ends.
    strides : list of int
        Distance of neighbours along each axis.
    margin : int
        Cells before the first.
    """
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
