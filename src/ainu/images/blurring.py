"""The nuclei of a dataset as seen with less resolution, in images and localizations alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ainu.errors import AinuError
from ainu.images.binning import bin_counts
from ainu.images.blur import BLUR_SEED, Blur
from ainu.images.dataset import Dataset, Points
from ainu.images.sparse_grid import order_by_place


def blurred(dataset: Dataset, blur: Blur, seed: int) -> Dataset:
    """The nuclei with less resolution: localizations moved, ordered by place anew, and images binned from them again.

    Parameters
    ----------
    dataset : Dataset
        With the localizations of its nuclei.
    blur : Blur
        How much is lost.
    seed : int
        The same seed moves localizations alike.

    Returns
    -------
    Dataset

    Raises
    ------
    AinuError
        The images are densities, without localizations.
    """
    if dataset.points is None:
        raise AinuError("images of kernel gaussian hold densities, whose localizations cannot be blurred")
    parts = [_blurred_points(dataset.points.of(row), blur, [seed, BLUR_SEED, row]) for row in range(len(dataset))]
    precision = None if parts[0].precision is None else np.concatenate([part.precision for part in parts])
    points = Points(
        np.concatenate([part.position for part in parts]),
        np.concatenate([part.channel for part in parts]),
        precision,
        dataset.points.start,
    )
    shape, sizes = dataset.image.shape[1:], (dataset.voxel_size_nm, dataset.voxel_z_nm)
    images = [bin_counts(part.position, part.channel, shape, *sizes) for part in parts]
    return replace(dataset, image=np.stack(images).astype(dataset.image.dtype), points=points)


def _blurred_points(points: Points, blur: Blur, seed: Sequence[int]) -> Points:
    """One nucleus."""
    position = blur.moved(points.position, np.random.default_rng(seed))
    order = order_by_place(position)
    precision = None if points.precision is None else points.precision[order]
    return Points(position[order], points.channel[order], precision, points.start)
