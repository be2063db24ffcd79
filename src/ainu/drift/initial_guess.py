"""An initial guess of the drift: cross-correlation of a few images of the field, folded onto a small torus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ainu.localizations.correlation_peak import parabola_vertex

Array = NDArray[np.float64]
BLOCK = 1 << 16
"""Localizations that are processed at a time, so that intermediate values stay in the processor's cache."""
NODES = 32
"""Stretches of time of which the guess has a position each."""
STRETCHES = 8
"""Longer stretches that are correlated in pairs."""
CLEAR = 5.0
"""Median height of the peaks of all pairs, in standard deviations, of a common structure: by chance it is 4."""
PEAK = 6.0
"""The same for a single peak."""
PIXELS_NM = {"coarse": 256 / 3, "fine": 64.0}
"""Pixels of the images that are correlated; the finer ones where the coarse ones show no clear peaks."""
TRACKED, STILL = "tracked", "still"
"""Other ways to a guess: stretch by stretch; no drift at all."""
PERIOD_NM = 2048.0
"""Side of the tiles of a field; a grid repeats after a whole number of them."""


@dataclass(frozen=True)
class Guess:
    """An initial guess.

    Attributes
    ----------
    nodes : (NODES, 2) float64
        Position of each of as many equal stretches of time, nm.
    way : str
        How it was found: one of `PIXELS_NM`, "tracked", "still".
    score : float
        Median height of the correlation peaks, in standard deviations.
    """

    nodes: Array
    way: str
    score: float = 0.0

    @property
    def clear(self) -> bool:
        """Whether only a common structure gives such peaks."""
        return self.score > CLEAR

    def path(self, frames: int) -> Array:
        """(frames, 2) positions, nm, relative to the first frame."""
        at = (np.arange(NODES) + 0.5) * frames / NODES
        path = np.stack([np.interp(np.arange(frames), at, column) for column in self.nodes.T], axis=1)
        return path - path[0]


def guess_drift(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    frame: NDArray[Any],
    frames: int,
    way: str | None = None,
    reach_nm: float = 3000.0,
) -> Guess:
    """Where the field is in each of `NODES` stretches of the acquisition.

    Parameters
    ----------
    x, y : (n,) float32
        Positions, nm, from 0.
    frame : (n,) int
        Frames, from 0.
    frames : int
        Length of the acquisition.
    way : str, optional
        The only one of `PIXELS_NM` to try.
    reach_nm : float
        Largest shift between two stretches.

    Returns
    -------
    Guess

    Notes
    -----
    Few long stretches are correlated in pairs first (Wang et al., Optics Express 22, 15982, 2014), in coarse images,
    and in finer ones where those show no clear peak. Every short stretch is then correlated with the sum of all others.
    Folding the field (coordinates modulo the period of the image) keeps the shift and adds chance coincidences only.
    """
    for name in PIXELS_NM if way is None else (way,):
        # a large field is folded less where coarse images were not enough
        pixel, side = PIXELS_NM[name], 16_384 if name == "fine" and len(x) > 400_000 else 8192
        spectra = _spectra(x, y, frame, frames, round(side / pixel), pixel)
        joined = spectra.reshape(STRETCHES, -1, *spectra.shape[1:]).sum(axis=1)
        found, score = _from_pairs(joined, reach_nm, pixel)
        if score > CLEAR:
            break
    return Guess(_against_all(spectra, _at_nodes(found), 400.0, pixel), name, score)


def guess_path(x: NDArray[np.float32], y: NDArray[np.float32], frame: NDArray[Any], frames: int) -> Array:
    """(frames, 2) float64 guess, nm, relative to the first frame; from x and y (n,), nm, and their frames (n,).

    Parameters
    ----------
    x, y : (n,) float32
        Positions, nm.
    frame : (n,) int
        Number of the frame of each among those that occur.
    frames : int
        How many occur.

    Returns
    -------
    (frames, 2) float64
        nm.
    """
    return guess_drift(x - x.min(), y - y.min(), frame, frames).path(frames)


