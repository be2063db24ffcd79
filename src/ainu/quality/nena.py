"""Localization precision measured from the data: distances between localizations of an emitter in successive frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, least_squares
from scipy.special import gammaincinv

from ainu.localizations.neighbours import nearest_in_frame
from ainu.localizations.table import Localizations

REACH_NM = 250.0
"""Largest distance that is used, far above the precision of single-molecule localizations."""

FEWEST_PAIRS = 200
"""Fewest distances for a fit."""

LARGEST_ERROR = 0.2
"""Relative standard error above which a fit is rejected."""

LEAST_GAIN = 12.5
"""By how much a component of repeated emitters must improve a fit, half of chi squared: five standard deviations."""

BINS = 100

CLEARLY = 1.2
"""How many times the limit chi squared on a grid of neighbours' distances has to be, so that no fit is needed."""

STEP = float(np.sqrt(np.finfo(float).eps))
"""Relative difference between parameters from which derivatives are taken."""


@dataclass(frozen=True)
class Precision:
    """Nearest-neighbour distances between successive frames, and the precision estimated from them.

    Attributes
    ----------
    sigma_nm : float or None
        Precision; None where too few emitters are localized in two successive frames.
    error_nm : float or None
        Its standard error.
    pairs : int
        Localizations with a neighbour in the next frame.
    edges : (k + 1,) float64
        Bins of the distances, nm.
    counts : (k,) int64
        Distances per bin.
    fitted : (k,) float64
        Distances per bin by the fit; empty without one.
    """

    sigma_nm: float | None
    error_nm: float | None
    pairs: int
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    fitted: NDArray[np.float64]


def repeated_localization(localizations: Localizations) -> Precision:
    """Precision from nearest neighbours in adjacent frames (NeNA).

    Parameters
    ----------
    localizations : Localizations
        Of one channel, corrected for drift, blinks not merged.

    Returns
    -------
    Precision
        `sigma_nm` is the standard deviation along one axis, that of the median localization. The table's own column
        of precision is not used.

    Notes
    -----
    Endesfelder et al., Histochemistry and Cell Biology 141, 629 (2014): the distances d between two localizations of
    one emitter are Rayleigh distributed, with a variance v per axis of twice the squared precision; those between
    different emitters add a Gaussian (structure) and a line (random). Here v is not a constant but follows an
    inverse gamma distribution, since photons vary from blink to blink, which gives
    p(d) = a d / b (1 + d² / (2 b))^-(a + 1), the Rayleigh distribution for large a; a constant v is 15 to 20 % too
    low on simulated blinks of exponentially distributed photons. Least squares on the histogram, each bin weighted by
    its Poisson noise, and again with bins up to twelve times the precision found.
    """
    distances = _distances(localizations)
    coarse = _fit(distances, REACH_NM)
    if coarse.sigma_nm is None:
        return coarse
    fine = _fit(distances, min(REACH_NM, 12 * coarse.sigma_nm))
    return coarse if fine.sigma_nm is None else fine


def _distances(localizations: Localizations) -> NDArray[np.float64]:
    """From each localization to the nearest one in the next frame, where there is one in reach."""
    if localizations.frame is None:
        return np.zeros(0)
    positions, frame = localizations.positions[:, :2], localizations.frame.astype(np.int64)
    _, distance = nearest_in_frame(positions, frame + 1, positions, frame, REACH_NM)
    return distance[np.isfinite(distance)]


def _fit(distances: NDArray[np.float64], reach_nm: float) -> Precision:
    counts, edges = np.histogram(distances, BINS, (0.0, reach_nm))
    bare = Precision(None, None, len(distances), edges, counts, np.zeros(0))
    if counts.sum() < FEWEST_PAIRS:
        return bare
    starts = [_initial_guess(counts, edges, share * reach_nm) for share in (0.02, 0.06, 0.15)]
    best = min((_least_squares(counts, edges, start) for start in starts), key=lambda fit: fit.cost)
    sigma, error = best.x[1], _error(best)
    if error > LARGEST_ERROR * sigma or not _improves(counts, edges, best):
        return bare
    fitted = _expected(best.x, (edges[:-1] + edges[1:]) / 2)
    return Precision(float(sigma), float(error), len(distances), edges, counts, fitted)


def _improves(counts: NDArray[np.int64], edges: NDArray[np.float64], best: OptimizeResult) -> bool:
    """Whether the best fit without repeated emitters, of neighbours and random pairs alone, is much worse."""
    most = best.cost + LEAST_GAIN
    if _least_cost_without(counts, edges) > CLEARLY * most:
        return True
    start = best.x * (np.arange(len(best.x)) > 0)
    return bool(_least_squares(counts, edges, start, most_pairs=1e-6).cost >= most)


