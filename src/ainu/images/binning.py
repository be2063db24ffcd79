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
    """Count (m, 2 or 3) positions, in nm from the middle, into an image of `shape` (C, Y, X) or (C, Z, Y, X)."""
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
    """(m,) place of each localization in the flat image, and whether it lies on the canvas at all."""
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
    """Plane of the image for each channel of the table, -1 for none."""
    return np.array([wanted.index(name) if name in wanted else -1 for name in own], np.int32)
