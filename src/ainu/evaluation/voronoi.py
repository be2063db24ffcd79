"""Voronoi cells of localizations: how much room each has."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cell_sizes(points: Floats, mask: NDArray[np.bool_], corner_nm: tuple[float, float], pixel_nm: float) -> Floats:
    """Area or volume of the Voronoi cell of each point.

    Parameters
    ----------
    points : (n, 2 or 3) float64
        Positions, nm, each once.
    mask : (Y, X) bool
        Where cells have to lie.
    corner_nm : (2,) float
        x and y of its corner.
    pixel_nm : float
        Edge of its pixels.

    Returns
    -------
    (n,) float64
        Infinite where a cell is open or leaves the mask.
    """
    from scipy.spatial import QhullError, Voronoi

    try:
        diagram = Voronoi(points)
    except QhullError:  # all on a line
        return np.full(len(points), np.inf)
    # A cell is made of pyramids, one over each ridge, whose height is half the distance of the two points it separates.
    corners = diagram.vertices
    row, column = ((corners[:, 1] - corner_nm[1]) / pixel_nm, (corners[:, 0] - corner_nm[0]) / pixel_nm)
    height, width = mask.shape
    within = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    within[within] = mask[row[within].astype(int), column[within].astype(int)]
    between = diagram.ridge_points
    apart = np.linalg.norm(points[between[:, 0]] - points[between[:, 1]], axis=1)
    size, open_ = _ridge_sizes(diagram.ridge_vertices, corners, within)
    share = np.where(open_, np.inf, size * apart / 2 / points.shape[1])
    return np.bincount(between.ravel(), np.repeat(share, 2), minlength=len(points)).astype(np.float64)


def _ridge_sizes(
    ridges: Sequence[Sequence[int]], corners: Floats, within: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    """(m,) length or area of each ridge, and whether it is open or has a corner outside."""
    lengths = np.array([len(ridge) for ridge in ridges])
    flat = np.fromiter(itertools.chain.from_iterable(ridges), np.intp)
    owner = np.repeat(np.arange(len(ridges)), lengths)
    bad = np.bincount(owner, (flat < 0) | ~within[flat], minlength=len(ridges)) > 0
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    if corners.shape[1] == 2:
        return np.linalg.norm(corners[flat[starts]] - corners[flat[starts + lengths - 1]], axis=1), bad
    # A fan of triangles from the first corner; qhull gives the corners of a ridge in their order.
    first, after = corners[flat[starts]][owner], np.minimum(np.arange(len(flat)) + 1, len(flat) - 1)
    triangle = np.cross(corners[flat] - first, corners[flat[after]] - first)
    triangle[starts + lengths - 1] = 0
    total = np.stack([np.bincount(owner, axis, minlength=len(ridges)) for axis in triangle.T], axis=1)
    return np.linalg.norm(total, axis=1) / 2, bad
