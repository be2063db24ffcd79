"""Networks with random or trained weights: made, normalised input, features, margins; models read and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ainu.errors import AinuError
from ainu.files import read_json, whole, write_json
from ainu.networks.ainu_small import Pairs
from ainu.networks.catalogue import CATALOGUE
from ainu.networks.seen import DETAIL, Seen


def normalise(counts: NDArray[Any], intensity: str = "share", mean: NDArray[Any] | None = None) -> Tensor:
    """Normalise counts for a network.

    "share": the square root of the counts over their channel's mean. Dividing by the mean removes the number of
    localizations, which differs between preparations; the square root stabilises the variance of counts. "log": the
    logarithm of one plus the counts, so that the network also sees the density of localizations. An empty channel stays
    0 in both. By NumPy, whose square root is exact on every processor; torch's is MKL's, slower and less exact in rare
    first calls (https://github.com/pytorch/pytorch/issues/188792), so that a rerun would differ.

    Parameters
    ----------
    counts : (N, C, Y, X) or (N, C, Z, Y, X) uint16 or float32
        Localizations per voxel.
    intensity : str
        "share" or "log".
    mean : (N, C) float, optional
        What counts are divided by: crops take the mean of their nucleus. By default that of each image.

    Returns
    -------
    (N, C, Y, X) or (N, C, Z, Y, X) float32
    """
    values = counts.astype(np.float32)
    if intensity == "log":
        return torch.from_numpy(np.log1p(values, out=values))
    own = values.mean(axis=tuple(range(2, values.ndim))) if mean is None else mean
    values /= np.maximum(own, 1e-12).astype(np.float32).reshape(*values.shape[:2], *(1,) * (values.ndim - 2))
    return torch.from_numpy(np.sqrt(values, out=values))


def make_network(name: str, channels: int, classes: int, shape: tuple[int, ...], seed: int) -> nn.Module:
    """A network of the catalogue with random weights.

    Parameters
    ----------
    name : str
        In `CATALOGUE`.
    channels, classes : int
        Of the images, and of the output.
    shape : tuple of int
        (Y, X) or (Z, Y, X) voxels of an image.
    seed : int
        From which the weights follow.

    Returns
    -------
    Module
        From (N, channels, *shape) float32 to (N, classes) logits.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CATALOGUE[name].make(channels, classes, shape)


def last_layer(network: nn.Module) -> nn.Linear:
    """The linear layer whose output are the logits."""
    return [module for module in network.modules() if isinstance(module, nn.Linear)][-1]


def first_filters(network: nn.Module) -> list[str]:
    """Names of the weights (F, C, ...) that read the C channels of the image, widest filters first; perhaps none."""
    convolutions = [(name, own) for name, own in network.named_modules() if isinstance(own, (nn.Conv2d, nn.Conv3d))]
    pairs = [f"{name}.mix." for name, own in network.named_modules() if isinstance(own, Pairs)]
    names = [name for name, _ in convolutions]
    return [f"{name}.weight" for name in names if name == names[0] or name.startswith(tuple(pairs))]


def channel_statistics(network: nn.Module) -> list[str]:
    """Names of what batch normalisation has seen (K x C) of K maps of each of the C channels; perhaps none."""
    pairs = [name for name, own in network.named_modules() if isinstance(own, Pairs)]
    return [f"{name}.norm.{what}" for name in pairs for what in ("running_mean", "running_var")]


def features(network: nn.Module, inputs: Tensor) -> Tensor:
    """(N, d) activations that go into the last linear layer."""
    seen: list[Tensor] = []
    hook = last_layer(network).register_forward_hook(lambda _module, given, _output: seen.append(given[0]))
    try:
        network(inputs)
    finally:
        hook.remove()
    return seen[0]


class Margin(nn.Module):
    """The logit of one class less the mean of the others, times the share of the view: the evidence for it."""

    def __init__(self, network: nn.Module, share: float = 1.0) -> None:
        super().__init__()
        self.network, self.share = network, share

    def forward(self, inputs: Tensor, target: Tensor) -> Tensor:
        """(N,) margin of the class `target` (N,) of each of N inputs."""
        return self.share * margin_of(self.network(inputs), target)


def margin_of(logits: Tensor, target: Tensor) -> Tensor:
    """(N,) margin of the class `target` of each row of (N, k) logits."""
    own = logits.gather(1, target[:, None])[:, 0]
    return own - (logits.sum(1) - own) / (logits.shape[1] - 1)


def fast_layout(inputs: Tensor) -> Tensor:
    """(N, C, ...) images in the memory order in which convolutions are fastest; other tensors as they are."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return inputs.contiguous(memory_format=formats[inputs.ndim]) if inputs.ndim in formats else inputs


@dataclass(frozen=True)
class Encoder:
    """The trained network of one view, and how much its logits count.

    Attributes
    ----------
    network : Module
        In evaluation mode.
    architecture : str
        In `CATALOGUE`.
    seen : Seen
        What it sees.
    share : float
        Factor of its logits in those of the model.
    intensity : str
        As `normalise` takes it.
    """

    network: nn.Module
    architecture: str
    seen: Seen
    share: float
    intensity: str

    def inputs(self, images: NDArray[Any]) -> Tensor:
        """The network's (N, C, ...) float32 input from (N, C, ...) counts of whole nuclei."""
        return fast_layout(normalise(images, self.intensity))

    @property
    def cam_layer(self) -> nn.Module:
        """The layer whose maps Grad-CAM reads.

        Raises
        ------
        AinuError
            The network has no such layer.
        """
        layer = CATALOGUE[self.architecture].cam_layer
        if not layer:
            raise AinuError(f"attribution by Grad-CAM: network {self.architecture} has no layer of maps")
        return self.network.get_submodule(layer)


@dataclass(frozen=True)
class Model:
    """The trained networks of all views of a nucleus, with their `model.json`. Their logits add, each by its share.

    Attributes
    ----------
    encoders : tuple of Encoder
        One per view.
    info : dict
        `classes`, `channels`, `views`, `intensity`, `repeat`, `fold`, and how it was trained.
    """

    encoders: tuple[Encoder, ...]
    info: dict[str, Any]

    @property
    def classes(self) -> list[str]:
        """In the order of the logits."""
        return self.info["classes"]

    def encoder(self, view: str) -> Encoder | None:
        """The encoder of a view; None where the model has none."""
        return next((encoder for encoder in self.encoders if encoder.seen.view == view), None)

    @property
    def whole(self) -> Encoder | None:
        """The encoder that sees whole nuclei, as context or alone."""
        return next((encoder for encoder in self.encoders if encoder.seen.view != DETAIL), None)


def save_model(folder: str | Path, weights: dict[str, torch.Tensor], info: dict[str, Any]) -> None:
    """Write `model.safetensors` and `model.json`.

    Parameters
    ----------
    folder : path
        Of the model.
    weights : dict of str to Tensor
        "{view}.{name}" of every tensor (...) of every network.
    info : dict
        As `Model.info`.
    """
    folder = Path(folder)
    with whole(folder / "model.safetensors") as part:
        save_file(weights, part)
    write_json(folder / "model.json", info)


def load_model(folder: str | Path) -> Model:
    """Read a model written by `save_model`.

    Parameters
    ----------
    folder : path
        With `model.json` and `model.safetensors`.

    Returns
    -------
    Model

    Raises
    ------
    AinuError
        A file is missing or cannot be read.
    """
    folder = Path(folder)
    try:
        info = read_json(folder / "model.json")
        weights = load_file(folder / "model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise AinuError(f"{folder}: no readable model ({error})") from None
    return assembled(info, weights)


def assembled(info: dict[str, Any], weights: Mapping[str, Tensor]) -> Model:
    """The model that `model.json` describes.

    Parameters
    ----------
    info : dict
        As `Model.info`.
    weights : mapping of str to Tensor
        "{view}.{name}" of every tensor (...) of every network.

    Returns
    -------
    Model
    """
    encoders = []
    for view, own in info["views"].items():
        shape = tuple(own["shape"])
        network = make_network(own["network"], len(info["channels"]), len(info["classes"]), shape, seed=0)
        network.load_state_dict(weights_of_view(weights, view))
        network.requires_grad_(False)
        if len(shape) == 2:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        seen = Seen(view, shape, own["voxel_nm"], own["voxel_z_nm"])
        encoders.append(Encoder(network.eval(), own["network"], seen, own["share"], info["intensity"]))
    return Model(tuple(encoders), info)


def weights_of_view(weights: Mapping[str, Tensor], view: str) -> dict[str, Tensor]:
    """The tensors (...) of a view's network by their names there."""
    start = f"{view}."
    return {name.removeprefix(start): value for name, value in weights.items() if name.startswith(start)}
