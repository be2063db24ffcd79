"""A nucleus as one small picture without text: its counts and its attribution maps."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ainu.figures.colours import COUNTS, SIGNED, count_limit, signed_limit
from ainu.figures.maps import flat

_SPRITE_LEVELS = 64
_SPRITE_GAP = 0


@dataclass(frozen=True)
class Sprite:
    """A nucleus as one small PNG, with the upper limits of its colour scales.

    Attributes
    ----------
    png : bytes
        8-bit indices: half the bytes of full colour; more than 64 levels per colour map are not distinguishable by eye.
    count_limits : tuple of C float
        Localizations per pixel at the top of each channel's square-root scale.
    signed_limits : tuple of float
        Attribution per pixel at the ends of each method's scale.
    """

    png: bytes
    count_limits: tuple[float, ...]
    signed_limits: tuple[float, ...]


def sprite(image: NDArray[np.integer], maps: Mapping[str, NDArray[np.floating]], edge: int) -> Sprite:
    """Draw a nucleus without any text: rows are channels, columns the counts and each method's map.

    Parameters
    ----------
    image : (C, Y, X) or (C, Z, Y, X) int
        Localizations per voxel.
    maps : mapping of method to array of the image's shape
        Signed attribution.
    edge : int
        Longest edge of one tile in pixels; larger images are summed over a whole number of voxels.

    Returns
    -------
    Sprite
        Tiles are one grey pixel apart.
    """
    counts, *signed = [_binned(flat(np.asarray(values)), edge) for values in (image, *maps.values())]
    count_limits = tuple(count_limit(channel) for channel in counts)
    signed_limits = tuple(signed_limit(values) for values in signed)
    columns = [_count_levels(counts, count_limits)]
    columns += [_signed_levels(values, limit) for values, limit in zip(signed, signed_limits, strict=True)]
    tiles = np.pad(np.stack(columns, axis=1), ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=_SPRITE_GAP)
    pixels = tiles.transpose(0, 2, 1, 3).reshape(tiles.shape[0] * tiles.shape[2], -1)[:-1, :-1]
    return Sprite(_indexed_png(pixels), count_limits, signed_limits)


def _binned(values: NDArray[Any], edge: int) -> NDArray[np.float64]:
    step = -(-max(values.shape[1:]) // edge)
    n_channels, *shape = values.shape
    height, width = (-(-length // step) for length in shape)
    padded = np.zeros((n_channels, height * step, width * step))
    padded[:, : shape[0], : shape[1]] = np.nan_to_num(values)
    return padded.reshape(n_channels, height, step, width, step).sum(axis=(2, 4))


def _count_levels(counts: NDArray[np.float64], limits: Sequence[float]) -> NDArray[np.uint8]:
    share = np.sqrt(np.clip(counts / np.reshape(limits, (-1, 1, 1)), 0, 1))
    return (1 + np.rint(share * (_SPRITE_LEVELS - 1))).astype(np.uint8)


def _signed_levels(values: NDArray[np.float64], limit: float) -> NDArray[np.uint8]:
    share = (np.clip(values / limit, -1, 1) + 1) / 2
    # One level less, an odd number: zero gets a colour of its own.
    return (1 + _SPRITE_LEVELS + np.rint(share * (_SPRITE_LEVELS - 2))).astype(np.uint8)


def _indexed_png(pixels: NDArray[np.uint8]) -> bytes:
    counts = matplotlib.colormaps[COUNTS](np.linspace(0, 1, _SPRITE_LEVELS))
    signed = matplotlib.colormaps[SIGNED](np.linspace(0, 1, _SPRITE_LEVELS - 1))
    palette = np.rint(255 * np.concatenate([[[0.5, 0.5, 0.5, 1]], counts, signed])[:, :3]).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(pixels)).convert("P")
    picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
