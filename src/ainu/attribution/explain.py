"""Where in the nucleus the evidence lies: maps of the decisions of networks."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ainu.attribution.captum_methods import Explainer
from ainu.attribution.catalogue import method_of
from ainu.attribution.maps import write_maps
from ainu.attribution.point_networks import Presence, on_canvas
from ainu.attribution.settings import AttributionSettings, MapSettings
from ainu.images.dataset import Dataset
from ainu.images.views import Neighbours, augmentation_of
from ainu.networks.catalogue import POINT_NETWORKS
from ainu.networks.model import Model


def explain(
    model: Model,
    image: NDArray[np.uint16],
    method: str = "integrated_gradients",
    *,
    target: int | None = None,
    voxel_nm: tuple[float, ...] = (),
    steps: int = 8,
    samples: int = 8,
    noise: float = 0.1,
    window_nm: float = 1000.0,
    memory_gb: float = 1.0,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Attribute a model's decision on one nucleus to its voxels.

    An `AinuError` names a method that is unknown, or that this kind of network does not allow.

    Parameters
    ----------
    model : Model
        As `networks.model.load_model` gives it.
    image : (C, Y, X) or (C, Z, Y, X) uint16
        Localizations per voxel.
    method : str
        One of `catalogue.METHODS`; docs/attribution.md explains them.
    target : int, optional
        Class whose evidence is wanted; the predicted one by default.
    voxel_nm : tuple of float, optional
        Edges of a voxel in nm, for occlusion.
    steps, samples, noise, window_nm, memory_gb
        As in `MapSettings`; the defaults are those of the config.
    seed : int
        From which the noise follows.

    Returns
    -------
    (C, Y, X) or (C, Z, Y, X) float32
        Positive where the voxel is evidence for the target, negative where against it.
    """
    inputs = model.inputs(image[None])
    if target is None:
        with torch.inference_mode():
            target = int(model.network(inputs).argmax())
    settings = MapSettings(steps, samples, noise, window_nm, memory_gb)
    return Explainer(model, inputs, settings, voxel_nm, seed).maps(method, inputs, torch.tensor([target]))[0]


def attribute(
    dataset: Dataset,
    folds: pd.DataFrame,
    models: Iterable[Model],
    settings: AttributionSettings,
    seed: int,
    output: str | Path,
) -> None:
    """Explain every nucleus, for its true class, by the models that held it out; average over repeats.

    With a network that reads localizations each localization gets its own attribution, and maps are sums per voxel.

    Parameters
    ----------
    dataset : Dataset
        The nuclei.
    folds : DataFrame
        `nucleus`, `repeat`, `fold`.
    models : iterable of Model
        One per fold and repeat.
    settings : AttributionSettings
        Methods, and how maps are computed.
    seed : int
        From which the noise follows.
    output : path
        The file that `maps.write_maps` describes.
    """
    models, methods = list(models), settings.methods
    repeats = len({model.info["repeat"] for model in models})
    places = pd.Series(np.arange(len(dataset)), index=dataset.nucleus)
    maps = {method: np.zeros(dataset.image.shape, np.float32) for method in methods}
    total = 0 if dataset.points is None else len(dataset.points.position)
    exact = {method: np.zeros(total, np.float32) for method in methods}
    errors: dict[str, list[float]] = {method: [] for method in methods}
    for model in tqdm(models if methods else [], desc="attribute", unit="model", file=sys.stderr):
        own = folds[(folds["repeat"] == model.info["repeat"]) & (folds["fold"] == model.info["fold"])]
        rows = places[own["nucleus"]].to_numpy()
        explain_rows = _of_points if model.info["network"] in POINT_NETWORKS else _of_images
        for method in methods:
            found = explain_rows(Explainer.of(model, dataset, settings, seed), dataset, rows, method)
            maps[method][rows] += found.maps / repeats
            for row, values in zip(rows, found.exact, strict=False):
                exact[method][_slice_of(dataset, row)] += values / repeats
            errors[method] += found.errors
    medians = {method: float(np.median(own)) if own else None for method, own in errors.items()}
    points = bool(models) and models[0].info["network"] in POINT_NETWORKS
    write_maps(output, dataset, maps, medians, exact if points else None)


@dataclass(frozen=True)
class _Attributions:
    """Attributions of some nuclei by one model.

    Maps (n, C, ...); values of the localizations of each nucleus, if the network reads these; completeness errors, if
    the method is complete.
    """

    maps: NDArray[np.float32]
    exact: list[NDArray[np.float32]]
    errors: list[float]


def _of_images(explainer: Explainer, dataset: Dataset, rows: NDArray[np.intp], method: str) -> _Attributions:
    model = explainer.model
    inputs, target = model.inputs(dataset.image[rows]), torch.as_tensor(dataset.codes(model.classes)[rows])
    maps = explainer.maps(method, inputs, target, list(dataset.nucleus[rows]))
    if not method_of(method).complete:
        return _Attributions(maps, [], [])
    return _Attributions(maps, [], completeness(maps, explainer.explained(inputs, target)))


def completeness(maps: NDArray[np.float32], explained: NDArray[np.float64]) -> list[float]:
    """Errors of (N, ...) maps: distance of the sum from the (N,) explained value, over the sum of absolute values."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    return (np.abs(flat.sum(1) - explained) / np.maximum(np.abs(flat).sum(1), 1e-12)).tolist()


def _of_points(explainer: Explainer, dataset: Dataset, rows: NDArray[np.intp], method: str) -> _Attributions:
    model, settings = explainer.model, explainer.settings
    assert dataset.points is not None
    sets = Neighbours(dataset.points, len(dataset.channels), augmentation_of(model.info))
    maps, exact, errors = np.zeros((len(rows), *dataset.image.shape[1:]), np.float32), [], []
    for place, (row, target) in enumerate(zip(rows, dataset.codes(model.classes)[rows], strict=True)):
        presence = Presence(model, sets, dataset.points.of(int(row)), int(target), settings.samples)
        values, error = presence.attribution(method, settings.steps, settings.memory_gb)
        maps[place] = on_canvas(values, dataset, int(row))
        exact.append(values)
        errors.append(error)
    return _Attributions(maps, exact, errors if method_of(method).complete else [])


def _slice_of(dataset: Dataset, row: int) -> slice:
    """Where the localizations of a nucleus lie among those of the dataset."""
    assert dataset.points is not None
    return slice(dataset.points.start[row], dataset.points.start[row + 1])
