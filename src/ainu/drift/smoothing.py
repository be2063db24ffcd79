"""How smooth a drift is, found from the data: penalised curves, chosen by cross-validation between two halves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg.lapack import dpbsv, dptsv

Array = NDArray[np.float64]
Strengths = Mapping[int, Array]
STRENGTHS: Strengths = {1: 10.0 ** np.arange(-1.5, 4.6, 1.5), 2: 10.0 ** np.arange(-0.5, 7.1, 1.5)}
"""Penalties tried, by order of the differences that are penalised, in units of the mean weight of a segment."""
FEW_STRENGTHS: Strengths = {1: np.array([1.0]), 2: np.array([1e1, 1e3, 1e5])}
"""Penalties for a path that is going to be refined."""


@dataclass(frozen=True)
class Estimate:
    """The drift as a method measured it.

    Attributes
    ----------
    shift : (frames, d) float64
        Relative to the first frame, nm.
    residual_nm : float, optional
        Root mean square error expected from the disagreement of two halves of the data.
    notes : dict
        Plain values, such as settings that were chosen; `why` says why no drift could be measured.
    """

    shift: Array
    residual_nm: float | None
    notes: dict[str, Any]


@dataclass(frozen=True)
class Smoothed:
    """Curves through noisy positions of segments.

    Attributes
    ----------
    curve : (k, d) float64
        Through both halves.
    halves : pair of (k, d) float64
        Through either half alone, equally smooth.
    order, strength : int, float
        The penalty that was chosen.
    jumps : (j,) int
        Segments before which the curve may jump.
    missed : float
        Mean square of the movement that the curve is too smooth to follow, nm².
    """

    curve: Array
    halves: tuple[Array, ...]
    order: int
    strength: float
    jumps: NDArray[np.intp]
    missed: float = 0.0

    @property
    def noise(self) -> float:
        """Root mean square noise of the curve, nm: half of the root mean square difference of the halves."""
        apart = self.halves[0] - self.halves[1]
        apart = apart - apart.mean(axis=0)
        return float(np.sqrt((apart**2).sum(axis=1).mean()) / 2)

    @property
    def residual(self) -> float:
        """Root mean square error of the curve, nm: its noise and what it is too smooth to follow."""
        return float(np.sqrt(self.noise**2 + self.missed))


def smooth_halves(positions: Array, weights: Array) -> Smoothed:
    """Fit a curve whose smoothness is chosen by cross-validation.

    Parameters
    ----------
    positions : (2, k, d) float64
        Positions of k segments as measured from two independent halves of the data, nm.
    weights : (2, k) float64
        Their weights (localizations); 0 where a half has none.

    Returns
    -------
    Smoothed

    Notes
    -----
    Whittaker smoothing (Eilers, Analytical Chemistry 75, 3631, 2003): squared first differences (a random walk) or
    second differences (a spline) are penalised. Order and strength are those with which the curve through either half
    predicts the other half best. Jumps are allowed where that improves the prediction.
    """
    smooth = _best(positions, weights, np.zeros(0, np.intp))
    jumps = _find_jumps(positions, weights)
    if not len(jumps):
        return smooth
    whole = np.where(near_jumps(jumps, weights.shape[1]), 0, weights)
    broken = _best(positions, whole, jumps)
    gain = _error(positions, whole, smooth.halves) - _error(positions, whole, broken.halves)
    gain += _gain_at(jumps, positions, weights, smooth.halves, broken.halves)
    return broken if gain > 0 else smooth


def smooth_roughly(positions: Array, weights: Array) -> Array:
    """Fit a curve for a path to be refined: few penalties, chosen by how well one half predicts the other.

    Parameters
    ----------
    positions : (2, k, d) float64
        As for `smooth_halves`, nm.
    weights : (2, k) float64
        As for `smooth_halves`.

    Returns
    -------
    (k, d) float64
        Positions on the curve, nm.
    """
    jumps = _find_jumps(positions, weights)
    whole = np.where(near_jumps(jumps, weights.shape[1]), 0, weights) if len(jumps) else weights
    moments = whole[..., None] * positions
    least, best = np.inf, None
    for broken in (jumps[:0], jumps) if len(jumps) else (jumps,):
        for _, _, penalty in _penalties(whole, broken, FEW_STRENGTHS):
            error = float((whole[1] @ (positions[1] - _fit(moments[0], whole[0], penalty)) ** 2).sum())
            if error < least:
                least, best = error, penalty
    assert best is not None
    return _fit(moments.sum(axis=0), whole.sum(axis=0), best)


def near_jumps(jumps: NDArray[np.intp], segments: int) -> NDArray[np.bool_]:
    """(segments,) bool: segments in which a jump may lie, two before to one after where it was found, (j,) int."""
    near = np.zeros(segments, bool)
    for away in range(-2, 2):
        near[jumps + away] = True
    return near


def _penalties(weights: Array, jumps: NDArray[np.intp], strengths: Strengths) -> Iterator[tuple[int, float, Array]]:
    """Order, strength and bands of each penalty, with a trace of the weights, so that the system is never singular."""
    unit = weights.sum() / weights.shape[1] / 2
    for order, choices in strengths.items():
        bands = _banded(weights.shape[1], order, tuple(jumps.tolist()))
        for strength in choices:
            penalty = strength * unit * bands
            penalty[-1] += 1e-6 * (unit + 1e-12)
            yield order, float(strength), penalty


def _best(positions: Array, weights: Array, jumps: NDArray[np.intp]) -> Smoothed:
    """The curve of the order and strength with which either half predicts the other best."""
    moments = weights[..., None] * positions
    least, best = np.inf, None
    worse = dict.fromkeys(STRENGTHS, 0)
    lowest = dict.fromkeys(STRENGTHS, np.inf)
    for order, strength, penalty in _penalties(weights, jumps, STRENGTHS):
        if worse[order] > 1:
            continue
        halves = tuple(_fit(moments[i], weights[i], penalty) for i in (0, 1))
        error = _error(positions, weights, halves)
        worse[order] = worse[order] + 1 if error > lowest[order] else 0
        lowest[order] = min(lowest[order], error)
        if error < least:
            least, best = error, (halves, order, strength, penalty)
    assert best is not None
    halves, order, strength, penalty = best
    curve = _fit(moments.sum(axis=0), weights.sum(axis=0), penalty)
    return Smoothed(curve, halves, order, strength, jumps, _missed(positions, weights, halves) + _within(curve, jumps))


def _within(curve: Array, jumps: NDArray[np.intp]) -> float:
    """Mean square of a random walk within segments, around the line between their middles, nm²."""
    bent = (np.diff(curve, 2, axis=0) ** 2).sum(axis=1)
    bent[np.clip(jumps[:, None] + np.arange(-3, 2), 0, len(bent) - 1).ravel()] = 0
    return float(bent.mean()) / 12 if len(bent) else 0.0


def _missed(positions: Array, weights: Array, halves: tuple[Array, ...]) -> float:
    """Mean square of a movement that both halves of the data see and their curves do not follow."""
    # Cross products of what the curves leave in the two halves: noise is independent, a movement is common. The curve
    # of the other half is subtracted, which knows nothing of the noise.
    left = [positions[i] - halves[1 - i] for i in (0, 1)]
    shared = weights[0] * weights[1] / np.maximum(weights.sum(axis=0), 1e-9)
    common = (left[0] * left[1]).sum(axis=1)
    return max(float(shared @ common / max(float(shared.sum()), 1e-9)), 0.0)


def _error(positions: Array, weights: Array, halves: tuple[Array, ...]) -> float:
    """Squared error with which the curve through either half predicts the other."""
    apart = positions - np.stack(halves[::-1])
    return float(np.einsum("ik,ikd,ikd", weights, apart, apart))


def _gain_at(
    jumps: NDArray[np.intp], positions: Array, weights: Array, smooth: tuple[Array, ...], broken: tuple[Array, ...]
) -> float:
    """By how much jumps reduce the prediction error of the segments around them."""
    # Each lies on one side of the jump or the other, but for the one in which it occurs; in a steep drift without a
    # jump they lie in between.
    near = jumps[:, None] + np.arange(-2, 2)
    sides = np.zeros((2, *near.shape))
    error = np.zeros(near.shape)
    for i in (0, 1):
        own, weight = positions[i][near], weights[i][near]
        error += weight * ((own - smooth[1 - i][near]) ** 2).sum(axis=2)
        for side, away in zip(sides, (-3, 2), strict=True):
            side += weight * ((own - broken[1 - i][jumps + away][:, None]) ** 2).sum(axis=2)
    sharp = sides.min(axis=0)
    kept = np.arange(4) != sharp.argmax(axis=1)[:, None]
    return float((error - sharp)[kept].sum())


def _fit(moments: Array, weights: Array, penalty: Array) -> Array:
    """The curve that minimises the weighted squared distance and a penalty; `moments` are weights times positions."""
    diagonal = penalty[-1] + weights
    if len(penalty) == 2:
        return dptsv(diagonal, penalty[0, 1:], moments, overwrite_d=True)[2]
    system = penalty.copy(order="F")
    system[-1] = diagonal
    return dpbsv(system, moments, overwrite_ab=True)[1]


@lru_cache(maxsize=16)
def _banded(segments: int, order: int, jumps: tuple[int, ...]) -> Array:
    """Upper bands of D' D for differences D of the order, without those across a jump."""
    coefficients = (-1.0, 1.0) if order == 1 else (1.0, -2.0, 1.0)
    penalty = np.ones(segments - order)
    for back in range(order):
        rows = np.array(jumps, np.intp) - 1 - back
        penalty[rows[(rows >= 0) & (rows < len(penalty))]] = 0
    bands = np.zeros((order + 1, segments), order="F")
    for i, first in enumerate(coefficients):
        for j in range(i, order + 1):
            bands[order - (j - i), j : j + len(penalty)] += first * coefficients[j] * penalty
    return bands


