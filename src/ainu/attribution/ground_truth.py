"""Attribution of simulated nuclei compared with the ground truth of the simulation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ainu.attribution.maps import read_maps
from ainu.images.dataset import Dataset, voxel_centres
from ainu.simulation.shapes import Ellipse
from ainu.simulation.truth import read_truth

RESOLUTION = 0.5
"""Standard deviation of the smoothing before the pointing game, in radii of the smallest nucleolus."""


def planted_masks(dataset: Dataset, index: int, path: str | Path) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks of the simulated nucleoli of a nucleus and of the rest of that nucleus, on its canvas.

    Parameters
    ----------
    dataset : Dataset
        With the nucleus.
    index : int
        Row of the nucleus.
    path : path
        The simulated truth of its sample.

    Returns
    -------
    (Y, X) bool
        The nucleoli.
    (Y, X) bool
        The rest of the nucleus.
    """
    truth = read_truth(path, str(dataset.sample[index]))
    x, y = voxel_centres(dataset, index)
    own = _nearest(truth.nuclei, float(x.mean()), float(y.mean()))
    inside = truth.nuclei[own].radius(x, y) < 1
    nucleoli = np.zeros_like(inside)
    for nucleolus in truth.nucleoli[own]:
        nucleoli |= nucleolus.radius(x, y) < 1
    return nucleoli & inside, inside & ~nucleoli


def _nearest(nuclei: tuple[Ellipse, ...], x: float, y: float) -> int:
    """Index of the nucleus whose centre is nearest."""
    return int(np.argmin([np.hypot(nucleus.x - x, nucleus.y - y) for nucleus in nuclei]))


def compare(dataset: Dataset, maps: str | Path, truth: str | Path) -> dict[str, Any]:
    """How well attribution finds the planted cause.

    The cause is planted where the first channel is denser in the nucleoli than in the rest of the nucleus, and only a
    nucleus that has it can be explained by it; in the others there are no localizations to point at. Evidence is the
    positive part of a map: evidence for the class. (The negative part is evidence for other classes and points away
    from the cause.)

    Parameters
    ----------
    dataset : Dataset
        Of simulated nuclei.
    maps : path
        Of `maps.write_maps`.
    truth : path
        Of `simulation.truth.write_truth`.

    Returns
    -------
    dict
        `nuclei`: how many have the cause; `resolution_nm`. Over these, per method: `enrichment`, per channel, evidence
        per area inside the nucleoli over that in the rest of the nucleus; `share`: of the evidence in all channels, the
        part that lies inside; `pointing_game`: how often the place of most evidence, in all channels together and at
        the resolution of a nucleolus (a Gaussian of half its smallest radius), lies inside (Zhang et al., 2018);
        `pointing_game_voxel`: the same by single voxels; `rank_accuracy`: the share of the highest voxels, as many as
        are planted, that lie inside (Arras et al., 2022); `enrichment_absolute`: of absolute values in place of
        evidence; `enrichment_per_class`: over all nuclei of a class, with the cause or without.
    """
    masks = [planted_masks(dataset, index, truth) for index in range(len(dataset))]
    with_cause = np.array([_has_cause(image[0], *mask) for image, mask in zip(dataset.image, masks, strict=True)])
    sigma = RESOLUTION * _least_radius(dataset, truth) / dataset.voxel_size_nm
    found: dict[str, Any] = {"nuclei": int(with_cause.sum()), "resolution_nm": sigma * dataset.voxel_size_nm}
    found |= {key: {} for key in ("enrichment", "enrichment_absolute", "enrichment_per_class", *GAMES)}
    for method, values in read_maps(maps).items():
        planes = _flat(values)
        evidence = np.maximum(planes, 0)
        found["enrichment"][method] = _enrichment(evidence, masks, with_cause, dataset.channels)
        found["enrichment_absolute"][method] = _enrichment(np.abs(planes), masks, with_cause, dataset.channels)
        found["enrichment_per_class"][method] = {
            str(label): _enrichment(evidence, masks, dataset.label == label, dataset.channels)
            for label in np.unique(dataset.label)
        }
        for key, game in GAMES.items():
            rows = [game(evidence[i].sum(axis=0), *masks[i], sigma) for i in np.flatnonzero(with_cause)]
            found[key][method] = float(np.mean(rows)) if rows else None
    return found


