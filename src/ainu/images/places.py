"""Where crops of a nucleus lie: drawn for a step of training, side by side for a prediction.

A crop is drawn where localizations are: a channel, one of its localizations, and a shift of at most half the distance
of neighbouring tiles. The tiles of a prediction cover the nucleus; a tile weighs as much as the localizations that it
holds, each channel counting alike. So both follow one law, and a tile without localizations counts nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def draw_place(
    position: NDArray[np.float32],
    channel: NDArray[np.uint8],
    channels: int,
    size_nm: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Where a crop of a nucleus lies: around a localization of a channel, both drawn.

    Parameters
    ----------
    position : (m, 2 or 3) float32
        Of the localizations, nm.
    channel : (m,) uint8
        Of each.
    channels : int
        Number of channels; one that has localizations is drawn.
    size_nm : (2 or 3,) float64
        Edges of a crop.
    rng : Generator
        For the draws.

    Returns
    -------
    (2 or 3,) float64
        Its middle, nm; the middle of the nucleus where there are no localizations.
    """
    d = len(size_nm)
    counts = np.bincount(channel, minlength=channels)
    if not counts.sum():
        return np.zeros(d)
    drawn = rng.choice(np.flatnonzero(counts))
    place = position[np.flatnonzero(channel == drawn)[rng.integers(counts[drawn])], :d]
    return place + rng.uniform(-0.5, 0.5, d) * size_nm


def tile_grid(
    position: NDArray[np.float32],
    channel: NDArray[np.uint8],
    channels: int,
    size_nm: NDArray[np.float64],
    shift: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tiles side by side that cover the localizations of a nucleus.

    Parameters
    ----------
    position : (m, 2 or 3) float32
        nm.
    channel : (m,) uint8
        Of each.
    channels : int
        Number of channels.
    size_nm : (2 or 3,) float64
        Edges of a tile.
    shift : float
        How far all tiles are moved along every axis, as a share of a tile; 0 to 1.

    Returns
    -------
    centre : (t, 2 or 3) float64
        Middles of the tiles that hold localizations; one in the middle of the nucleus where there are none.
    weight : (t,) float64
        The mean over channels of the share of a channel's localizations in the tile; 1 in total.
    """
    d = len(size_nm)
    if not len(position):
        return np.zeros((1, d)), np.ones(1)
    place = position[:, :d].astype(np.float64)
    low, high = place.min(axis=0), place.max(axis=0)
    # A nanometre more, so that rounding puts none outside.
    number = np.ceil((high - low + 1) / size_nm).astype(np.int64)
    corner = (low + high) / 2 - number * size_nm / 2
    if shift:
        corner, number = corner - (1 - shift) * size_nm, number + 1
    tile = np.clip(((place - corner) / size_nm).astype(np.int64), 0, number - 1)
    flat = np.ravel_multi_index(tuple(tile.T), tuple(number))
    counts = np.bincount(channel, minlength=channels)
    each = 1.0 / np.maximum(counts, 1) / np.count_nonzero(counts)
    weight = np.bincount(flat, weights=each[channel], minlength=int(number.prod()))
    filled = np.flatnonzero(weight)
    where = np.stack(np.unravel_index(filled, tuple(number)), axis=1)
    return corner + (where + 0.5) * size_nm, weight[filled] / weight[filled].sum()
