"""Localizations into the voxels of an image: which voxel each lies in, and how many lie in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def bin_counts(
    position: NDArray[np.float32],
    channel: NDArray[np.uint8],
    shape: tuple[int, ...],
    voxel_nm: float,
    voxel_z_nm: float | None = None,
) -> NDArray[np.float32]:
    """Count localizations into the voxels of an image.

    Parameters
    ----------
    position : (m, 2 or 3) float32
        x, y and z in nm from the middle of the canvas.
    channel : (m,) uint8
        Plane of the image.
    shape : tuple of int
        (C, Y, X) or (C, Z, Y, X).
    voxel_nm : float
        Edge of a voxel.
    voxel_z_nm : float, optional
        Height of a voxel, for stacks.

    Returns
    -------
    (C, Y, X) or (C, Z, Y, X) float32
        Localizations per voxel; those beyond the canvas are not counted.
    """
    flat, inside = flat_places(position, channel, shape, voxel_nm, voxel_z_nm)
    total = int(np.prod(shape))
    counts = np.bincount(flat if inside.all() else flat[inside], minlength=total)
    return counts.astype(np.float32).reshape(shape)


def flat_places(
    position: NDArray[np.float32],
    channel: NDArray[np.uint8],
    shape: tuple[int, ...],
    voxel_nm: float,
    voxel_z_nm: float | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Index of the voxel that each localization lies in.

    Parameters
    ----------
    position, channel, shape, voxel_nm, voxel_z_nm :
        As for `bin_counts`.

    Returns
    -------
    voxel : (m,) int32
        Index into the flattened image; without meaning for localizations beyond the canvas.
    inside : (m,) bool
        Whether the localization lies on the canvas.
    """
    flat = channel.astype(np.int32)
    inside = np.ones(len(flat), bool)
    sizes = [voxel_nm, voxel_nm, voxel_z_nm or 1.0]
    for axis in reversed(range(len(shape) - 1)):
        n = shape[len(shape) - 1 - axis]
        place = position[:, axis] * np.float32(1 / sizes[axis]) + np.float32(n / 2)
        inside &= (place >= 0) & (place < n)
        flat = flat * n + place.astype(np.int32)
    return flat, inside


def planes_of(own: Sequence[str], wanted: Sequence[str]) -> NDArray[np.int32]:
    """(c,) int32 plane of the image, in the order of `wanted`, for each of the table's c channels; -1: in none."""
    return np.array([wanted.index(name) if name in wanted else -1 for name in own], np.int32)
