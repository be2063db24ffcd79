"""How often localizations of different times lie in one place, and whether a correction makes that more frequent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

Array = NDArray[np.float64]
BLOCKS = 24
"""Stretches of time; pairs of one or of two neighbouring stretches do not count."""
WIDER = 4
"""The density around a place is that of a cell as many times as wide."""
MOST = 20_000
"""Localizations that are counted at most."""
FEW = 12.0
"""Places below which their scatter says little."""
HIGHEST_OF_FEW = 8.0
_ROWS = 1 << 17


@dataclass(frozen=True)
class Gain:
    """By how much a correction changes the coincidences.

    Attributes
    ----------
    change : (n,) float64
        Change of the excess of coincidences of each localization.
    held : (n,) float64
        Coincidences of each localization, with and without the correction.
    place : (n,) int64
        Number of the part of the field in which it lies.
    block : (n,) int64
        Stretch of time.
    """

    change: Array
    held: Array
    place: NDArray[np.int64]
    block: NDArray[np.int64]

    def __add__(self, other: Gain) -> Gain:
        parts = ((getattr(self, name), getattr(other, name)) for name in ("change", "held", "place", "block"))
        return Gain(*(np.concatenate(pair) for pair in parts))

    @property
    def score(self) -> float:
        """Standard deviations by which the change differs from 0, from its scatter over the places.

        However many localizations a place holds (a bead, a long blink), it is one witness. Few places (beads in an
        empty field) count by their scatter over time, if all of them agree.
        """
        change = _sums(self.place, self.change, self.held)
        score, places, agreeing = _student(change)
        if len(change) >= 2 and places < FEW and agreeing:
            over_time = _student(_sums(self.place * 32 + self.block, self.change, self.held))[0]
            return max(score, min(over_time, HIGHEST_OF_FEW), key=abs)
        return score


def _sums(group: NDArray[np.int64], change: Array, held: Array) -> Array:
    """(k,) change of each group, in units of the square root of its coincidences; groups without any are left out."""
    where = np.unique(group, return_inverse=True)[1]
    total = np.bincount(where, held)
    return np.bincount(where, change)[total > 0] / np.sqrt(total[total > 0] + 1)


def _student(change: Array) -> tuple[float, float, bool]:
    """Student's t of changes (k,) as a normal deviate, the effective number of them, whether all large ones agree."""
    square = float((change**2).sum())
    if square <= 0:
        return 0.0, 0.0, False
    places = square**2 / float((change**4).sum())
    ratio = float(change.sum() ** 2) / square
    against = float((change[change * change.sum() < 0] ** 2).sum())
    if places < 2:
        return 0.0, places, against < 0.01 * square
    t = np.sqrt(ratio * (places - 1) / max(places - ratio, 1e-3 * places))
    score = float(min(-ndtri(max(stdtr(places - 1, -t), 1e-300)), 30.0))
    return score * float(np.sign(change.sum())), places, against < 0.01 * square


def gain_of(
    before: Sequence[Array],
    after: Sequence[Array],
    block: NDArray[np.int64],
    place: NDArray[np.int64],
    sides_nm: Sequence[float],
    wider: Sequence[bool],
) -> Gain:
    """How the coincidences change from one set of positions to another.

    Parameters
    ----------
    before, after : 2 or 3 of (n,) float64
        Positions along each axis, nm.
    block : (n,) int64
        Stretch of time, from 0 to `BLOCKS` - 1.
    place : (n,) int64
        Part of the field.
    sides_nm : sequence of float
        Sides of a cell along each axis.
    wider : sequence of bool
        Axes along which the density around a cell is taken.

    Returns
    -------
    Gain
    """
    (low, held), (high, more) = (_excess(axes, block, sides_nm, wider) for axes in (before, after))
    return Gain(high - low, held + more, place, block)


def _excess(
    axes: Sequence[Array], block: NDArray[np.int64], sides_nm: Sequence[float], wider: Sequence[bool]
) -> tuple[Array, Array]:
    """Coincidences of each localization above what the density around it gives, and the coincidences themselves."""
    around = [side * (WIDER if wide else 1) for side, wide in zip(sides_nm, wider, strict=True)]
    chance = 1 / WIDER ** sum(wider)
    excess, held = np.zeros(len(block)), np.zeros(len(block))
    for offset in (0.0, 0.5):
        near = _partners(axes, block, sides_nm, offset)
        excess += (near - chance * _partners(axes, block, around, offset)) / 4
        held += near / 4
    return excess, held


def _partners(axes: Sequence[Array], block: NDArray[np.int64], sides_nm: Sequence[float], offset: float) -> Array:
    """How often the cell of each localization is seen in stretches of time that are not its own or next to it.

    Returns
    -------
    (n,) float64
        Told of the first localization of a cell and stretch, 0 for the others.
    """
    # One sort of numbers that hold the cell (which repeats far away), the stretch and the row.
    bits = 16 if len(axes) == 2 else 13
    key = np.zeros(len(block), np.int64)
    for axis, side in zip(axes, sides_nm, strict=True):
        key = (key << bits) + (np.floor(axis / side + offset).astype(np.int64) & ((1 << bits) - 1))
    key = np.sort(((key << 5) + block) * _ROWS + np.arange(len(key)))
    row, key = key & (_ROWS - 1), key >> 17
    new = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    held = np.diff(np.append(new, len(key))).astype(np.float64)
    key, row = key[new], row[new]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(key >> 5)) + 1])
    others = np.repeat(np.add.reduceat(held, edges), np.diff(np.append(edges, len(key)))) - held
    # fewer than 32 stretches in 5 bits: the last of a cell and the first of the next are never neighbours
    next_to = key[1:] == key[:-1] + 1
    others[1:] -= next_to * held[:-1]
    others[:-1] -= next_to * held[1:]
    partners = np.zeros(len(block))
    partners[row] = held * others
    return partners


def thinned(place: NDArray[np.int64], block: NDArray[np.int64], least: int = 8) -> NDArray[np.intp]:
    """Choose rows so that no place holds far more than is usual in a stretch of time: fewer of a bead.

    How many are kept depends on the place as a whole, not on where in it they lie: nothing is gained by spreading.

    Parameters
    ----------
    place, block : (n,) int64
        Part of the field and stretch of time of each row.
    least : int
        So many are kept in any case.

    Returns
    -------
    (m,) intp
        Rows, in order.
    """
    order = np.lexsort((block, place))
    new = np.concatenate([[True], (np.diff(place[order]) != 0) | (np.diff(block[order]) != 0)])
    starts = np.flatnonzero(new)
    held = np.diff(np.append(starts, len(order)))
    most = max(least, 4 * int(np.median(held)))
    step = np.repeat(-(-held // most), held)
    within = np.arange(len(order)) - np.repeat(starts, held)
    return np.sort(order[within % step == 0])


def stretches_of_time(rank: NDArray[np.integer]) -> NDArray[np.int64]:
    """(n,) which of `BLOCKS` stretches, of as many localizations each, the frame (n,) of a localization lies in."""
    ordered = np.sort(rank)
    edges = ordered[(np.arange(1, BLOCKS) * len(ordered)) // BLOCKS]
    return np.searchsorted(edges, rank, side="right").astype(np.int64)
