"""Attribution of single localizations by what the detail view shows of a nucleus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ainu.attribution.captum_methods import Explainer, completeness
from ainu.attribution.catalogue import method_of
from ainu.attribution.maps import DetailAttribution
from ainu.attribution.settings import MapSettings
from ainu.images.binning import flat_places
from ainu.images.dataset import Dataset, Points
from ainu.images.views import Crops, Tiles
from ainu.networks.model import Model
from ainu.networks.seen import DETAIL
from ainu.prediction.ensemble import augmentation_of
from ainu.prediction.pooling import views_of

SHIFTS = (0.0, 0.5)
"""Of the tilings of a nucleus that are explained, as shares of a tile; the first is that of the prediction."""


def explain_detail(
    model: Model, dataset: Dataset, row: int, target: int, methods: Sequence[str], settings: MapSettings, seed: int
) -> dict[str, DetailAttribution]:
    """Explain what the detail view of a model says of a nucleus.

    The tiles that the prediction pools, and others moved by half a tile, so that what lies at the rim of one tile lies
    in the middle of another. The maps of the tiles of one tiling, each times its weight, cover the nucleus once; the
    attribution of a voxel is divided among its localizations, and averaged over the tilings. The network says of a
    nucleus in other tiles something slightly else; by that much values that have to add up are moved, in proportion to
    their sizes, so that they add up to what it says in the tiles of the prediction.

    Parameters
    ----------
    model : Model
        With a detail view.
    dataset : Dataset
        Of N nuclei.
    row : int
        Which of them.
    target : int
        Class whose evidence is wanted.
    methods : sequence of str
        Names of the catalogue.
    settings : MapSettings
        How maps are computed.
    seed : int
        From which the noise follows.

    Returns
    -------
    dict of str to DetailAttribution
    """
    encoder = model.encoder(DETAIL)
    assert encoder is not None
    assert dataset.points is not None
    views = views_of(encoder, dataset, augmentation_of(model.info))
    assert isinstance(views, Crops)
    own = dataset.points.of(row)
    tilings = [views.tiles_of(own.position, own.channel, views.mean(row), shift) for shift in SHIFTS]
    edges = tuple(float(edge) for edge in (views.size_nm / np.array(views.shape[::-1]))[::-1])
    explainer = Explainer(encoder, tilings[0].seen[:1], settings, edges, seed)
    name = str(dataset.nucleus[row])
    explained = np.array([_explained(explainer, tiles, target) for tiles in tilings])
    found = {}
    for method in methods:
        parts = [
            _of_tiling(explainer, method, tiles, own, views, target, f"{name}/{shift}")
            for shift, tiles in zip(SHIFTS, tilings, strict=True)
        ]
        values, error = np.asarray(np.mean(parts, axis=0), np.float32), None
        if method_of(method).complete:
            values = _moved_by(explained[0] - explained.mean(), values)
            error = completeness(values[None], explained[:1])[0]
        found[method] = DetailAttribution(values, error)
    return found


def _explained(explainer: Explainer, tiles: Tiles, target: int) -> float:
    """Margin of a nucleus, pooled over its tiles, less that of an empty one."""
    each = explainer.explained(tiles.seen, torch.full((len(tiles.seen),), target))
    return float((tiles.weight.double().numpy() * each).sum())


def _moved_by(difference: float, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) values whose sum is larger by a difference: the least squares of the moves, each over the value's size."""
    size = np.abs(values, dtype=np.float64)
    return (values + size * (difference / max(float(size.sum()), 1e-12))).astype(np.float32)


def _of_tiling(
    explainer: Explainer, method: str, tiles: Tiles, own: Points, views: Crops, target: int, name: str
) -> NDArray[np.float32]:
    """(n,) what each localization of a nucleus gets of the maps of the tiles of one tiling."""
    targets = torch.full((len(tiles.seen),), target)
    maps = explainer.maps(method, tiles.seen, targets, [f"{name}/{k}" for k in range(len(targets))])
    maps *= tiles.weight.numpy().reshape(-1, *(1,) * (maps.ndim - 1))
    values = np.zeros(len(own.position), np.float32)
    divide = method_of(method).contributions
    for tile, centre in zip(maps, tiles.centre, strict=True):
        values += _shared_out(tile, own.position, own.channel, centre, views, divide=divide)
    return values


def _shared_out(
    tile: NDArray[np.float32],
    position: NDArray[np.float32],
    channel: NDArray[np.uint8],
    centre: NDArray[np.float64],
    views: Crops,
    *,
    divide: bool,
) -> NDArray[np.float32]:
    """(n,) what each localization gets of a tile's map (C, ...); 0 outside of it."""
    place = position[:, : len(centre)] - centre.astype(np.float32)
    near = np.flatnonzero((np.abs(place) <= views.size_nm / 2).all(axis=1))
    flat, inside = flat_places(place[near], channel[near], tile.shape, views.voxel_nm, views.voxel_z_nm)
    rows, voxels = near[inside], flat[inside]
    found = np.zeros(len(position), np.float32)
    found[rows] = tile.ravel()[voxels] / (np.bincount(voxels, minlength=tile.size)[voxels] if divide else 1)
    return found


def in_turn(folds: pd.DataFrame, number: int | str) -> pd.DataFrame:
    """Nuclei in turn of every class and fold of the first repeat.

    Parameters
    ----------
    folds : DataFrame
        `nucleus`, `label`, `repeat`, `fold`.
    number : int or "all"
        How many.

    Returns
    -------
    DataFrame
        Their rows.
    """
    first = folds[folds["repeat"] == folds["repeat"].min()]
    turns = first.assign(turn=first.groupby(["label", "fold"]).cumcount())
    turns = turns.sort_values(["turn", "fold", "label"], kind="stable")
    return turns if number == "all" else turns.head(int(number))


def mean_of(parts: Sequence[Mapping[str, DetailAttribution]], method: str) -> DetailAttribution:
    """The mean over models of the attribution of a nucleus by a method."""
    values = np.asarray(np.mean([part[method].values for part in parts], axis=0), np.float32)
    errors = [part[method].error for part in parts]
    known = [error for error in errors if error is not None]
    return DetailAttribution(values, float(np.median(known)) if known else None)
