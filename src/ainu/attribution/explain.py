"""Where in the nucleus the evidence lies: maps of the decisions of networks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ainu.attribution.captum_methods import Explainer, completeness
from ainu.attribution.catalogue import method_of
from ainu.attribution.detail import explain_detail, in_turn, mean_of
from ainu.attribution.maps import DetailAttribution, write_maps
from ainu.attribution.settings import AttributionSettings, MapSettings
from ainu.errors import AinuError
from ainu.images.dataset import Dataset
from ainu.networks.model import Model
from ainu.networks.seen import DETAIL


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
    """Attribute what a model reads from a whole-nucleus image (its context view, or all) to the voxels.

    An `AinuError` names a method that is unknown or that this kind of network does not allow.

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

    Raises
    ------
    AinuError
        The model sees no whole nuclei.
    """
    encoder = model.whole
    if encoder is None:
        raise AinuError("the model sees no whole nuclei; ainu.attribution.detail.explain_detail explains its crops")
    inputs = encoder.inputs(image[None])
    if target is None:
        with torch.inference_mode():
            target = int(encoder.network(inputs).argmax())
    settings = MapSettings(steps, samples, noise, window_nm, memory_gb)
    return Explainer(encoder, inputs, settings, voxel_nm, seed).maps(method, inputs, torch.tensor([target]))[0]


def attribute(
    dataset: Dataset,
    folds: pd.DataFrame,
    models: Iterable[Model],
    settings: AttributionSettings,
    seed: int,
    output: str | Path,
) -> None:
    """Explain every nucleus, for its true class, by the models that held it out; average over repeats.

    Whole-nucleus images (the context) are explained of all nuclei, voxel by voxel; the detail of
    `settings.detail_nuclei` of them, in turn of every class and fold, localization by localization.

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
    whole = [model for model in models if model.whole] if methods else []
    maps = {method: np.zeros(dataset.image.shape, np.float32) for method in methods if whole}
    errors: dict[str, list[float]] = {method: [] for method in maps}
    for model in tqdm(whole, desc="attribute", unit="model", file=sys.stderr):
        own = folds[(folds["repeat"] == model.info["repeat"]) & (folds["fold"] == model.info["fold"])]
        rows = places[own["nucleus"]].to_numpy()
        assert model.whole
        explainer = Explainer.of(model.whole, dataset, settings, seed)
        inputs, target = model.whole.inputs(dataset.image[rows]), torch.as_tensor(dataset.codes(model.classes)[rows])
        for method in maps:
            found = explainer.maps(method, inputs, target, list(dataset.nucleus[rows]))
            maps[method][rows] += found / repeats
            if method_of(method).complete:
                errors[method] += completeness(found, explainer.explained(inputs, target))
    medians = {method: float(np.median(own)) if own else None for method, own in errors.items()}
    write_maps(output, dataset, maps, medians, _details(dataset, folds, models, settings, seed))


def _details(
    dataset: Dataset, folds: pd.DataFrame, models: Sequence[Model], settings: AttributionSettings, seed: int
) -> dict[str, dict[str, DetailAttribution]]:
    """By nucleus and method: what the detail views of the models that held a nucleus out say of it."""
    by_fold = {(model.info["repeat"], model.info["fold"]): model for model in models if model.encoder(DETAIL)}
    methods = settings.methods
    if not by_fold or not methods:
        return {}
    places = pd.Series(np.arange(len(dataset)), index=dataset.nucleus)
    found = {}
    chosen = in_turn(folds, settings.detail_nuclei)["nucleus"]
    for name in tqdm(chosen, desc="attribute detail", unit="nucleus", file=sys.stderr):
        held_out = folds[folds["nucleus"] == name]
        row = int(places[name])
        parts = []
        for pair in zip(held_out["repeat"], held_out["fold"], strict=True):
            target = int(dataset.codes(by_fold[pair].classes)[row])
            parts.append(explain_detail(by_fold[pair], dataset, row, target, methods, settings, seed))
        found[str(name)] = {method: mean_of(parts, method) for method in methods}
    return found
