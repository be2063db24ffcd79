"""Parts of a nucleus (nucleoli, rim, interior), and how much of the attribution lies in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ainu.attribution.settings import NucleoliSettings
from ainu.evaluation.bootstrap import interval
from ainu.nuclei.discs import closed, opened

Mask = NDArray[np.bool_]

NAMES = ("nucleoli", "rim", "interior")
COARSE_NM = 100.0
"""Compartments are shapes of micrometres: finer voxels are summed to pixels of up to this before these are sought."""
OUTLINE_SMOOTH_NM = 300.0
OUTLINE_SHARE = 0.5
"""The nucleus is where the smoothed localizations are at least this share of their median."""
OUTLINE_GAP_NM = 1000.0
"""Narrower bays of the outline belong to the nucleus: chromatin has gaps."""
EDGE_NM = 500.0
"""Nucleoli lie no closer to the edge of the nucleus, where the density falls anyway."""
FLIPS = 999
BOOTSTRAPS = 999
LEAST_REPLICATES = 6
"""With fewer, there are too few ways to flip the signs of replicates, and those of nuclei are flipped instead."""


def find_compartments(
    image: NDArray[Any],
    channels: Sequence[str],
    voxel_nm: float,
    nucleoli: NucleoliSettings,
    rim_nm: float,
) -> dict[str, Mask]:
    """Compartments of one nucleus, disjoint, together the nucleus.

    Parameters
    ----------
    image : (C, Y, X) or (C, Z, Y, X)
        Localizations per voxel; a stack is summed along z.
    channels : sequence of C str
        Names of the channels.
    voxel_nm : float
        Edge of a voxel in the plane, nm.
    nucleoli : NucleoliSettings
        How nucleoli are recognised.
    rim_nm : float
        What lies closer to the outline, and in no nucleolus, is the rim, nm.

    Returns
    -------
    dict
        (Y, X) bool masks "nucleoli", "rim" and "interior".
    """
    counts = image.sum(axis=1) if image.ndim == 4 else image
    factor = max(1, int(COARSE_NM / voxel_nm + 1e-6))
    found = _find_coarse(_summed(counts, factor), channels, voxel_nm * factor, nucleoli, rim_nm)
    height, width = counts.shape[1:]
    return {
        name: np.repeat(np.repeat(mask, factor, axis=0), factor, axis=1)[:height, :width]
        for name, mask in found.items()
    }


def _summed(counts: NDArray[Any], factor: int) -> NDArray[np.float64]:
    """(C, Y, X) counts in blocks of factor x factor; the last ones of a row or column may lack some."""
    channels, height, width = counts.shape
    padded = np.pad(counts.astype(np.float64), ((0, 0), (0, -height % factor), (0, -width % factor)))
    return padded.reshape(channels, -(-height // factor), factor, -(-width // factor), factor).sum(axis=(2, 4))


def _find_coarse(
    counts: NDArray[np.float64], channels: Sequence[str], pixel_nm: float, nucleoli: NucleoliSettings, rim_nm: float
) -> dict[str, Mask]:
    nucleus = outline(counts.sum(axis=0), pixel_nm)
    depth = ndimage.distance_transform_edt(nucleus) * pixel_nm
    plane = counts[list(channels).index(nucleoli.channel) if nucleoli.channel else -1]
    inside = _find_nucleoli(plane, nucleus, depth, pixel_nm, nucleoli)
    rim = nucleus & ~inside & (depth <= rim_nm)
    return {"nucleoli": inside, "rim": rim, "interior": nucleus & ~inside & ~rim}


def outline(counts: NDArray[np.float64], voxel_nm: float) -> Mask:
    """(Y, X) mask of the nucleus: the largest region where (Y, X) counts of localizations are dense, without holes."""
    smooth = ndimage.gaussian_filter(counts, OUTLINE_SMOOTH_NM / voxel_nm)
    if not smooth.max() > 0:
        return np.zeros(counts.shape, bool)
    filled = smooth > OUTLINE_SHARE * np.median(smooth[smooth > 0.1 * smooth.max()])
    whole = ndimage.binary_fill_holes(closed(filled, OUTLINE_GAP_NM / voxel_nm))
    parts, count = ndimage.label(whole)
    return parts == 1 + int(np.argmax(ndimage.sum(whole, parts, range(1, count + 1))))


def _find_nucleoli(
    counts: NDArray[np.float64], nucleus: Mask, depth: NDArray[np.float64], voxel_nm: float, settings: NucleoliSettings
) -> Mask:
    """(Y, X) places of deviating density, wide and large enough, each with its convex hull: nucleoli are round."""
    from skimage.morphology import convex_hull_image

    inner = nucleus & (depth > EDGE_NM)
    sigma = settings.smooth_nm / voxel_nm
    share = ndimage.gaussian_filter(nucleus.astype(np.float64), sigma)
    density = ndimage.gaussian_filter(counts * nucleus, sigma) / np.maximum(share, 1e-6)
    typical = float(np.median(density[inner])) if inner.any() else 0.0
    if settings.look == "poor":
        deviating = inner & (density < settings.contrast * typical)
    else:
        deviating = inner & (density > typical / settings.contrast)
    parts, _ = ndimage.label(opened(deviating, settings.radius_nm / voxel_nm))
    found = np.zeros_like(nucleus)
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        own = parts[box] == number
        if own.sum() * (voxel_nm / 1000) ** 2 >= settings.area_um2:
            found[box] |= convex_hull_image(own)
    return found & nucleus


def densities(evidence: NDArray[np.floating], masks: Mapping[str, Mask]) -> NDArray[np.float64]:
    """Density of evidence in each compartment and in the rest of the nucleus.

    Parameters
    ----------
    evidence : (C, Y, X) float
        Of one nucleus.
    masks : mapping of str to (Y, X) bool
        Its compartments.

    Returns
    -------
    (compartments, C, 2) float64
        Mean per voxel inside and in the rest; NaN where one of these is empty.
    """
    nucleus = np.any(list(masks.values()), axis=0)
    found = np.full((len(masks), len(evidence), 2), np.nan)
    for k, mask in enumerate(masks.values()):
        for side, own in enumerate((mask, nucleus & ~mask)):
            if own.any():
                found[k, :, side] = evidence[:, own].mean(axis=1)
    return found


def enrichment(
    inside: NDArray[np.float64], rest: NDArray[np.float64], replicate: NDArray[Any], seed: int = 0
) -> dict[str, Any]:
    """How much denser evidence is in a compartment than in the rest of the nucleus.

    Parameters
    ----------
    inside, rest : (n,) float64
        Evidence per area of each nucleus; nuclei with a NaN are left out.
    replicate : (n,) str
        Of each nucleus.
    seed : int
        Of the bootstrap and of the flips.

    Returns
    -------
    dict
        `value`, the ratio of the means; `ci`, its 95 % interval by a bootstrap over replicates; `p`, two-sided, by
        flipping the signs of the differences of replicates (`unit`; of nuclei where there are fewer than six
        replicates); `nuclei`. Numbers are None where no nucleus has both, or the rest has no evidence.
    """
    known = np.isfinite(inside) & np.isfinite(rest)
    inside, rest, replicate = inside[known], rest[known], np.asarray(replicate)[known]
    nothing = {"value": None, "ci": None, "p": None, "unit": None, "nuclei": len(inside)}
    if not len(inside) or rest.mean() <= 0:
        return nothing
    groups = [np.flatnonzero(replicate == name) for name in np.unique(replicate)]
    rng = np.random.default_rng(seed)
    ratios = [_ratio(inside, rest, groups, rng.integers(len(groups), size=len(groups))) for _ in range(BOOTSTRAPS)]
    unit = "replicate" if len(groups) >= LEAST_REPLICATES else "nucleus"
    scale = (inside + rest) / 2
    differences = (inside - rest) / np.where(scale > 0, scale, 1)
    if unit == "replicate":
        differences = np.array([differences[own].mean() for own in groups])
    return {
        "value": float(inside.mean() / rest.mean()),
        "ci": interval(np.array(ratios), len(groups)).tolist() if len(groups) > 1 else None,
        "p": sign_flips(differences, rng),
        "unit": unit,
        "nuclei": len(inside),
    }


def _ratio(
    inside: NDArray[np.float64], rest: NDArray[np.float64], groups: list[NDArray[np.intp]], drawn: NDArray[np.intp]
) -> float:
    rows = np.concatenate([groups[k] for k in drawn])
    return float(inside[rows].sum() / max(rest[rows].sum(), 1e-12))


def sign_flips(differences: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Two-sided p of (n,) differences with mean 0, by flipping signs: in all ways if these are few, else at random."""
    n = len(differences)
    if 2**n <= FLIPS + 1:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        null = np.abs(signs @ differences)
        return float(np.mean(null >= abs(differences.sum()) * (1 - 1e-12)))
    signs = 1 - 2 * rng.integers(0, 2, (FLIPS, n))
    above = np.abs(signs @ differences) >= abs(differences.sum()) * (1 - 1e-12)
    return float((1 + above.sum()) / (1 + FLIPS))


def radial_profile(evidence: NDArray[np.floating], nucleus: Mask, bins: int = 10) -> NDArray[np.float64]:
    """Mean evidence from the outline of the nucleus to its innermost place, by relative depth.

    Parameters
    ----------
    evidence : (C, Y, X) float
        Of one nucleus.
    nucleus : (Y, X) bool
        Its mask.
    bins : int
        Of equal relative depth.

    Returns
    -------
    (C, bins) float64
        The outline first.
    """
    depth = ndimage.distance_transform_edt(nucleus)
    share = np.minimum((depth[nucleus] - 0.5) / max(depth.max() - 0.5, 1e-9), 1 - 1e-9)
    ring = (share * bins).astype(int)
    area = np.maximum(np.bincount(ring, minlength=bins), 1)
    return np.stack([np.bincount(ring, plane[nucleus], minlength=bins) / area for plane in evidence])