def _least_cost_without(counts: NDArray[np.int64], edges: NDArray[np.float64]) -> float:
    """Half of the smallest chi squared without repeated emitters, over finer and finer grids of the neighbours."""
    reach = edges[-1]
    places, widths = np.geomspace(reach / 500, 4 * reach, 60), np.geomspace(reach / 250, 4 * reach, 40)
    least = np.inf
    for _ in range(3):
        costs = _costs_without(counts, edges, places, widths)
        row, column = np.unravel_index(costs.argmin(), costs.shape)
        least = min(least, float(costs[row, column]))
        places, widths = _around(places, row), _around(widths, column)
    return least


def _around(grid: NDArray[np.float64], at: np.intp) -> NDArray[np.float64]:
    """A finer grid from the point before to the one after."""
    step = grid[1] / grid[0]
    return grid[at] * np.geomspace(1 / step, step, 15)


def _costs_without(
    counts: NDArray[np.int64], edges: NDArray[np.float64], places: NDArray[np.float64], widths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(places, widths) half of chi squared of the best Gaussian of each place and width and a line, none negative."""
    middle, noise = (edges[:-1] + edges[1:]) / 2, np.sqrt(counts + 1)
    gauss = np.exp(-(((middle - places[:, None, None]) / widths[:, None]) ** 2) / 2) / noise
    line, data = middle / noise, counts / noise
    # The best are both free, or one of them is 0.
    gg, gl, ll = (gauss**2).sum(axis=-1), gauss @ line, float(line @ line)
    gd, ld = gauss @ data, float(line @ data)
    alone = np.maximum(np.maximum(gd, 0) ** 2 / np.maximum(gg, 1e-300), ld**2 / ll)
    apart, near, slope = gg * ll - gl**2, gd * ll - ld * gl, ld * gg - gd * gl
    both = (near * gd + slope * ld) / np.maximum(apart, 1e-300)
    both[(near < 0) | (slope < 0) | (apart < 1e-9 * gg * ll)] = 0
    return (data @ data - np.maximum(alone, both)) / 2


def _least_squares(
    counts: NDArray[np.int64], edges: NDArray[np.float64], start: NDArray[np.float64], most_pairs: float = np.inf
) -> OptimizeResult:
    middle, noise = (edges[:-1] + edges[1:]) / 2, np.sqrt(counts + 1)
    # Distances between emitters begin where those of one emitter end; else their component would take its tail.
    low = np.array([0, edges[-1] / 1000, 0, 4, 0.5, 0, 1.2])
    high = np.array([most_pairs, edges[-1] / 2, np.inf, 60, 60, np.inf, 50])

    def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return (_expected(parameters, middle) - counts) / noise

    return least_squares(
        residuals,
        np.clip(start, low, high),
        partial(_derivatives, residuals, high),
        bounds=(low, high),
        x_scale=start + 1,
        max_nfev=60,
    )


def _derivatives(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    high: NDArray[np.float64],
    parameters: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(bins, parameters) derivatives of a function of (parameters, ..., 1), all from one call."""
    step = STEP * np.maximum(1, np.abs(parameters))
    changed = parameters + np.diag(np.where(parameters + step > high, -step, step))
    values = function(np.vstack([parameters, changed]).T[..., None])
    return ((values[1:] - values[0]) / (np.diag(changed) - parameters)[:, None]).T


def _error(fit: OptimizeResult) -> float:
    """Standard error of the precision; the residuals have variance 1. A parameter at a bound is taken as known."""
    free = fit.active_mask == 0
    variance = np.diag(np.linalg.pinv(fit.jac[:, free].T @ fit.jac[:, free]))
    return float(np.sqrt(max(variance[1], 0))) if free[:2].all() else np.inf


def _expected(parameters: NDArray[np.float64], d: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., bins) distances per bin by the model, of (7, ...) parameters."""
    # Pairs of one emitter, precision, pairs of neighbours, their distance and its spread (both in precisions), slope of
    # the random pairs, shape of the distribution of variances.
    same, sigma, near, centre, spread, slope, shape = parameters
    scale = 2 * sigma**2 * gammaincinv(shape, 0.5)
    one = shape * d / scale * (1 + d**2 / (2 * scale)) ** -(shape + 1)
    gauss = np.exp(-((d / sigma - centre) ** 2) / (2 * spread**2)) / (np.sqrt(2 * np.pi) * spread * sigma)
    return (d[1] - d[0]) * (same * one + near * gauss) + slope * d


def _initial_guess(counts: NDArray[np.int64], edges: NDArray[np.float64], sigma_nm: float) -> NDArray[np.float64]:
    """Parameters to start from: the end of the histogram is random, the excess near 0 are pairs of one emitter."""
    middle = (edges[:-1] + edges[1:]) / 2
    slope = max(float(counts[-20:].mean() / middle[-20:].mean()), 1e-6)
    excess = np.maximum(counts - slope * middle, 0)
    same = max(float(excess[middle < 5 * sigma_nm].sum()), 1.0)
    near = max(float(excess.sum()) - same, 1.0)
    return np.array([same, sigma_nm, near, 7.0, 3.0, slope, 3.0])
