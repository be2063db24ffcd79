"""Random changes of nuclei that leave their class as it is, of localizations before they are binned.

Nothing is ever interpolated: where only images are there (kernel gaussian), they are turned by right angles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPARSE_BIN_NM = 300.0
SPARSE_SHARE = 0.25
"""A place is thinly populated where a bin holds less than this share of the bin of the median localization."""


@dataclass(frozen=True)
class Augmentation:
    """How nuclei are changed at random, anew in every step: the config's `augmentation`.

    Attributes
    ----------
    flip : bool
        Mirror with probability 0.5.
    rotate : str
        By "any" angle, by "right" angles, or "none".
    shift_nm : float
        Largest shift of a whole nucleus along each axis. Crops are shifted at random anyway.
    thin : float
        Largest share of the localizations that is dropped; the share is drawn anew for every nucleus.
    jitter : float
        Standard deviation, in units of a localization's own precision, by which it is moved.
    drop_background : float
        Largest share of the localizations in thinly populated places that is dropped, drawn anew for every nucleus.
    test_time : int
        Augmented copies over which a prediction is averaged; 0 predicts from the nucleus as it is.
    """

    flip: bool
    rotate: str
    shift_nm: float
    thin: float
    jitter: float
    drop_background: float
    test_time: int


@dataclass(frozen=True)
class Move:
    """How a nucleus is turned, mirrored and shifted.

    Attributes
    ----------
    matrix : (2, 2) float32
        Rotation and mirroring of (x, y).
    shift_nm : (2,) float32
        Shift along x and y after that.
    """

    matrix: NDArray[np.float32]
    shift_nm: NDArray[np.float32]

    @classmethod
    def draw(cls, augmentation: Augmentation, rng: np.random.Generator) -> Move:
        """Draw one: by any angle or a right one, mirrored or not, with a shift."""
        turn = rng.random()
        angle = 2 * np.pi * {"any": turn, "right": np.floor(4 * turn) / 4, "none": 0.0}[augmentation.rotate]
        mirror = -1.0 if augmentation.flip and rng.random() < 0.5 else 1.0
        c, s = round(float(np.cos(angle)), 12), round(float(np.sin(angle)), 12)
        shift = augmentation.shift_nm * rng.uniform(-1, 1, 2)
        return cls(np.array([[mirror * c, -s], [mirror * s, c]], np.float32), shift.astype(np.float32))

    def of_places(self, position: NDArray[np.float32]) -> NDArray[np.float32]:
        """(m, 2 or 3) positions after the move, nm; z stays."""
        a, (dx, dy) = self.matrix, self.shift_nm
        x, y = position[:, 0], position[:, 1]
        plane = [a[0, 0] * x + a[0, 1] * y + dx, a[1, 0] * x + a[1, 1] * y + dy]
        return np.stack([*plane, *position.T[2:]], axis=1)


def turned_image(image: NDArray[Any], augmentation: Augmentation, rng: np.random.Generator) -> NDArray[Any]:
    """An image mirrored and turned by a right angle, at random.

    Parameters
    ----------
    image : (C, Y, X) or (C, Z, Y, X) numbers
        On a square canvas.
    augmentation : Augmentation
        Whether to mirror and turn.
    rng : Generator
        For the draw.

    Returns
    -------
    (C, Y, X) or (C, Z, Y, X)
    """
    quarters = 0 if augmentation.rotate == "none" else int(rng.integers(4))
    mirrored = image[..., ::-1] if augmentation.flip and rng.random() < 0.5 else image
    return np.rot90(mirrored, quarters, axes=(-2, -1))


def survivors(
    n: int, sparse: NDArray[np.bool_] | None, augmentation: Augmentation, rng: np.random.Generator
) -> NDArray[np.intp] | None:
    """Which localizations are left after thinning.

    Parameters
    ----------
    n : int
        Localizations.
    sparse : (n,) bool, optional
        Whether each lies in a thinly populated place.
    augmentation : Augmentation
        What share is dropped.
    rng : Generator
        Draws the share and the localizations.

    Returns
    -------
    (k,) int, optional
        Rows that are left; None: all.
    """
    if not (augmentation.thin or augmentation.drop_background):
        return None
    dropped = np.full(n, augmentation.thin * rng.random(), np.float32)
    share = np.float32(augmentation.drop_background * rng.random())
    if sparse is not None:
        dropped = np.where(sparse, 1 - (1 - dropped) * (1 - share), dropped)
    return np.flatnonzero(rng.random(n, dtype=np.float32) >= dropped)


def jittered(
    position: NDArray[np.float32], precision: NDArray[np.float32], factor: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Positions moved at random in the plane.

    Parameters
    ----------
    position : (m, 2 or 3) float32
        nm.
    precision : (m,) float32
        Lateral precision, nm; a localization without one (NaN) stays where it is.
    factor : float
        Standard deviation of the move in units of the precision.
    rng : Generator
        For the moves.

    Returns
    -------
    (m, 2 or 3) float32
    """
    moved = position.copy()
    noise = rng.standard_normal((len(moved), 2), dtype=np.float32)
    moved[:, :2] += noise * (np.float32(factor) * np.nan_to_num(precision))[:, None]
    return moved


def thinly_populated(position: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(m,) whether each of the (m, 2 or 3) positions, nm, lies where few others do: background, for the most part."""
    if not len(position):
        return np.zeros(0, bool)
    places = ((position[:, :2] - position[:, :2].min(axis=0)) / np.float32(SPARSE_BIN_NM)).astype(np.int64)
    flat = places[:, 0] * (int(places[:, 1].max()) + 1) + places[:, 1]
    around = np.bincount(flat)[flat]
    return around < SPARSE_SHARE * np.median(around)
