"""The Gaussian kernel: each localization spread over the voxels around it by its precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.images.settings import Render
from ainu.localizations.table import Localizations

AXIAL_RATIO = 2.0
"""Axial over lateral precision, where only the lateral one is known (typical of astigmatic lenses)."""
ENTRIES = 1 << 20
"""Entries of the sparse matrices of Gaussian kernels at a time."""
TAILS = 3.0
"""How far the Gaussian kernel reaches, in standard deviations."""


def spread(localizations: Localizations, render: Render, axis: int) -> NDArray[np.float64]:
    """Standard deviation of the kernel along an axis.

    Parameters
    ----------
    localizations : Localizations
        (n,).
    render : Render
        Its voxel, and the precision of localizations without one.
    axis : int
        Of the image: 0 is z in 3 dimensions.

    Returns
    -------
    (n,) float64
        In voxels.
    """
    precision = np.maximum(_precision(localizations, render), 0.1)
    if render.dimensions == 3 and axis == 0:
        return AXIAL_RATIO * precision / (render.voxel_z_nm or 1.0)
    return precision / render.voxel_nm


def _precision(localizations: Localizations, render: Render) -> NDArray[np.float64]:
    """(n,) lateral precision in nm, that of the render where none was measured."""
    own = np.full(len(localizations), np.nan) if localizations.precision is None else localizations.precision
    lack = ~np.isfinite(own)
    if lack.any() and render.precision_nm is None:
        raise AinuError(
            f"kernel gaussian needs the precision, which {np.count_nonzero(lack)} of {len(lack)} localizations of a "
            "nucleus lack; set precision_nm of the render to assume one, or set kernel: count"
        )
    precision = own.astype(np.float64)
    precision[lack] = render.precision_nm or np.nan
    return precision


def add_kernels(
    total: NDArray[np.float64],
    plane: NDArray[np.int32],
    places: Sequence[NDArray[np.float32]],
    spreads: Sequence[NDArray[np.float64]],
    shape: tuple[int, ...],
) -> None:
    """Add each localization as a Gaussian integrated over the voxels within three standard deviations, 1 in total.

    Parameters
    ----------
    total : (V,) float64
        The flat image, added to in place.
    plane : (n,) int32
        Channel of the image of each localization.
    places, spreads : sequence of (n,) float32 and of (n,) float64
        Position and standard deviation along (z,) y and x, in voxels from the corner of the canvas.
    shape : tuple of int
        (C, Y, X) or (C, Z, Y, X) of the image.
    """
    widths = np.max([np.ceil(TAILS * spread) for spread in spreads], axis=0).astype(int)
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        for part in np.array_split(rows, 1 + len(rows) * (2 * int(width) + 1) ** (len(places) - 1) // ENTRIES):
            _add(total, plane[part], [p[part] for p in places], [s[part] for s in spreads], int(width), shape)


def _add(
    total: NDArray[np.float64],
    plane: NDArray[np.int32],
    places: Sequence[NDArray[np.float32]],
    spreads: Sequence[NDArray[np.float64]],
    width: int,
    shape: tuple[int, ...],
) -> None:
    """Add kernels that reach equally far.

    A kernel is the product of one along x and one along the other axes, so that the image is the product of two sparse
    matrices with a row per localization.
    """
    line, share = plane[:, None], np.ones((len(plane), 1))
    for place, spread, n in list(zip(places, spreads, shape[1:], strict=True))[:-1]:
        index, own = _weights(place.astype(np.float64), spread, width, n)
        line = (line[:, :, None] * n + index[:, None, :]).reshape(len(plane), -1)
        share = (share[:, :, None] * own[:, None, :]).reshape(len(plane), -1)
    along_x = _weights(places[-1].astype(np.float64), spreads[-1], width, shape[-1])
    image = _sparse(line, share, int(np.prod(shape[:-1]))).T.tocsr() @ _sparse(*along_x, shape[-1])
    starts = np.arange(image.shape[0]) * shape[-1]
    total[np.repeat(starts, np.diff(image.indptr)) + image.indices] += image.data


def _sparse(columns: NDArray[np.int32], values: NDArray[np.float64], width: int) -> Any:
    """Sparse (len(columns), width) matrix with equally many entries in each row."""
    from scipy.sparse import csr_array

    starts = (np.arange(len(columns) + 1) * columns.shape[1]).astype(np.int32)
    return csr_array((values.ravel(), columns.ravel(), starts), (len(columns), width))


def _weights(
    place: NDArray[np.float64], spread: NDArray[np.float64], width: int, n: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """(m, 2 width + 1) voxels along an axis and their shares of each Gaussian, which add up to 1 on the canvas."""
    from scipy.special import erf

    first = np.floor(place)
    edges = np.arange(-width, width + 2) - (place - first)[:, None]
    edges *= (np.sqrt(0.5) / spread)[:, None]
    erf(edges, out=edges)
    share = edges[:, 1:] - edges[:, :-1]
    index = (first[:, None] + np.arange(-width, width + 1)).astype(np.int32)
    if len(index) and (index[:, 0].min() < 0 or index[:, -1].max() >= n):
        share[(index < 0) | (index >= n)] = 0
        np.clip(index, 0, n - 1, out=index)
    share /= share.sum(axis=1, keepdims=True)
    return index, share