def track_drift(
    x: NDArray[np.float32], y: NDArray[np.float32], frame: NDArray[Any], frames: int, pixel: float = 32.0
) -> Array:
    """Nodes by following the field from each stretch of time to the next, for data whose correlations are not clear.

    Parameters
    ----------
    x, y : (n,) float32
        Positions, nm, from 0.
    frame : (n,) int
        Frames, from 0.
    frames : int
        Length of the acquisition.
    pixel : float
        Side of a cell, nm.

    Returns
    -------
    (NODES, 2) float64
        Positions, nm. Each stretch is moved to where it coincides most with all before it, within 250 nm of the last.
    """
    cells, reach = round(8192 / pixel), round(256 / pixel)
    total = np.zeros(cells * cells, np.float32)
    if len(x) > 30_000:
        some = some_tiles([(x, y)], 20_000)
        x, y, frame = x[some], y[some], frame[some]

    def cells_of(own: NDArray[np.intp], shift: Array) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        row, column = (
            np.floor((axis[own] - at) / pixel).astype(np.int32) for axis, at in ((y, shift[1]), (x, shift[0]))
        )
        return row, column

    nodes, last = np.zeros((NODES, 2)), np.zeros(2)
    node = np.minimum(frame.astype(np.int64) * NODES // frames, NODES - 1)
    for number in range(NODES):
        own = np.flatnonzero(node == number)
        held = sum_around(np.sqrt(total), *cells_of(own, last), (cells, cells), reach)
        row, column = np.unravel_index(held.argmax(), held.shape)
        if number and held.max() - held.mean() > 3 * held.std():
            last = last - pixel * np.array([column - reach, row - reach])
        nodes[number] = last
        total += np.bincount(_around(*cells_of(own, last), (cells, cells), 1).ravel(), minlength=len(total))
    return nodes


def sum_around(
    grid: NDArray[np.float32],
    row: NDArray[np.int32],
    column: NDArray[np.int32],
    shape: tuple[int, ...],
    reach: int,
) -> NDArray[np.float32]:
    """How much of a periodic grid lies under cells that are moved over it.

    Parameters
    ----------
    grid : (rows * columns,) float32
        Values.
    row, column : (n,) int32
        Cells.
    shape : (int, int)
        Rows and columns of the grid.
    reach : int
        Largest shift along either axis.

    Returns
    -------
    (2 * reach + 1, 2 * reach + 1) float32
        No shift in the middle.
    """
    total = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for start in range(0, len(row), 512):
        own = slice(start, start + 512)
        total += grid[_around(row[own], column[own], shape, reach)].sum(axis=0)
    return total


def _around(row: NDArray[np.int32], column: NDArray[np.int32], shape: tuple[int, ...], reach: int) -> NDArray[np.int32]:
    """(n, 2 * reach + 1, 2 * reach + 1) cells of a periodic grid around each of some cells."""
    away = np.arange(-reach, reach + 1, dtype=np.int32)
    rows, columns = ((axis[:, None] + away) % np.int32(n) for axis, n in zip((row, column), shape, strict=True))
    return rows[:, :, None] * np.int32(shape[1]) + columns[:, None, :]


def some_tiles(blocks: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]], least: int) -> NDArray[np.intp]:
    """Choose localizations: all in some tiles that are scattered over the field.

    Tiles and not single localizations are chosen, so that a localization keeps the others with which it can coincide.

    Parameters
    ----------
    blocks : iterable of ((n,) float32, (n,) float32)
        x and y, nm, of a few localizations at a time.
    least : int
        Localizations that the tiles hold at least.

    Returns
    -------
    (m,) intp
        Rows in the order of the blocks.
    """
    tiles = [_tiles(x, y) for x, y in blocks]
    # an order in which neighbours are far apart, the same in every run
    order = np.arange(4096) * 1021 % 4096
    held = np.cumsum(np.sum([np.bincount(tile, minlength=4096) for tile in tiles], axis=0)[order])
    taken = np.zeros(4096, bool)
    taken[order[: np.searchsorted(held, least) + 1]] = True
    return np.flatnonzero(np.concatenate([taken[tile] for tile in tiles]))


