"""Random changes of nuclei that leave their class as it is: of localizations, before they are binned, or of voxels.

Torch is imported where images are moved, so that settings can be checked without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """How nuclei are changed at random, anew in every epoch: the config's `augmentation`.

    Attributes
    ----------
    level : str
        "localizations": they are moved and dropped, then binned, so that no interpolation blurs what was measured;
        "voxels": the image is moved.
    flip : bool
        Mirror with probability 0.5.
    rotate : str
        By "any" angle, by "right" angles, or "none".
    shift_nm : float
        Largest shift along each axis.
    thin : float
        Largest share of the localizations that is dropped; the share is drawn anew for every nucleus.
    jitter : float
        Standard deviation, in units of a localization's own precision, by which it is moved (level localizations).
    drop_background : float
        Largest share of the localizations in thinly populated places that is dropped, drawn anew for every nucleus
        (level localizations).
    test_time : int
        Augmented copies over which a prediction is averaged; 0 predicts from the nucleus as it is.
    """

    level: str
    flip: bool
    rotate: str
    shift_nm: float
    thin: float
    jitter: float
    drop_background: float
    test_time: int

    @property
    def moves(self) -> bool:
        """Whether it moves the nucleus as a whole."""
        return self.flip or self.rotate != "none" or self.shift_nm > 0

    @property
    def of_copies(self) -> Augmentation:
        """The augmentation of the copies over which a prediction is averaged.

        Images are turned by right angles only: interpolation smooths them, and a network whose batch normalisation
        knows unsmoothed nuclei is far off on smoothed ones. Localizations can be turned by any angle.
        """
        if self.level != "voxels":
            return self
        return replace(self, rotate="none" if self.rotate == "none" else "right", shift_nm=0.0)


@dataclass(frozen=True)
class Moves:
    """How each of n nuclei is turned, mirrored and shifted.

    Attributes
    ----------
    matrix : (n, 2, 2) float64
        Rotation and mirroring of (x, y).
    shift_nm : (n, 2) float64
        Shift along x and y after that.
    """

    matrix: NDArray[np.float64]
    shift_nm: NDArray[np.float64]

    @classmethod
    def draw(cls, n: int, augmentation: Augmentation, rng: np.random.Generator) -> Moves:
        """Draw them for n nuclei.

        Parameters
        ----------
        n : int
            Number of nuclei.
        augmentation : Augmentation
            How they may be moved.
        rng : Generator
            For the draw.

        Returns
        -------
        Moves
        """
        turn = rng.random(n)
        quarters = np.floor(4 * turn) / 4
        angle = 2 * np.pi * {"any": turn, "right": quarters, "none": 0 * turn}[augmentation.rotate]
        mirror = np.where(rng.random(n) < 0.5, -1.0, 1.0) if augmentation.flip else np.ones(n)
        c, s = np.round(np.cos(angle), 12), np.round(np.sin(angle), 12)
        matrix = np.stack([np.stack([mirror * c, -s], 1), np.stack([mirror * s, c], 1)], 1)
        return cls(matrix, augmentation.shift_nm * rng.uniform(-1, 1, (n, 2)))


def thin_counts(counts: NDArray[Any], augmentation: Augmentation, rng: np.random.Generator) -> NDArray[Any]:
    """Drop localizations of counts at random: those left in a voxel are binomial.

    Parameters
    ----------
    counts : (N, C, Y, X) or (N, C, Z, Y, X) numbers
        Localizations per voxel.
    augmentation : Augmentation
        `thin` is the largest share that is dropped.
    rng : Generator
        For the draw.

    Returns
    -------
    (N, C, Y, X) or (N, C, Z, Y, X)
        int64; `counts` themselves where `thin` is 0.
    """
    if not augmentation.thin:
        return counts
    kept = 1 - augmentation.thin * rng.random((len(counts),) + (1,) * (counts.ndim - 1))
    return rng.binomial(counts.astype(np.int64), kept)


def move_images(images: Tensor, moves: Moves, voxel_nm: float) -> Tensor:
    """Move images in the plane; what comes in from outside the canvas is empty.

    Parameters
    ----------
    images : (N, C, Y, X) or (N, C, Z, Y, X) float32
        Of N nuclei.
    moves : Moves
        Of these nuclei.
    voxel_nm : float
        Edge of a voxel.

    Returns
    -------
    (N, C, Y, X) or (N, C, Z, Y, X) float32
        Interpolated linearly between voxels; right angles move whole voxels.
    """
    import torch

    flat = images.flatten(1, -3)
    edges = np.array(flat.shape[:1:-1])
    back = moves.matrix.transpose(0, 2, 1)  # the inverse of turns and mirrors
    shift = -(back @ (2 * moves.shift_nm / (voxel_nm * edges))[:, :, None])
    x, y = ((2 * np.arange(edge) + 1) / edge - 1 for edge in edges)
    along_x = torch.as_tensor(back[:, :, :1] * x + shift, dtype=images.dtype)
    along_y = torch.as_tensor(back[:, :, 1:] * y, dtype=images.dtype)
    grid = along_x[:, :, None] + along_y[:, :, :, None]
    moved = torch.nn.functional.grid_sample(flat, grid.permute(0, 2, 3, 1), align_corners=False)
    return moved.reshape(images.shape)


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
    moves : Moves
        Of the nuclei of the batch.
    number : int
        Which of these nuclei it is.
    augmentation : Augmentation
        What share is dropped and how far localizations are jittered.
    rng : Generator
        Draws what is dropped and jittered.

    Returns
    -------
    positions : (k, 2 or 3) float32
        Of the localizations that are left.
    rows : (k,) int, optional
        Which these are; None: all.
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
