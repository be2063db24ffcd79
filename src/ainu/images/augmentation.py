"""Random changes of nuclei that leave their class as it is: of localizations, before they are binned, or of voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ainu.images.settings import Augmentation


@dataclass(frozen=True)
class Moves:
    """How each of n nuclei is moved: `matrix` (n, 2, 2) turns and mirrors (x, y), `shift_nm` (n, 2) then shifts."""

    matrix: NDArray[np.float64]
    shift_nm: NDArray[np.float64]

    @classmethod
    def draw(cls, n: int, augmentation: Augmentation, rng: np.random.Generator) -> Moves:
        """Draw them."""
        turn = rng.random(n)
        quarters = np.floor(4 * turn) / 4
        angle = 2 * np.pi * {"any": turn, "right": quarters, "none": 0 * turn}[augmentation.rotate]
        mirror = np.where(rng.random(n) < 0.5, -1.0, 1.0) if augmentation.flip else np.ones(n)
        c, s = np.round(np.cos(angle), 12), np.round(np.sin(angle), 12)
        matrix = np.stack([np.stack([mirror * c, -s], 1), np.stack([mirror * s, c], 1)], 1)
        return cls(matrix, augmentation.shift_nm * rng.uniform(-1, 1, (n, 2)))


def thin_counts(counts: NDArray[Any], augmentation: Augmentation, rng: np.random.Generator) -> NDArray[Any]:
    """Drop localizations of (N, C, ...) counts at random: what is left of each voxel is binomial."""
    if not augmentation.thin:
        return counts
    kept = 1 - augmentation.thin * rng.random((len(counts),) + (1,) * (counts.ndim - 1))
    return rng.binomial(counts.astype(np.int64), kept)


def move_images(images: Tensor, moves: Moves, voxel_nm: float) -> Tensor:
    """Move (N, C, Y, X) or (N, C, Z, Y, X) images in the plane; what comes in from outside the canvas is empty.

    Linear interpolation between voxels; right angles move whole voxels.
    """
    flat = images.flatten(1, -3)
    edges = np.array(flat.shape[:1:-1])
    back = moves.matrix.transpose(0, 2, 1)  # the inverse of turns and mirrors
    shift = -(back @ (2 * moves.shift_nm / (voxel_nm * edges))[:, :, None])
    x, y = ((2 * np.arange(edge) + 1) / edge - 1 for edge in edges)
    along_x = torch.as_tensor(back[:, :, :1] * x + shift, dtype=images.dtype)
    along_y = torch.as_tensor(back[:, :, 1:] * y, dtype=images.dtype)
    grid = along_x[:, :, None] + along_y[:, :, :, None]
    return nn.functional.grid_sample(flat, grid.permute(0, 2, 3, 1), align_corners=False).reshape(images.shape)


def change_localizations(
    position: NDArray[np.float32],
    precision: NDArray[np.float32] | None,
    sparse: NDArray[np.bool_] | None,
    moves: Moves,
    number: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.intp] | None]:
    """Move, thin and jitter the localizations of nucleus `number` of a batch.

    Parameters
    ----------
    position : (m, 2 or 3) float32
        x, y and z in nm from the middle of the canvas.
    precision : (m,) float32, optional
        Lateral precision, nm.
    sparse : (m,) bool, optional
        Whether a localization lies in a thinly populated place.
    moves, number, augmentation, rng :
        What to do.

    Returns
    -------
    positions : (k, 2 or 3) float32
    rows : (k,) int, optional
        Which localizations are left; None: all.
    """
    rows = _survivors(len(position), sparse, augmentation, rng)
    moved = position if rows is None else position[rows]
    if augmentation.moves:
        a, (dx, dy) = moves.matrix[number].astype(np.float32), moves.shift_nm[number].astype(np.float32)
        x, y = moved[:, 0], moved[:, 1]
        plane = [a[0, 0] * x + a[0, 1] * y + dx, a[1, 0] * x + a[1, 1] * y + dy]
        moved = np.stack([*plane, *moved.T[2:]], axis=1)
    if augmentation.jitter and precision is not None:
        own = precision if rows is None else precision[rows]
        noise = rng.standard_normal((len(moved), 2), dtype=np.float32)
        moved = moved.copy()
        moved[:, :2] += noise * (np.float32(augmentation.jitter) * np.nan_to_num(own))[:, None]
    return moved, rows


def _survivors(
    n: int, sparse: NDArray[np.bool_] | None, augmentation: Augmentation, rng: np.random.Generator
) -> NDArray[np.intp] | None:
    if not (augmentation.thin or augmentation.drop_background):
        return None
    dropped = np.full(n, augmentation.thin * rng.random(), np.float32)
    if sparse is not None:
        share = np.float32(augmentation.drop_background * rng.random())
        dropped = np.where(sparse, 1 - (1 - dropped) * (1 - share), dropped)
    return np.flatnonzero(rng.random(n, dtype=np.float32) >= dropped)