def _tiles(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.int16]:
    """Number of the tile of each localization, below 4096."""
    column, row = (np.floor(axis * np.float32(1 / PERIOD_NM)).astype(np.int32) for axis in (x, y))
    return ((column * 7919 + row * 104_729) & 4095).astype(np.int16)


def _spectra(
    x: NDArray[np.float32], y: NDArray[np.float32], frame: NDArray[Any], frames: int, cells: int, pixel: float
) -> NDArray[np.complex64]:
    """Transforms (nodes, cells, cells // 2 + 1) of the smoothed images of the stretches, without their mean."""
    image = np.zeros(NODES * cells * cells, np.float32)
    for start in range(0, len(x), BLOCK):
        own = slice(start, start + BLOCK)
        flat = (frame[own].astype(np.int64) * NODES // frames).astype(np.int32)
        for axis in (y, x):
            flat *= np.int32(cells)
            flat += (axis[own] * np.float32(1 / pixel)).astype(np.int32) % np.int32(cells)
        np.add.at(image, flat, np.float32(1))
    # the square root keeps a bead from outvoting the rest of the field
    np.sqrt(image, out=image)
    spectra = fft.rfft2(image.reshape(NODES, cells, cells), overwrite_x=True)
    spectra *= _band(cells, pixel)
    return spectra


@cache
def _band(cells: int, pixel: float) -> NDArray[np.float32]:
    """Difference of Gaussians, without low frequencies: those of the outline of the field are no help to a few nm."""
    squared = 2 * np.pi**2 * (fft.fftfreq(cells, pixel)[:, None] ** 2 + fft.rfftfreq(cells, pixel) ** 2)
    narrow = max(pixel / 2, 50.0)
    return (np.exp(-(narrow**2) * squared) - np.exp(-((5 * narrow) ** 2) * squared)).astype(np.float32)


def _from_pairs(spectra: NDArray[np.complex64], reach_nm: float, pixel: float) -> tuple[Array, float]:
    """Positions (stretches, 2), nm, that agree best with all pairs, and the median height of the peaks."""
    first, second = np.triu_indices(len(spectra), 1)
    pairs = [_correlations(spectra[i], spectra[i + 1 :], reach_nm, pixel) for i in range(len(spectra) - 1)]
    places, height = _peaks(np.concatenate(pairs))
    shifts = places * pixel
    rows = np.arange(len(first))
    design = np.zeros((len(first), len(spectra)))
    design[rows, first], design[rows, second] = -1, 1
    design = design[:, 1:]  # the first stays at 0
    trust = np.maximum(height - 3, 0.01)
    weight = trust
    for _ in range(8):
        weighted = design.T * weight**2
        positions = np.linalg.solve(weighted @ design, weighted @ shifts)
        apart = np.hypot(*(design @ positions - shifts).T)
        weight = trust / (1 + (apart / pixel) ** 2)
    return np.concatenate([np.zeros((1, 2)), positions]), float(np.median(height))


def _correlations(
    earlier: NDArray[np.complex64], later: NDArray[np.complex64], reach_nm: float, pixel: float
) -> NDArray[np.float32]:
    """Those (m, 2 * reach + 1, 2 * reach + 1) of one spectrum (cells, cells // 2 + 1) with m later ones, around 0."""
    cells = len(earlier)
    reach = min(int(reach_nm / pixel), cells // 2 - 2)
    middle = slice(cells // 2 - reach, cells // 2 + reach + 1)
    # alternating signs put shift 0 in the middle
    turned = earlier.conj() * _signs(cells)
    return fft.irfft2(turned * later, s=(cells, cells), overwrite_x=True)[:, middle, middle]


@cache
def _signs(cells: int) -> NDArray[np.float32]:
    """1 and -1 in turns, (cells, cells // 2 + 1): a shift of a transform's image by half its side."""
    return (1 - 2 * (np.add.outer(np.arange(cells), np.arange(cells // 2 + 1)) % 2)).astype(np.float32)


def _peaks(correlations: NDArray[np.float32]) -> tuple[Array, Array]:
    """Places (m, 2: x, y) of the maxima relative to the middle, cells, and their heights in standard deviations."""
    each, reach = np.arange(len(correlations)), correlations.shape[1] // 2
    flat = correlations.reshape(len(correlations), -1)
    highest = flat.argmax(axis=1)
    row, column = np.unravel_index(highest, correlations.shape[1:])
    mean = flat.mean(axis=1)
    spread = np.sqrt(np.maximum(np.einsum("ij,ij->i", flat, flat) / flat.shape[1] - mean**2, 1e-24))
    height = (flat[each, highest] - mean) / spread
    row, column = row.clip(1, 2 * reach - 1), column.clip(1, 2 * reach - 1)
    across = [correlations[each, row, column + k] for k in (-1, 0, 1)]
    along = [correlations[each, row + k, column] for k in (-1, 0, 1)]
    return np.stack([column - reach + _vertex(*across), row - reach + _vertex(*along)], axis=1), height


def _vertex(left: Array, middle: Array, right: Array) -> Array:
    """Of a correlation that still rises at its border, the border."""
    return parabola_vertex(left, middle, right, otherwise=np.sign(right - left))


def _at_nodes(positions: Array) -> Array:
    """Positions of stretches, at the middles of the nodes' shorter stretches; straight on beyond the first and last."""
    middle = (np.arange(len(positions)) + 0.5) / len(positions)
    node = (np.arange(NODES) + 0.5) / NODES
    inside = np.clip(node, middle[0], middle[-1])
    values = np.stack([np.interp(inside, middle, column) for column in positions.T], axis=1)
    ends = [(positions[1] - positions[0]) * len(positions), (positions[-1] - positions[-2]) * len(positions)]
    beyond = (node - inside)[:, None]
    return values + np.where(beyond < 0, beyond * ends[0], beyond * ends[1])


def _against_all(spectra: NDArray[np.complex64], nodes: Array, reach_nm: float, pixel: float) -> Array:
    """The nodes moved to the peak of their correlation with all others, where it is clear."""
    cells = spectra.shape[1]
    turns = nodes / pixel / cells
    ramp_x = np.exp(2j * np.pi * turns[:, :1] * np.arange(spectra.shape[2])).astype(np.complex64)
    ramp_y = np.exp(2j * np.pi * turns[:, 1:] * fft.fftfreq(cells, 1 / cells)).astype(np.complex64)
    aligned = spectra * ramp_y[:, :, None]
    aligned *= ramp_x[:, None, :]
    total = aligned.sum(axis=0)
    for each in aligned:
        each *= (total - each).conj()
    places, height = _peaks(_central(aligned, int(reach_nm / pixel)))
    return nodes + np.where((height > 3)[:, None], places * pixel, 0)


def _central(products: NDArray[np.complex64], reach: int) -> NDArray[np.float32]:
    """The correlations (m, 2 * reach + 1, 2 * reach + 1) around shift 0: of few, no need to transform all back."""
    cells, kept = products.shape[1:]
    lags = np.arange(-reach, reach + 1)
    rows = np.exp(2j * np.pi / cells * np.outer(lags, np.arange(cells))).astype(np.complex64) / np.float32(cells**2)
    turns = np.exp(2j * np.pi / cells * np.outer(np.arange(kept), lags))
    # the other half of the spectrum is the mirror image of this one, but for the first and the last column
    turns[1 : (cells + 1) // 2] *= 2
    columns = np.stack([turns.real, -turns.imag], axis=1).reshape(2 * kept, len(lags)).astype(np.float32)
    return (rows @ products).view(np.float32) @ columns
