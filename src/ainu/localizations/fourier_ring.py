"""Fourier ring correlation (FRC): up to which detail two images of one structure agree.

The method is that of Nieuwenhuizen et al., Nature Methods 10, 557 (2013). How the localizations are divided into two
halves, which part of the field is seen and how the correlation is smoothed is up to those who measure with it:
`ainu.quality.frc` measures the resolution of a sample, `ainu.drift.verdict` the gain of a drift correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float64]
THRESHOLD = 1 / 7
"""Correlation below which detail counts as lost."""


@dataclass(frozen=True)
class RingSums:
    """Sums over rings of equal spatial frequency of the spectra of two images.

    Attributes
    ----------
    cross : (k,) float64
        Real part of the product of one spectrum with the conjugate of the other.
    first, second : (k,) float64
        Power of each spectrum.
    """

    cross: Array
    first: Array
    second: Array

    def __add__(self, other: RingSums) -> RingSums:
        return RingSums(self.cross + other.cross, self.first + other.first, self.second + other.second)

    @property
    def correlation(self) -> Array:
        """(k,) float64 correlation of each ring, -1 to 1; 0 where an image is empty."""
        return self.cross / np.maximum(np.sqrt(self.first * self.second), 1e-12)


def half_images(half: NDArray[Any], row: NDArray[Any], column: NDArray[Any], edge: int) -> NDArray[np.float32]:
    """Images of two halves of the localizations.

    Parameters
    ----------
    half : (n,) int
        0 or 1.
    row, column : (n,) int
        Pixel, 0 to `edge` - 1.
    edge : int
        Pixels along each side.

    Returns
    -------
    (2, edge, edge) float32
        Localizations per pixel.
    """
    flat = (half * edge + row) * edge + column
    return np.bincount(flat, minlength=2 * edge * edge).reshape(2, edge, edge).astype(np.float32)


def ring_sums(images: NDArray[np.float32]) -> RingSums:
    """Sums over the rings k = 0 to `edge` // 2 - 1, of frequency k / edge per pixel, of two images (2, edge, edge)."""
    one, two = fft.rfft2(images)
    rings, count = _rings(images.shape[1]), images.shape[1] // 2
    products = (
        a.real * b.real + a.imag * b.imag  # in single precision; the sums are in double
        for a, b in ((one, two), (one, one), (two, two))
    )
    sums = (np.bincount(rings, product.ravel(), count + 1)[:count] for product in products)
    return RingSums(*(total.astype(np.float64) for total in sums))


def ring_sizes(edge: int) -> NDArray[np.int64]:
    """(edge // 2,) number of Fourier coefficients in each ring."""
    return np.bincount(_rings(edge))[: edge // 2]


@cache
def _rings(edge: int) -> NDArray[np.intp]:
    """Ring of each coefficient of a flat half spectrum; those beyond the last ring are in one of their own."""
    radius = np.hypot(fft.fftfreq(edge, 1 / edge)[:, None], np.arange(edge // 2 + 1))
    return np.minimum(np.rint(radius).astype(np.intp), edge // 2).ravel()
