"""Where in the nucleus the evidence lies: maps of the decision of a network, by the methods of captum."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from ainu.attribution.catalogue import SMOOTHED, method_of, methods_for
from ainu.attribution.maps import write_maps
from ainu.attribution.point_networks import Presence, on_canvas
from ainu.attribution.relu_rewiring import rewired
from ainu.errors import AinuError
from ainu.images.dataset import Dataset
from ainu.images.views import Neighbours, settings_of
from ainu.networks.catalogue import CATALOGUE, POINT_NETWORKS
from ainu.networks.memory import fitting
from ainu.networks.model import Margin, Model

STAGES = (0.1, 0.5, 1.0)
"""Shares of the layers that are randomised in turn, from the last one down."""


@dataclass(frozen=True)
class Settings:
    """How maps are made.

    Attributes
    ----------
    steps : int
        Points of the integral of integrated gradients.
    samples : int
        Noisy copies of SmoothGrad and of gradient SHAP; of a network that reads localizations, how often these are
        drawn.
    noise : float
        Their noise, as a share of the range of an image.
    window_nm : float
        Edge of the window that occlusion moves over the image, by half of it at a time.
    memory_gb : float
        What the activations of the images explained at a time may take.
    seed : int
        From which the noise follows.
    """

    steps: int = 16
    samples: int = 8
    noise: float = 0.1
    window_nm: float = 1000.0
    memory_gb: float = 1.0
    seed: int = 0

    @classmethod
    def of(cls, settings: Mapping[str, Any], seed: int) -> Settings:
        """From an experiment's settings."""
        known = {own.name: settings[own.name] for own in fields(cls) if own.name in settings}
        return cls(**known | {"seed": seed})