def _least_radius(dataset: Dataset, path: str | Path) -> float:
    """Smallest semi-axis of the nucleoli of all nuclei, nm."""
    truths = [read_truth(path, sample) for sample in np.unique(dataset.sample)]
    return min(region.b for truth in truths for nucleoli in truth.nucleoli for region in nucleoli)


def _has_cause(image: NDArray[Any], inside: NDArray[np.bool_], rest: NDArray[np.bool_]) -> bool:
    """Whether the (Y, X) or (Z, Y, X) image is denser in the planted region than in the rest of the nucleus."""
    flat = _flat(image[None, None])[0, 0]
    return bool(inside.any() and rest.any() and flat[inside].mean() > flat[rest].mean())


def _flat(maps: NDArray[Any]) -> NDArray[Any]:
    """(N, C, Y, X): stacks are summed along z."""
    return maps.sum(axis=2) if maps.ndim == 5 else maps


def pointing(evidence: NDArray[np.float32], inside: NDArray[np.bool_], _rest: NDArray[np.bool_], sigma: float) -> float:
    """Whether the place of most evidence lies in a region.

    Parameters
    ----------
    evidence : (Y, X) float32
        Attribution.
    inside : (Y, X) bool
        The region.
    _rest : (Y, X) bool
        The rest of the nucleus; not used.
    sigma : float
        Standard deviation of the Gaussian that smooths the evidence, voxels; 0 for none.

    Returns
    -------
    float
        1 or 0.
    """
    smooth = gaussian_filter(evidence.astype(np.float64), sigma) if sigma else evidence
    return float(inside.ravel()[smooth.argmax()])


def _pointing_voxel(evidence: Any, inside: Any, rest: Any, _sigma: float) -> float:
    return pointing(evidence, inside, rest, 0.0)


def _share(evidence: NDArray[np.float32], inside: NDArray[np.bool_], rest: NDArray[np.bool_], _sigma: float) -> float:
    total = float(evidence[inside | rest].sum())
    return float(evidence[inside].sum()) / total if total > 0 else 0.0


def rank_accuracy(
    evidence: NDArray[np.float32], inside: NDArray[np.bool_], _rest: NDArray[np.bool_], _sigma: float
) -> float:
    """Share of the highest voxels, as many as are planted, that lie in the planted region.

    Parameters
    ----------
    evidence : (Y, X) float32
        Attribution.
    inside : (Y, X) bool
        The planted region.
    _rest : (Y, X) bool
        The rest of the nucleus; not used.
    _sigma : float
        Smoothing, voxels; not used.

    Returns
    -------
    float
        0 to 1; 0 where nothing is planted.
    """
    n = int(inside.sum())
    highest = np.argsort(evidence, axis=None, kind="stable")[-n:]
    return float(inside.ravel()[highest].mean()) if n else 0.0


GAMES: dict[str, Callable[..., float]] = {
    "pointing_game": pointing,
    "pointing_game_voxel": _pointing_voxel,
    "share": _share,
    "rank_accuracy": rank_accuracy,
}


def _enrichment(
    strength: NDArray[np.float32],
    masks: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]],
    rows: NDArray[np.bool_],
    channels: tuple[str, ...],
) -> dict[str, float | None]:
    """Per channel, strength per area inside over that in the rest, of these nuclei together."""
    chosen = np.flatnonzero(rows)
    if not len(chosen):
        return dict.fromkeys(channels)
    means = np.mean([_densities(strength[i], *masks[i]) for i in chosen], axis=0)
    return {name: float(a / b) if b > 0 else None for name, (a, b) in zip(channels, means, strict=True)}


def _densities(strength: NDArray[np.float32], inside: NDArray[np.bool_], rest: NDArray[np.bool_]) -> list[list[float]]:
    """Per channel the mean strength inside and in the rest."""
    return [[float(plane[mask].mean()) if mask.any() else 0.0 for mask in (inside, rest)] for plane in strength]
