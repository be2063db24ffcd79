"""Resolution of a sample by Fourier ring correlation: the detail up to which images of two halves agree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal.windows import tukey

from ainu.drift.clock import Clock
from ainu.localizations.fourier_ring import THRESHOLD, half_images, ring_sums
from ainu.localizations.table import Localizations

BLOCKS = 50
"""Blocks of frames that form the halves; fewer where there are fewer frames."""

TILE = 512
"""Pixels of the edge of the tiles that are correlated."""

TILES = 4
"""Largest number of tiles; those with the most localizations are used."""

PIXELS_NM = (20.0, 10.0, 5.0, 2.5)
"""Pixels that are tried in turn, until the resolution is over four times the pixel."""

FEWEST = 500
"""Localizations that an estimate needs."""


@dataclass(frozen=True)
class Resolution:
    """Fourier ring correlation of two halves of the localizations.

    Attributes
    ----------
    frc_nm : float or None
        Resolution: the inverse of the frequency at which the correlation falls below 1/7; None where it never does,
        or is never above.
    frequency : (k,) float64
        Spatial frequency, 1/nm; empty where there are too few localizations or no frames.
    correlation : (k,) float64
        Smoothed correlation of the rings.
    """

    frc_nm: float | None
    frequency: NDArray[np.float64]
    correlation: NDArray[np.float64]


def ring_correlation(localizations: Localizations) -> Resolution:
    """Resolution by Fourier ring correlation (FRC).

    Parameters
    ----------
    localizations : Localizations
        Of one channel, corrected for drift.

    Returns
    -------
    Resolution

    Notes
    -----
    Nieuwenhuizen et al., Nature Methods 10, 557 (2013): two images from halves of the data, their correlation over
    rings of equal spatial frequency, smoothed, and where it falls below 1/7. The halves are random blocks of frames
    (one fiftieth of the acquisition each), so that the blinks of an emitter within a block are in one half. An emitter
    that blinks again in another block is in both halves and correlates with itself: the result then reflects how
    precisely emitters are localized rather than how densely they sample the structure, and is too good. This is not
    corrected; compare samples that were stained and imaged alike. The correlation is that of the tiles of the
    field with the most localizations, sums taken over all of them.
    """
    halves = _halves(localizations)
    nothing = Resolution(None, np.zeros(0), np.zeros(0))
    if halves is None:
        return nothing
    found = nothing
    for pixel_nm in PIXELS_NM:
        found = _correlate(localizations.positions[:, :2], halves, pixel_nm)
        if found.frc_nm is None and found.correlation[0] < THRESHOLD:
            return found
        if found.frc_nm is not None and found.frc_nm > 4 * pixel_nm:
            return found
    return found


def correlation_at(localizations: Localizations, detail_nm: float) -> float:
    """Correlation of two halves of the localizations at one detail.

    Parameters
    ----------
    localizations : Localizations
        Of one channel, corrected for drift.
    detail_nm : float
        Inverse of the spatial frequency, nm; the rings within a tenth of it count.

    Returns
    -------
    float
        NaN where there are too few localizations or no frames.

    Notes
    -----
    Where a structure has no detail so fine, two halves agree only by emitters that blink in both: the correlation rises
    with the blinks of an emitter and falls with the error of its position, drift that is left included.
    """
    halves = _halves(localizations)
    if halves is None:
        return float("nan")
    found = _correlate(localizations.positions[:, :2], halves, detail_nm / 5)
    near = np.abs(found.frequency * detail_nm - 1) <= 0.1
    return float(found.correlation[near].mean())


def _halves(localizations: Localizations) -> NDArray[np.intp] | None:
    """(n,) 0 or 1: the half of each localization; always the same for the same frames."""
    frame = localizations.frame
    if frame is None or len(localizations) < FEWEST or len((clock := Clock.of(frame)).frame) < 2:
        return None
    blocks = min(BLOCKS, len(clock.frame))
    half = np.random.default_rng(0).permutation(blocks) % 2
    return half[clock.rank.astype(np.int64) * blocks // len(clock.frame)]


def _correlate(positions: NDArray[np.float32], half: NDArray[np.intp], pixel_nm: float) -> Resolution:
    tiles = _densest_tiles(positions, pixel_nm * TILE)
    sums = reduce(add, (ring_sums(_windowed_images(positions[rows], half[rows], pixel_nm)) for rows in tiles))
    # Ring 0 is the mean of the image, which carries no information on detail.
    correlation = gaussian_filter1d(sums.correlation[1:], 3, mode="nearest")
    frequency = np.arange(1, TILE // 2) / (TILE * pixel_nm)
    return Resolution(_crossing(frequency, correlation), frequency, correlation)


def _densest_tiles(positions: NDArray[np.float32], edge_nm: float) -> list[NDArray[np.intp]]:
    """Rows of the localizations of each tile."""
    low, high = _corners(positions)
    # Tiles are centred on the field, so that one that covers it all has it in the middle of the window.
    counts = np.maximum(np.ceil((high - low) / edge_nm), 1).astype(int)
    corner = (low + high) / 2 - counts * edge_nm / 2
    column, row = np.clip(((positions - corner) / edge_nm).astype(int), 0, counts - 1).T
    tile = row * counts[0] + column
    held = np.bincount(tile, minlength=counts.prod())
    chosen = np.argsort(-held, kind="stable")[:TILES]
    return [np.flatnonzero(tile == number) for number in chosen if held[number] >= held[chosen[0]] / 4]


def _windowed_images(positions: NDArray[np.float32], half: NDArray[np.intp], pixel_nm: float) -> NDArray[np.float32]:
    """(2, TILE, TILE) images of the halves, which fade to 0 at the border."""
    low, high = _corners(positions)
    column, row = np.clip(np.floor((positions - (low + high) / 2) / pixel_nm).astype(int) + TILE // 2, 0, TILE - 1).T
    images = half_images(half, row, column, TILE)
    images *= _window()
    images *= _window()[:, None]
    return images


def _corners(positions: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest x and y; ten times as fast as along the axis."""
    axes = positions.T
    return np.array([axis.min() for axis in axes]), np.array([axis.max() for axis in axes])


@cache
def _window() -> NDArray[np.float32]:
    return tukey(TILE, 0.25).astype(np.float32)


def _crossing(frequency: NDArray[np.float64], correlation: NDArray[np.float64]) -> float | None:
    """Inverse of the frequency at which the correlation first falls below the threshold."""
    below = np.flatnonzero(correlation < THRESHOLD)
    if not len(below) or below[0] == 0:
        return None
    end = below[0]
    share = (correlation[end - 1] - THRESHOLD) / (correlation[end - 1] - correlation[end])
    return float(1 / (frequency[end - 1] + share * (frequency[end] - frequency[end - 1])))