def _find_jumps(positions: Array, weights: Array, wide: int = 4, significance: float = 6.0) -> NDArray[np.intp]:
    """Segments before which the positions step by far more than their noise and than the drift around them."""
    total = weights.sum(axis=0)
    if len(total) < 4 * wide:
        return np.zeros(0, np.intp)
    shared = weights[0] * weights[1] / np.maximum(total, 1e-9)
    variance = (shared @ (positions[0] - positions[1]) ** 2) / max(int((shared > 0).sum()), 1)
    mass = np.maximum(_windows(total[:, None], wide), 1e-9)
    mean = _windows((weights[..., None] * positions).sum(axis=0), wide) / mass
    contrast = mean[wide:] - mean[:-wide]
    noise = variance * (1 / mass[wide:] + 1 / mass[:-wide])
    score = ((contrast - _steady_drift(contrast, wide)) ** 2 / np.maximum(noise, 1e-12)).sum(axis=1)
    if score.max() <= significance**2:
        return np.zeros(0, np.intp)
    highest = ndimage.maximum_filter1d(score, 2 * wide + 1, mode="nearest")
    return wide + np.flatnonzero((score > significance**2) & (score == highest))


def _windows(values: Array, wide: int) -> Array:
    """Sums of every `wide` values in a row."""
    total = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=total[1:])
    return total[wide:] - total[:-wide]


