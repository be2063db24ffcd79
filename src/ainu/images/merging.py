"""The same nuclei with one localization per emitter, in images and localizations alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ainu.images.dataset import Dataset, Points
from ainu.images.sparse_grid import order_by_place
from ainu.images.thinning import rebinned


def localizations_per_emitter(dataset: Dataset) -> float | None:
    """How many localizations an emitter has on average; None where it is not known which show the same."""
    if dataset.points is None or dataset.points.emitter is None:
        return None
    points = dataset.points
    emitters = sum(len(_first_of(points.of(nucleus))[0]) for nucleus in range(len(dataset)))
    return len(points.channel) / emitters if emitters else None


def merged_blinks(dataset: Dataset) -> Dataset:
    """The nuclei with the localizations of each emitter merged into one at their mean.

    Parameters
    ----------
    dataset : Dataset
        With points whose emitters are known; where they are not, localizations stay as they are.

    Returns
    -------
    Dataset
        Points ordered by place, and images binned from them.
    """
    if dataset.points is None or dataset.points.emitter is None:
        return dataset
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


def _first_of(own: Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(e,) a localization of each emitter of a nucleus, and (m,) the emitter of each localization among them."""
    assert own.emitter is not None
    alone = int(own.emitter.max(initial=-1)) + 1 + np.arange(len(own.emitter))
    _, first, member = np.unique(np.where(own.emitter < 0, alone, own.emitter), return_index=True, return_inverse=True)
    return first, member


def _merged(own: Points) -> Points:
    first, member = _first_of(own)
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
