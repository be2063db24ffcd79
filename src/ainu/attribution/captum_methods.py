"""Maps of a network's decisions by the methods of captum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ainu.attribution.catalogue import SMOOTHED, methods_for
from ainu.attribution.relu_rewiring import rewired
from ainu.attribution.settings import MapSettings
from ainu.errors import AinuError
from ainu.images.dataset import Dataset
from ainu.networks.catalogue import CATALOGUE
from ainu.networks.memory import fitting
from ainu.networks.model import Encoder, Margin

STAGES = (0.1, 0.5, 1.0)
"""Shares of the layers that are randomised in turn, from the last one down."""


@dataclass(frozen=True)
class Explainer:
    """A network and how its decisions on images of one shape are explained.

    Attributes
    ----------
    encoder : Encoder
        Trained, or with weights that were randomised.
    example : (1, C, ...) float32
        One of the images.
    settings : MapSettings
    voxel_nm : tuple of float
        Edges of a voxel in nm, as the axes of the image.
    seed : int
        From which the noise follows.
    """

    encoder: Encoder
    example: Tensor
    settings: MapSettings
    voxel_nm: tuple[float, ...] = ()
    seed: int = 0

    @classmethod
    def of(cls, encoder: Encoder, dataset: Dataset, settings: MapSettings, seed: int) -> Explainer:
        """What an encoder of whole nuclei says of those of a dataset.

        Parameters
        ----------
        encoder : Encoder
            Trained, of the context or of images alone.
        dataset : Dataset
            Of images like those it was trained on.
        settings : MapSettings
            How maps are computed.
        seed : int
            Of the methods that draw at random.

        Returns
        -------
        Explainer
        """
        edge = dataset.voxel_size_nm
        edges = (edge, edge) if dataset.voxel_z_nm is None else (dataset.voxel_z_nm, edge, edge)
        return cls(encoder, encoder.inputs(dataset.image[:1]), settings, edges, seed)

    @cached_property
    def margin(self) -> Margin:
        """What the view adds to the margin of a class, as a function of images and classes."""
        return Margin(self.encoder.network, self.encoder.share)

    @cached_property
    def rewired(self) -> Margin:
        """The same function, for methods that replace the gradient of nonlinear modules."""
        return Margin(rewired(self.encoder.network, self.example), self.encoder.share)

    @cached_property
    def rows(self) -> int:
        """Images whose activations fit the memory."""
        return fitting(self.encoder.network, self.example, self.settings.memory_gb)

    @cached_property
    def cascade(self) -> list[Explainer]:
        """The network with more and more of its layers randomised (Adebayo et al., NeurIPS 2018)."""
        networks = [randomised(self.encoder.network, share, self.seed) for share in STAGES]
        return [replace(self, encoder=replace(self.encoder, network=network)) for network in networks]

    def maps(self, method: str, inputs: Tensor, target: Tensor, names: Sequence[str] = ()) -> NDArray[np.float32]:
        """Explain images, as many at a time as fit the memory.

        Noise follows from the seed and the names of the nuclei, not from what else is explained with them.

        Parameters
        ----------
        method : str
            A name of the catalogue.
        inputs : (N, C, ...) float32
            Normalised images.
        target : (N,) int64
            Class whose evidence is wanted, of each image.
        names : sequence of N str, optional
            Of the nuclei.

        Returns
        -------
        (N, C, ...) float32

        Raises
        ------
        AinuError
            For a method that is unknown, or that this kind of network does not allow.
        """
        if method not in (allowed := methods_for(self.encoder.architecture)):
            raise AinuError(f"attribution method {method!r} is not one of {', '.join(allowed)}")
        random = method.startswith(SMOOTHED) or method == "gradient_shap"
        at_a_time = 1 if random else max(1, self.rows // (4 if method == "integrated_gradients" else 2))
        found = []
        for start in range(0, len(inputs), at_a_time):
            part = slice(start, start + at_a_time)
            with _seeded(self.seed + crc32("".join(names[part]).encode())):
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
        """(N,) margin of each of (N, C, ...) images less that of an empty canvas: the sum of a complete map."""
        with torch.inference_mode():
            parts = [
                self.margin(inputs[k : k + self.rows], target[k : k + self.rows])
                - self.margin(torch.zeros_like(inputs[k : k + self.rows]), target[k : k + self.rows])
                for k in range(0, len(inputs), self.rows)
            ]
        return torch.cat(parts).double().numpy()


def completeness(maps: NDArray[np.float32], explained: NDArray[np.float64]) -> list[float]:
    """Errors of (N, ...) maps: distance of the sum from the (N,) explained value, over the sum of absolute values."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    return (np.abs(flat.sum(1) - explained) / np.maximum(np.abs(flat).sum(1), 1e-12)).tolist()


def randomised(network: nn.Module, share: float, seed: int) -> nn.Module:
    """A copy of which a share of the layers, from the last one down, is randomised.

    The weights of a layer are permuted, so that their spread, and that of the responses, stays what it was.

    Parameters
    ----------
    network : Module
        Stays as it is.
    share : float
        Of the layers; at least one.
    seed : int
        Of the permutations.

    Returns
    -------
    Module
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
def _seeded(seed: int) -> Iterator[None]:
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
    """Shrikumar et al., 2016: the gradient times the image."""
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

    return LayerGradCam(explainer.margin, explainer.encoder.cam_layer), {}


def _guided_grad_cam(explainer: Explainer, _inputs: Tensor) -> Made:
    """Grad-CAM times guided backpropagation (Springenberg et al., 2015)."""
    from captum.attr import GuidedGradCam

    layer = explainer.rewired.network.get_submodule(CATALOGUE[explainer.encoder.architecture].cam_layer)
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
