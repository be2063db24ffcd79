"""Drift by redundant cross-correlation of images of stretches of time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse
from scipy.interpolate import CubicSpline
from scipy.sparse.csgraph import connected_components

from ainu.drift.initial_guess import guess_path
from ainu.drift.smoothing import Estimate
from ainu.localizations.correlation_peak import parabola_vertex
from ainu.localizations.table import Localizations


def cross_correlate(localizations: Localizations, segment_frames: int, pixel_nm: float) -> Estimate:
    """Measure the drift by redundant cross-correlation of all pairs of segments.

    Parameters
    ----------
    localizations : Localizations
        With frames.
    segment_frames : int
        Frames per segment, about: all are equally long.
    pixel_nm : float
        Pixel of the images that are correlated.

    Returns
    -------
    Estimate
        With the number of segments and the root mean square disagreement of the pairs (nm) in `notes`. The residual
        is that of two halves of the field, a checkerboard, or that of the pairs; it does not include movement within a
        segment, which is the same in both.

    Notes
    -----
    Wang et al., Optics Express 22, 15982 (2014): shifts of all pairs by least squares, pairs that disagree by more
    than a threshold left out, then interpolated over the frames. The images of the halves are correlated separately
    and the correlations added; only the correlation of one half with the other, which is chance, is left out.
    """
    frames = localizations.n_frames
    segments = max(round(frames / segment_frames), 1)
    edges = np.linspace(0, frames, segments + 1).round().astype(np.intp)
    if segments < 2:
        notes = {"why": f"{frames} frames are fewer than two segments of {segment_frames}", "segments": segments}
        return Estimate(np.zeros((frames, 2)), None, notes)
    spectra, lag_nm = _segment_spectra(localizations, edges, pixel_nm)
    pairs = np.stack(np.triu_indices(segments, 1), axis=1)
    joint, *halves = (_solve_pairs(pairs, shifts, segments, 5 * pixel_nm) for shifts in _shifts(spectra, pairs, lag_nm))
    positions, kept, disagreement = joint
    apart = halves[0][0] - halves[1][0]
    noise = float(np.sqrt(((apart - apart.mean(axis=0)) ** 2).sum(axis=1).mean()) / 2)
    residual = max(noise, disagreement / np.sqrt(segments / 2))
    shift = _interpolate((edges[:-1] + edges[1:] - 1) / 2, positions, frames)
    notes = {"segments": segments, "pairs": len(pairs), "pairs_used": int(kept.sum()), "disagreement_nm": disagreement}
    return Estimate(shift, residual, notes)


def _segment_spectra(
    localizations: Localizations, edges: NDArray[Any], pixel_nm: float
) -> tuple[NDArray[np.complex64], tuple[float, float]]:
    """Spectra (segments, 2 halves, Y, X) of the smoothed images, and the pixel (y, x) of their correlations."""
    # Images are padded so that shifts do not wrap around. Frequencies that the smoothing reduces to less than a
    # fiftieth are left out, so that the correlations have fewer, larger pixels.
    column, row = (((axis - axis.min()) / pixel_nm).astype(np.intp) for axis in (localizations.x, localizations.y))
    shape = tuple(fft.next_fast_len(int(n.max()) + 65, real=True) for n in (row, column))
    flat = (_halves(localizations) * shape[0] + row) * shape[1] + column
    assert localizations.frame is not None
    order = np.argsort(localizations.frame, kind="stable")
    bounds = np.searchsorted(localizations.frame[order], edges)
    rows, columns = (fft.next_fast_len(int(0.625 * n), real=True) // 2 * 2 for n in shape)
    taken = np.r_[0 : rows // 2, shape[0] - rows // 2 : shape[0]]
    gain = _gaussian(shape)[taken, : columns // 2 + 1]
    spectra = np.empty((len(edges) - 1, 2, *gain.shape), np.complex64)
    for segment, (start, stop) in enumerate(pairwise(bounds)):
        count = np.bincount(flat[order[start:stop]], minlength=2 * shape[0] * shape[1]).reshape(2, *shape)
        image = np.minimum(count, 5).astype(np.float32)
        spectra[segment] = fft.rfft2(image, overwrite_x=True)[:, taken, : columns // 2 + 1] * gain
    return spectra, (pixel_nm * shape[0] / rows, pixel_nm * shape[1] / columns)


def _halves(localizations: Localizations, tile_nm: float = 2000.0) -> NDArray[np.intp]:
    """0 or 1 by tile of a checkerboard that moves with the field, so that an emitter stays in its half."""
    assert localizations.frame is not None
    path = guess_path(localizations.x, localizations.y, localizations.frame, localizations.n_frames)
    tile = np.floor((localizations.positions[:, :2] - path[localizations.frame]) / tile_nm).astype(np.intp)
    return tile.sum(axis=1) & 1


def _gaussian(shape: tuple[int, ...], sigma: float = 1.0) -> NDArray[np.float32]:
    """Transform of a Gaussian, sigma in pixels, without the mean."""
    squared = fft.fftfreq(shape[0])[:, None] ** 2 + fft.rfftfreq(shape[1]) ** 2
    gain = np.exp(-2 * (np.pi * sigma) ** 2 * squared).astype(np.float32)
    gain[0, 0] = 0
    return gain


def _shifts(
    spectra: NDArray[np.complex64], pairs: NDArray[np.intp], lag_nm: tuple[float, float], reach_nm: float = 1500.0
) -> NDArray[np.float64]:
    """(3, m, 2) shift in x and y, nm, from the first to the second of each pair: of the whole field and its halves."""
    reach = [int(reach_nm / lag) for lag in lag_nm]
    halves = np.stack([_central(spectra[i].conj() * spectra[j], reach) for i, j in pairs], axis=1)
    return np.stack([_peaks(correlations) for correlations in (halves.sum(axis=0), *halves)]) * lag_nm[::-1]


def _central(products: NDArray[np.complex64], reach: list[int]) -> NDArray[np.float32]:
    """The correlations (2, Y, X) around shift 0, (2 * reach + 1) or fewer pixels wide; the others are not computed."""
    rows, columns = products.shape[1], 2 * (products.shape[2] - 1)
    lags = [np.arange(-r, r + 1) for r in (min(reach[0], rows // 2 - 1), min(reach[1], columns // 2 - 1))]
    lines = fft.ifft(products, axis=1, overwrite_x=True)[:, lags[0]]
    return fft.irfft(lines, columns, axis=2, overwrite_x=True)[..., lags[1]]


def _peaks(correlations: NDArray[np.float32]) -> NDArray[np.float64]:
    """Places (m, 2: x, y) of the maxima relative to the middle, by a parabola through their neighbours' logarithms."""
    each, shape = np.arange(len(correlations)), np.array(correlations.shape[1:])
    flat = correlations.reshape(len(correlations), -1)
    highest = flat.argmax(axis=1)
    place = np.stack(np.unravel_index(highest, tuple(shape))).clip(1, shape[:, None] - 2)
    least = 1e-6 * flat[each, highest]
    vertices = []
    for step in np.eye(2, dtype=int)[:, :, None]:
        around = [correlations[each, *(place + k * step)] for k in (-1, 0, 1)]
        vertices.append(parabola_vertex(*(np.log(np.maximum(values, least)).astype(np.float64) for values in around)))
    return (place + vertices - shape[:, None] // 2)[::-1].T


def _solve_pairs(
    pairs: NDArray[np.intp], shifts: NDArray[np.float64], segments: int, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_], float]:
    """Positions (segments, 2) that agree best with the shifts; pairs off by more than `tolerance` nm are left out."""
    design = np.zeros((len(pairs), segments))
    design[np.arange(len(pairs)), pairs[:, 0]] = -1
    design[np.arange(len(pairs)), pairs[:, 1]] = 1
    design = design[:, 1:]  # the first stays at 0
    kept = np.ones(len(pairs), bool)
    while True:
        positions = np.linalg.solve(design[kept].T @ design[kept], design[kept].T @ shifts[kept])
        error = np.hypot(*(design @ positions - shifts).T)
        worst = int(np.argmax(np.where(kept, error, -1)))
        kept[worst] = False
        if error[worst] <= tolerance or not _connected(pairs[kept], segments):
            kept[worst] = True
            break
    return np.vstack([np.zeros(2), positions]), kept, float(np.sqrt(np.mean(error[kept] ** 2)))


def _connected(pairs: NDArray[np.intp], segments: int) -> bool:
    graph = sparse.coo_array((np.ones(len(pairs)), pairs.T), (segments, segments))
    return connected_components(graph, directed=False)[0] == 1


def _interpolate(centres: NDArray[Any], positions: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """(frames, 2) shift relative to frame 0, through the segments' positions at their middle frames."""
    curve = CubicSpline(centres, positions, bc_type="natural") if len(centres) > 2 else None
    t = np.arange(frames)
    inside = np.clip(t, centres[0], centres[-1])
    if curve is None:
        line = np.stack([np.interp(inside, centres, column) for column in positions.T], axis=1)
        slope = np.repeat((positions[1:] - positions[:-1]) / (centres[1] - centres[0]), 2, axis=0)
    else:
        line, slope = curve(inside), curve(centres[[0, -1]], 1)
    line += np.where((t < centres[0])[:, None], (t - inside)[:, None] * slope[0], (t - inside)[:, None] * slope[-1])
    return line - line[0]
