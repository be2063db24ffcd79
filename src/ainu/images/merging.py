"""The same nuclei with one localization per emitter, in images and localizations alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ainu.errors import AinuError
from ainu.images.dataset import Dataset, Points
from ainu.images.sparse_grid import order_by_place
from ainu.images.thinning import rebinned


def merged_blinks(dataset: Dataset) -> Dataset:
    """The nuclei with the localizations of each emitter merged into one at their mean.

    Parameters
    ----------
    dataset : Dataset
        With points whose emitters are known.

    Returns
    -------
    Dataset
        Points ordered by place, and images binned from them.

    Raises
    ------
    AinuError
        It is not known which localizations show the same emitter.
    """
    if not dataset.knows_emitters:
        raise AinuError("the dataset does not know which localizations show the same emitter: no frames, no precision")
    assert dataset.points is not None
    parts = [_merged(dataset.points.of(nucleus)) for nucleus in range(len(dataset))]
    precision = [part.precision for part in parts if part.precision is not None]
    points = Points(
        np.concatenate([part.position for part in parts]),
        np.concatenate([part.channel for part in parts]),
        np.concatenate(precision) if precision else None,
        np.concatenate([[0], np.cumsum([len(part.channel) for part in parts])]).astype(np.int64),
    )
    counts = points.counts(len(dataset.channels)).astype(np.uint32)
    return replace(dataset, image=rebinned(dataset, points), points=points, localizations=counts)


def _merged(own: Points) -> Points:
    """One nucleus; a localization whose emitter is not known stays as it is."""
    assert own.emitter is not None
    alone = int(own.emitter.max(initial=-1)) + 1 + np.arange(len(own.emitter))
    _, first, member = np.unique(np.where(own.emitter < 0, alone, own.emitter), return_index=True, return_inverse=True)
    number = np.bincount(member, minlength=len(first))
    start = own.position[first]
    change = [np.bincount(member, axis, len(first)) / number for axis in (own.position - start[member]).T]
    position = (start + np.stack(change, axis=1)).astype(np.float32)
    order = order_by_place(position)
    precision = None
    if own.precision is not None:
        squares = np.bincount(member, own.precision.astype(np.float64) ** 2, len(first))
        precision = (np.sqrt(squares) / number).astype(np.float32)[order]
    return Points(position[order], own.channel[first][order], precision, np.array([0, len(first)]))
