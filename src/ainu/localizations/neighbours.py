"""Neighbours of localizations: in space, and in space within a given frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


def local_counts(positions: NDArray[np.floating], radius_nm: float) -> NDArray[np.int64]:
    """Number of other points around each point, in an area as large as a circle of `radius_nm`.

    The area is a block of three by three squares of a raster, the point in the middle one: a density for little work.

    Parameters
    ----------
    positions : (n, 2) float
        Positions, nm.
    radius_nm : float
        Radius of the circle.

    Returns
    -------
    (n,) int64
    """
    if not len(positions):
        return np.zeros(0, np.int64)
    width, square = _squares(positions, radius_nm * np.sqrt(np.pi) / 3)
    own, members, counts = np.unique(square, return_inverse=True, return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])
    around = np.zeros(len(own), np.int64)
    for row in (-width, 0, width):
        around += before[np.searchsorted(own, own + row + 1, "right")] - before[np.searchsorted(own, own + row - 1)]
    return around[members] - 1


def has_neighbours(positions: NDArray[np.floating], radius_nm: float, least: int) -> NDArray[np.bool_]:
    """Whether each point has at least `least` others within `radius_nm`.

    Points that share a square whose diagonal is the radius need no search; on a nucleus that decides for most of them.

    Parameters
    ----------
    positions : (n, 2) float
        Positions, nm.
    radius_nm : float
        How far away a neighbour may lie.
    least : int
        Fewest neighbours.

    Returns
    -------
    (n,) bool
    """
    # Slightly smaller, so that rounding cannot put two points of one square further apart than the radius.
    _, square = _squares(positions, radius_nm / np.sqrt(2) * (1 - 1e-6))
    own, members = np.unique(square, return_inverse=True)
    enough = np.bincount(members, minlength=len(own))[members] > least
    undecided = np.flatnonzero(~enough)
    if len(undecided):
        tree = cKDTree(positions, balanced_tree=False, compact_nodes=False)
        # The bound of a query is exclusive.
        bound = np.nextafter(radius_nm, np.inf)
        distance, _ = tree.query(positions[undecided], k=[least + 1], distance_upper_bound=bound)
        enough[undecided] = np.isfinite(distance[:, 0])
    return enough


def _squares(positions: NDArray[np.floating], edge_nm: float) -> tuple[int, NDArray[np.int64]]:
    """Width of a raster, and (n,) number of its square that each of (n, 2) points lies in; its rim is empty."""
    if not len(positions):
        return 0, np.zeros(0, np.int64)
    offset = (positions - positions.min(axis=0)).astype(np.float64)
    column, row = np.floor(offset / edge_nm).astype(np.int64).T
    width = int(column.max()) + 3
    return width, (row + 1) * width + column + 1


def nearest_in_frame(
    points: NDArray[np.floating],
    frame: NDArray[Any],
    others: NDArray[np.floating],
    other_frame: NDArray[Any],
    reach_nm: float,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For each point, the nearest of the others that lies in a given frame.

    Parameters
    ----------
    points : (n, 2) float
        Positions, nm.
    frame : (n,) int
        The frame in which to look for each of them.
    others : (m, 2) float
        Positions, nm.
    other_frame : (m,) int
        Their frames.
    reach_nm : float
        Points farther away are no neighbours.

    Returns
    -------
    index : (n,) intp
        Index into `others`; m where there is none.
    distance : (n,) float64
        In nm; infinite where there is none.
    """
    if not len(points) or not len(others):
        return np.full(len(points), len(others), np.intp), np.full(len(points), np.inf)
    # Frames as a third axis, further apart than the reach: one tree serves all of them.
    step = 2.0 * reach_nm
    tree = cKDTree(np.column_stack([others, other_frame * step]), balanced_tree=False, compact_nodes=False)
    distance, index = tree.query(np.column_stack([points, frame * step]), distance_upper_bound=reach_nm)
    return index, distance
