"""The same nuclei with fewer localizations, drawn without replacement, in images and localizations alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.images.binning import bin_counts
from ainu.images.dataset import Dataset, Points

THIN_SEED = 0xC0
"""Keeps the draws of thinning apart from those of training."""


def equal_counts(dataset: Dataset, seed: int) -> Dataset:
    """The nuclei with equally many localizations in each channel: whole nuclei in total, crops per area.

    Parameters
    ----------
    dataset : Dataset
        Images of counts.
    seed : int
        The same seed keeps the same localizations.

    Returns
    -------
    Dataset
        Each image has as many as that with the fewest. Crops are cut from others (`detail`): of each nucleus as many
        per area are left as of that with the fewest per area.
    """
    fewest = dataset.image_counts.min(axis=0)
    even = thinned(dataset, np.tile(fewest, (len(dataset), 1)), seed)
    if dataset.points is None:
        return even
    area = dataset.area_um2.astype(np.float64)[:, None]
    left = np.floor(lowest_density(dataset) * area + 1e-6).astype(np.int64)
    rngs = [np.random.default_rng([seed, THIN_SEED, row, 1]) for row in range(len(dataset))]
    return replace(even, detail=_thin_points(dataset.points, left, rngs))


def lowest_density(dataset: Dataset) -> NDArray[np.float64]:
    """(C,) localizations per µm² of each channel in the nucleus with the fewest per area."""
    assert dataset.points is not None
    area = np.maximum(dataset.area_um2.astype(np.float64), 1e-9)[:, None]
    return (dataset.points.counts(len(dataset.channels)) / area).min(axis=0)


def thinned(dataset: Dataset, left: NDArray[np.int64], seed: int) -> Dataset:
    """The nuclei with fewer localizations each, drawn without replacement; images and points agree.

    Parameters
    ----------
    dataset : Dataset
        Images of counts, with or without points.
    left : (N, C) int
        Localizations to keep of each nucleus, per channel.
    seed : int
        The same seed keeps the same localizations.

    Returns
    -------
    Dataset

    Raises
    ------
    AinuError
        The images are densities, from which single localizations cannot be drawn.
    """
    if not dataset.counted:
        raise AinuError("images of kernel gaussian hold densities, from which no localizations can be drawn")
    rngs = [np.random.default_rng([seed, THIN_SEED, row]) for row in range(len(dataset))]
    if dataset.points is None:
        image = np.stack([_thin_image(*item) for item in zip(dataset.image, left, rngs, strict=True)])
        return replace(dataset, image=image, localizations=left.astype(np.uint32))
    points = _thin_points(dataset.points, left, rngs)
    return replace(dataset, image=rebinned(dataset, points), points=points, localizations=left.astype(np.uint32))


def _thin_image(image: NDArray[Any], left: NDArray[np.int64], rng: np.random.Generator) -> NDArray[Any]:
    found = np.zeros_like(image)
    for plane, source, number in zip(found, image, left, strict=True):
        filled = np.flatnonzero(source)
        counts = source.ravel()[filled].astype(np.int64)
        plane.ravel()[filled] = rng.multivariate_hypergeometric(counts, min(number, counts.sum()), method="marginals")
    return found


def _thin_points(points: Points, left: NDArray[np.int64], rngs: Sequence[np.random.Generator]) -> Points:
    kept = []
    for nucleus, (wanted, rng) in enumerate(zip(left, rngs, strict=True)):
        own = np.arange(points.start[nucleus], points.start[nucleus + 1])
        parts = [own[points.channel[own] == channel] for channel in range(len(wanted))]
        drawn = [rng.choice(part, min(int(n), len(part)), replace=False) for part, n in zip(parts, wanted, strict=True)]
        kept.append(np.sort(np.concatenate(drawn)))
    return points.taken(np.concatenate(kept), np.array([len(part) for part in kept]))


def rebinned(dataset: Dataset, points: Points) -> NDArray[Any]:
    """(N, C, Y, X) or (N, C, Z, Y, X) images of other localizations, like those of the dataset."""
    shape, sizes = dataset.image.shape[1:], (dataset.voxel_size_nm, dataset.voxel_z_nm)
    parts = map(points.of, range(len(dataset)))
    images = [bin_counts(part.position, part.channel, shape, *sizes) for part in parts]
    return np.stack(images).astype(dataset.image.dtype)