@dataclass(frozen=True)
class Explainer:
    """A network and how its decisions on images of one shape are explained.

    Attributes
    ----------
    model : Model
        Trained, or with weights that were randomised.
    example : (1, C, ...) float32
        One of the images.
    settings : Settings
    voxel_nm : tuple of float
        Edges of a voxel, as the axes of the image.
    """

    model: Model
    example: Tensor
    settings: Settings = field(default_factory=Settings)
    voxel_nm: tuple[float, ...] = ()

    @cached_property
    def margin(self) -> Margin:
        return Margin(self.model.network)

    @cached_property
    def rewired(self) -> Margin:
        """The same function, for methods that replace the gradient of nonlinear modules."""
        return Margin(rewired(self.model.network, self.example))

    @cached_property
    def rows(self) -> int:
        return fitting(self.model.network, self.example, self.settings.memory_gb)

    @cached_property
    def cascade(self) -> list[Explainer]:
        """The network with more and more of its layers randomised (Adebayo et al., NeurIPS 2018)."""
        networks = [randomised(self.model.network, share, self.settings.seed) for share in STAGES]
        return [replace(self, model=replace(self.model, network=network)) for network in networks]

    def maps(self, method: str, inputs: Tensor, target: Tensor, names: Sequence[str] = ()) -> NDArray[np.float32]:
        """Explain (N, C, ...) images, for the class `target` of each; as many at a time as the memory holds.

        Noise follows from the seed and the names of the nuclei, not from what else is explained with them.
        """
        if method not in (allowed := methods_for(self.model.info["network"])):
            raise AinuError(f"attribution method {method!r} is not one of {', '.join(allowed)}")
        random = method.startswith(SMOOTHED) or method == "gradient_shap"
        at_a_time = 1 if random else max(1, self.rows // (4 if method == "integrated_gradients" else 2))
        found = []
        for start in range(0, len(inputs), at_a_time):
            part = slice(start, start + at_a_time)
            with seeded(self.settings.seed + crc32("".join(names[part]).encode())):
                found.append(self._some(method, inputs[part], target[part]).detach().to(torch.float32))
        return torch.cat(found).contiguous().numpy()

    def _some(self, method: str, inputs: Tensor, target: Tensor) -> Tensor:
        from captum.attr import NoiseTunnel

        explainer, further = MAKERS[method.removeprefix(SMOOTHED)](self, inputs)
        if method.startswith(SMOOTHED):
            spread = self.settings.noise * float(inputs.max() - inputs.min())
            explainer = NoiseTunnel(explainer)
            further |= {"nt_samples": self.settings.samples, "nt_samples_batch_size": self.rows, "stdevs": spread}
        maps = explainer.attribute(inputs, additional_forward_args=target, **further)
        return _spread_over(maps, inputs)

    def explained(self, inputs: Tensor, target: Tensor) -> NDArray[np.float64]:
        """(N,) what complete maps add up to: the margin of each image less that of an empty canvas."""
        with torch.inference_mode():
            parts = [
                self.margin(inputs[k : k + self.rows], target[k : k + self.rows])
                - self.margin(torch.zeros_like(inputs[k : k + self.rows]), target[k : k + self.rows])
                for k in range(0, len(inputs), self.rows)
            ]
        return torch.cat(parts).double().numpy()


def randomised(network: nn.Module, share: float, seed: int) -> nn.Module:
    """A copy whose last layers are randomised.

    The weights of a layer are shuffled, so that their spread, and that of the responses, stays what it was.
    """
    copy, generator = deepcopy(network), torch.Generator().manual_seed(seed)
    layers = [module for module in copy.modules() if list(module.parameters(recurse=False))]
    for layer in layers[len(layers) - max(1, round(share * len(layers))) :]:
        for values in layer.parameters(recurse=False):
            flat = values.data.flatten()
            values.data = flat[torch.randperm(len(flat), generator=generator)].view_as(values).contiguous()
    return copy.eval()


def _spread_over(maps: Tensor, inputs: Tensor) -> Tensor:
    """Coarse maps, one for all channels, in the shape of the images."""
    if maps.shape == inputs.shape:
        return maps
    from captum.attr import LayerAttribution

    mode = "bilinear" if inputs.ndim == 4 else "trilinear"
    return LayerAttribution.interpolate(maps, tuple(inputs.shape[2:]), mode).expand(inputs.shape)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """What captum draws follows from the seed, and leaves the generators of others as they were."""
    before = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            np.random.set_state(before)


Made = tuple[Any, dict[str, Any]]


def _saliency(explainer: Explainer, _inputs: Tensor) -> Made:
    """Simonyan et al., 2014: the absolute gradient."""
    from captum.attr import Saliency

    return Saliency(explainer.margin), {}


def _input_x_gradient(explainer: Explainer, _inputs: Tensor) -> Made:
    from captum.attr import InputXGradient

    return InputXGradient(explainer.margin), {}


def _integrated_gradients(explainer: Explainer, inputs: Tensor) -> Made:
    """Sundararajan et al., ICML 2017, against an empty canvas: attribution lies only where localizations lie."""
    from captum.attr import IntegratedGradients

    size = max(len(inputs), explainer.rows)
    return IntegratedGradients(explainer.margin), {"n_steps": explainer.settings.steps, "internal_batch_size": size}


def _deep_lift(explainer: Explainer, _inputs: Tensor) -> Made:
    """Shrikumar et al., ICML 2017, the rescale rule, against an empty canvas."""
    from captum.attr import DeepLift

    return DeepLift(explainer.rewired), {}


def _gradient_shap(explainer: Explainer, inputs: Tensor) -> Made:
    """Lundberg and Lee, NeurIPS 2017, by expected gradients (Erion et al., 2021) from an empty canvas."""
    from captum.attr import GradientShap

    return GradientShap(explainer.margin), {
        "baselines": torch.zeros_like(inputs[:1]),
        "n_samples": explainer.settings.samples,
    }


def _grad_cam(explainer: Explainer, _inputs: Tensor) -> Made:
    """Selvaraju et al., ICCV 2017: one coarse map, the same for all channels."""
    from captum.attr import LayerGradCam

    return LayerGradCam(explainer.margin, explainer.model.cam_layer), {}


def _guided_grad_cam(explainer: Explainer, _inputs: Tensor) -> Made:
    """Grad-CAM times guided backpropagation (Springenberg et al., 2015)."""
    from captum.attr import GuidedGradCam

    layer = explainer.rewired.network.get_submodule(CATALOGUE[explainer.model.info["network"]].cam_layer)
    return GuidedGradCam(explainer.rewired, layer), {
        "interpolate_mode": "bilinear" if explainer.example.ndim == 4 else "trilinear"
    }


def _occlusion(explainer: Explainer, inputs: Tensor) -> Made:
    """Zeiler and Fergus, ECCV 2014: how the margin falls when a window of one channel is emptied."""
    from captum.attr import Occlusion

    edges = explainer.voxel_nm or (1.0,) * (inputs.ndim - 2)
    wanted = (max(1, round(explainer.settings.window_nm / edge)) for edge in edges)
    sizes = [min(size, length) for size, length in zip(wanted, inputs.shape[2:], strict=True)]
    strides = (1, *(max(1, size // 2) for size in sizes))
    at_a_time = max(1, explainer.rows // len(inputs))
    further = {"sliding_window_shapes": (1, *sizes), "strides": strides, "perturbations_per_eval": at_a_time}
    return Occlusion(explainer.margin), further


MAKERS: dict[str, Callable[[Explainer, Tensor], Made]] = {
    "saliency": _saliency,
    "input_x_gradient": _input_x_gradient,
    "integrated_gradients": _integrated_gradients,
    "deep_lift": _deep_lift,
    "gradient_shap": _gradient_shap,
    "grad_cam": _grad_cam,
    "guided_grad_cam": _guided_grad_cam,
    "occlusion": _occlusion,
}


def explain(
    model: Model,
    image: NDArray[np.uint16],
    method: str = "integrated_gradients",
    *,
    target: int | None = None,
    settings: Settings | None = None,
    voxel_nm: tuple[float, ...] = (),
) -> NDArray[np.float32]:
    """Attribute a model's decision on one nucleus to its voxels.

    Parameters
    ----------
    model : Model
    image : (C, Y, X) or (C, Z, Y, X)
        Counts.
    method : str
        One of `methods.METHODS`; docs/attribution.md says what each shows.
    target : int, optional
        Class whose evidence is wanted; the predicted one by default.
    settings : Settings, optional
    voxel_nm : tuple of float, optional
        Edges of a voxel, for occlusion.

    Returns
    -------
    (C, Y, X) or (C, Z, Y, X) float32
        Positive where the voxel speaks for the target, negative where against it.

    Raises
    ------
    AinuError
        For a method that is unknown, or that the network has nothing for.
    """
    inputs = model.inputs(image[None])
    if target is None:
        with torch.inference_mode():
            target = int(model.network(inputs).argmax())
    explainer = Explainer(model, inputs, settings or Settings(), voxel_nm)
    return explainer.maps(method, inputs, torch.tensor([target]))[0]


def attribute(
    dataset: Dataset,
    folds: pd.DataFrame,
    models: Iterable[Model],
    methods: Sequence[str],
    settings: Settings,
    output: str | Path,
) -> None:
    """Explain every nucleus, for its true class, by the models that held it out; average over repeats.

    Writes what `maps.write_maps` describes. Of a network that reads localizations each localization gets its own
    attribution, and a map holds the sums over its voxels.
    """
    models = list(models)
    repeats = len({model.info["repeat"] for model in models})
    places = pd.Series(np.arange(len(dataset)), index=dataset.nucleus)
    maps = {method: np.zeros(dataset.image.shape, np.float32) for method in methods}
    total = 0 if dataset.points is None else len(dataset.points.position)
    exact = {method: np.zeros(total, np.float32) for method in methods}
    errors: dict[str, list[float]] = {method: [] for method in methods}
    for model in tqdm(models if methods else [], desc="attribute", unit="model", file=sys.stderr):
        own = folds[(folds["repeat"] == model.info["repeat"]) & (folds["fold"] == model.info["fold"])]
        rows = places[own["nucleus"]].to_numpy()
        explain_rows = _points if model.info["network"] in POINT_NETWORKS else _images
        for method in methods:
            errors[method] += explain_rows(model, dataset, rows, method, settings, maps[method], exact[method], repeats)
    medians = {method: float(np.median(own)) if own else None for method, own in errors.items()}
    points = bool(models) and models[0].info["network"] in POINT_NETWORKS
    write_maps(output, dataset, maps, medians, exact if points else None)


def voxel_of(dataset: Dataset) -> tuple[float, ...]:
    """Edges of a voxel in nm, as the axes of an image."""
    edge = dataset.voxel_size_nm
    return (edge, edge) if dataset.voxel_z_nm is None else (dataset.voxel_z_nm, edge, edge)


def explainer_of(model: Model, dataset: Dataset, settings: Settings) -> Explainer:
    """How a model's decisions on a dataset are explained."""
    return Explainer(model, model.inputs(dataset.image[:1]), settings, voxel_of(dataset))


def _images(
    model: Model,
    dataset: Dataset,
    rows: NDArray[np.intp],
    method: str,
    settings: Settings,
    maps: NDArray[np.float32],
    _exact: NDArray[np.float32],
    repeats: int,
) -> list[float]:
    """Add the maps of one model; how far their sums are off, where a sum is promised."""
    inputs, target = model.inputs(dataset.image[rows]), torch.as_tensor(dataset.codes(model.classes)[rows])
    explainer = explainer_of(model, dataset, settings)
    found = explainer.maps(method, inputs, target, list(dataset.nucleus[rows]))
    maps[rows] += found / repeats
    if not method_of(method).complete:
        return []
    return completeness(found, explainer.explained(inputs, target))


def completeness(maps: NDArray[np.float32], explained: NDArray[np.float64]) -> list[float]:
    """How far the sum of each map is from what it explains, as a share of the sum of its absolute values."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    return (np.abs(flat.sum(1) - explained) / np.maximum(np.abs(flat).sum(1), 1e-12)).tolist()


def _points(
    model: Model,
    dataset: Dataset,
    rows: NDArray[np.intp],
    method: str,
    settings: Settings,
    maps: NDArray[np.float32],
    exact: NDArray[np.float32],
    repeats: int,
) -> list[float]:
    """The same, by a network that reads localizations."""
    assert dataset.points is not None
    sets = Neighbours(dataset.points, len(dataset.channels), settings_of(model.info)[2])
    targets, errors = dataset.codes(model.classes)[rows], []
    for row, target in zip(rows, targets, strict=True):
        presence = Presence(model, sets, dataset.points.of(int(row)), int(target), settings.samples)
        values, error = presence.attribution(method, settings.steps, settings.memory_gb)
        own = slice(dataset.points.start[row], dataset.points.start[row + 1])
        exact[own] += values / repeats
        maps[row] += on_canvas(values, dataset, int(row)) / repeats
        errors += [error] if method_of(method).complete else []
    return errors