def _steady_drift(contrast: Array, wide: int) -> Array:
    """Contrast due to a steady drift: the smallest of those nearby, since another jump may raise some of them."""
    at, least = np.arange(len(contrast)), np.full_like(contrast, np.inf)
    for away in (-3, -2, 2, 3):
        nearby = np.take(contrast, at + wide * away, axis=0, mode="clip")
        np.copyto(least, nearby, where=np.abs(nearby) < np.abs(least))
    return least


def over_frames(found: Smoothed, edges: NDArray[np.intp], at: NDArray[np.intp]) -> Array:
    """The curve frame by frame, relative to the first: linear between the middles of segments, broken at jumps.

    Parameters
    ----------
    found : Smoothed
        Positions in the middle of the segments.
    edges : (k + 1,) int
        First frame of each segment, and the number of frames.
    at : (j,) int
        Frame of each of its jumps.

    Returns
    -------
    (frames, d) float64
        Shift, nm.
    """
    curve, middle = found.curve, (edges[:-1] + edges[1:] - 1) / 2
    ends = _towards(curve, middle, edges[0]), _towards(curve[::-1], middle[::-1], edges[-1] - 1)
    whole = ~near_jumps(found.jumps, len(curve))
    times = np.concatenate([[edges[0]], middle[whole], [edges[-1] - 1], at - 0.502, at - 0.5])
    values = np.concatenate([ends[0], curve[whole], ends[1], curve[found.jumps - 3], curve[found.jumps + 2]])
    order = np.argsort(times, kind="stable")
    frames = np.arange(edges[-1], dtype=np.float64)
    path = np.stack([np.interp(frames, times[order], column) for column in values[order].T])
    path -= path[:, :1]
    return path.T


def _towards(curve: Array, middle: Array, frame: float) -> Array:
    """(1, d) the line through the first two points, at a frame beyond them."""
    if len(curve) < 2:
        return curve[:1]
    slope = (curve[1] - curve[0]) / (middle[1] - middle[0])
    return (curve[0] + slope * (frame - middle[0]))[None]
