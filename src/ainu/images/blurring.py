"""The same nuclei as seen with less resolution: localizations moved at random, or seen through a light microscope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.images.binning import bin_counts
from ainu.images.dataset import Dataset, Points
from ainu.images.sparse_grid import order_by_place

LIGHT = "light"
"""Name of the light microscope among the levels of blur."""
LIGHT_NM, LIGHT_Z_NM, LIGHT_PIXEL_NM = 110.0, 300.0, 100.0
"""Its point spread function (sd, a FWHM of 260 nm along x and y and some 700 nm along z) and its pixels."""
BLUR_SEED = 0xB1
"""Keeps the draws of blurring apart from others."""


@dataclass(frozen=True)
class Blur:
    """A loss of resolution.

    Attributes
    ----------
    name : str
        "0", "50" (nm) or `LIGHT`.
    sd_nm, sd_z_nm : float
        Standard deviation of a random shift of each localization, along x and y, and along z.
    pixel_nm : float, optional
        Positions end in the middle of pixels of this edge; None leaves them where they are.
    """

    name: str
    sd_nm: float
    sd_z_nm: float
    pixel_nm: float | None = None

    @classmethod
    def jitter(cls, nm: float) -> Blur:
        """Each localization moved by a normal deviate of this standard deviation along each axis."""
        return cls(f"{nm:g}", float(nm), float(nm))

    @classmethod
    def light(cls) -> Blur:
        """The light microscope."""
        return cls(LIGHT, LIGHT_NM, LIGHT_Z_NM, LIGHT_PIXEL_NM)

    def moved(
        self, position: NDArray[np.floating], rng: np.random.Generator, corner_nm: Sequence[float] = (0.0, 0.0)
    ) -> NDArray[np.float32]:
        """Positions after the loss.

        Parameters
        ----------
        position : (m, 2 or 3) float
            x, y and z, nm.
        rng : Generator
            Draws the shifts.
        corner_nm : (2,) float
            x and y of a corner of a pixel.

        Returns
        -------
        (m, 2 or 3) float32
        """
        if self.sd_nm == 0:
            return np.asarray(position, np.float32)
        spread = np.array([self.sd_nm, self.sd_nm, self.sd_z_nm][: position.shape[1]])
        found = position + rng.standard_normal(position.shape) * spread
        if self.pixel_nm is not None:
            corner = np.asarray(corner_nm, np.float64)
            found[:, :2] = (np.floor((found[:, :2] - corner) / self.pixel_nm) + 0.5) * self.pixel_nm + corner
        return found.astype(np.float32)


def levels_of_blur(levels_nm: Sequence[float]) -> list[Blur]:
    """The levels of an audit: no blur, the given jitters from the smallest on, and the light microscope last."""
    return [*(Blur.jitter(nm) for nm in sorted({0.0, *map(float, levels_nm)})), Blur.light()]


def blurred(dataset: Dataset, blur: Blur, seed: int) -> Dataset:
    """The nuclei with less resolution: localizations moved, ordered by place anew, and images binned from them again.

    Parameters
    ----------
    dataset : Dataset
        With the localizations of its nuclei.
    blur : Blur
        How much is lost.
    seed : int
        The same seed moves localizations alike.

    Returns
    -------
    Dataset

    Raises
    ------
    AinuError
        The images are densities, without localizations.
    """
    if dataset.points is None:
        raise AinuError("images of kernel gaussian hold densities, whose localizations cannot be blurred")
    parts = [_blurred_points(dataset.points.of(row), blur, [seed, BLUR_SEED, row]) for row in range(len(dataset))]
    precision = None if parts[0].precision is None else np.concatenate([part.precision for part in parts])
    points = Points(
        np.concatenate([part.position for part in parts]),
        np.concatenate([part.channel for part in parts]),
        precision,
        dataset.points.start,
    )
    shape, sizes = dataset.image.shape[1:], (dataset.voxel_size_nm, dataset.voxel_z_nm)
    images = [bin_counts(part.position, part.channel, shape, *sizes) for part in parts]
    return replace(dataset, image=np.stack(images).astype(dataset.image.dtype), points=points)


def _blurred_points(points: Points, blur: Blur, seed: Sequence[int]) -> Points:
    """One nucleus."""
    position = blur.moved(points.position, np.random.default_rng(seed))
    order = order_by_place(position)
    precision = None if points.precision is None else points.precision[order]
    return Points(position[order], points.channel[order], precision, points.start)
