"""Weights to start from: those of another experiment's models, or of a file, instead of random ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ainu.errors import AinuError
from ainu.networks.model import Model, channel_statistics, first_filters, last_layer, load_model, weights_of_view
from ainu.networks.seen import CONTEXT, DETAIL, IMAGE
from ainu.training.recipe import Transfer


def initialise(
    network: nn.Module,
    view: str,
    transfer: Transfer,
    folders: Sequence[str | Path],
    held_out: set[str],
    fold: int,
    channels: Sequence[str],
) -> dict[str, Any] | None:
    """Give a network the initial weights that are wanted, freeze what is not to move, and say where they come from.

    Parameters
    ----------
    network : Module
        With random weights; those that do not fit elsewhere stay.
    view : str
        What it sees: the weights are those of the same view, or of any view where there is one alone.
    transfer : Transfer
        What becomes of the weights.
    folders : sequence of path
        Models of the experiment to start from, if any.
    held_out : set of str
        Replicates that the network will be tested on: no model that saw one is taken.
    fold : int
        Decides among the models that are allowed, so that the folds start from different ones.
    channels : sequence of str
        Of the images.

    Returns
    -------
    dict, optional
        `experiment`, `repeat`, `fold`, `classes` of the model (or `file`), how many tensors were taken and left, and
        `channels`: for each channel of the images, the one whose filters it starts with.
    """
    if transfer.mode == "scratch":
        return None
    if folders:
        model = allowed_model([load_model(folder) for folder in folders], held_out, fold)
        weights, matched = match_channels(model, view, network, channels)
        origin = {key: model.info[key] for key in ("repeat", "fold", "classes")} | {"channels": matched}
        origin |= {"experiment": Path(folders[0]).parents[1].name}
    elif transfer.weights:
        weights, origin = weights_of_file(transfer.weights, view, network), {"file": Path(transfer.weights).name}
    else:
        return None
    taken = take(network, weights)
    if transfer.mode == "frozen":
        network.requires_grad_(False)
        last_layer(network).requires_grad_(True)
    return origin | {"tensors": len(taken), "tensors_left_random": len(network.state_dict()) - len(taken)}


def allowed_model(models: Sequence[Model], held_out: set[str], fold: int) -> Model:
    """One of the models that saw none of the replicates held out here.

    Parameters
    ----------
    models : sequence of Model
        Those of the experiment to start from.
    held_out : set of str
        Replicates that the network will be tested on.
    fold : int
        Decides among the models that are allowed.

    Returns
    -------
    Model

    Raises
    ------
    AinuError
        When every model has seen one.
    """
    allowed = [model for model in models if not held_out & set(model.info["training_replicates"])]
    if not allowed:
        names = ", ".join(sorted(held_out))
        raise AinuError(
            f"init_from: every one of its {len(models)} models was trained on a replicate that is held out here "
            f"({names}); give both experiments the same folds and seed, or take replicates that it has not seen"
        )
    return allowed[fold % len(allowed)]


def match_channels(
    model: Model, view: str, network: nn.Module, channels: Sequence[str]
) -> tuple[dict[str, Tensor], dict[str, str | None]]:
    """The model's weights with its first filters in the order of these channels, and which channel each one took.

    A channel that the model has not seen starts with the mean of the model's filters.

    Parameters
    ----------
    model : Model
        Whose weights are taken.
    view : str
        What the network sees.
    network : Module
        That is to take them.
    channels : sequence of str
        Of the images.

    Returns
    -------
    weights : dict of str to Tensor
        First filters (F, C, ...) for the C channels of the images, all others as they are.
    matched : dict of str to str, optional each
        For each channel of the images, the model's channel that it starts from.
    """
    encoder = model.encoder(view) or model.encoders[0]
    weights, own = dict(encoder.network.state_dict()), list(model.info["channels"])
    matched: dict[str, str | None] = {name: name if name in own else None for name in channels}
    if own == list(channels):
        return weights, matched
    named = ", ".join(f"{name} from {source or 'the mean of all'}" for name, source in matched.items())
    print(f"ainu: init_from: its channels are {', '.join(own)}; first filters of {named}", file=sys.stderr)
    for name in first_filters(network):
        filters = weights[name]
        parts = [filters[:, own.index(c)] if c in own else filters.mean(1) for c in channels]
        weights[name] = torch.stack(parts, 1) * (len(own) / len(channels))
    for name in channel_statistics(network):
        seen = weights[name].reshape(-1, len(own))
        weights[name] = torch.stack(
            [seen[:, own.index(c)] if c in own else seen.mean(1) for c in channels], 1
        ).flatten()
    return weights, matched


def weights_of_file(path: str | Path, view: str, network: nn.Module) -> dict[str, Tensor]:
    """Pretrained weights of a file, by name; torchvision's names of a DenseNet lack MONAI's ".layers".

    First filters of another number of channels are averaged over the channels.

    Parameters
    ----------
    path : path
        A .safetensors file: of weights, or of a model of this workflow; of its views, the same or else the first.
    view : str
        What the network sees.
    network : Module
        That is to take the weights.

    Returns
    -------
    dict of str to Tensor
        First filters (F, C, ...) for the C channels of the network.

    Raises
    ------
    AinuError
        When the file cannot be read, or is not of this architecture.
    """
    try:
        found = load_file(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise AinuError(f"{path}: no readable weights; a .safetensors file is needed ({error})") from None
    by_view = (weights_of_view(found, own) for own in (view, IMAGE, CONTEXT, DETAIL))
    found = next(filter(None, by_view), found)
    own = network.state_dict()
    theirs = {name: name if name in found else name.replace(".layers.", ".") for name in own}
    found = {name: found[other] for name, other in theirs.items() if other in found}
    for first in first_filters(network):
        if first not in found or found[first].shape[2:] != own[first].shape[2:]:
            continue
        mean = found[first].mean(1, keepdim=True) * found[first].shape[1]
        found[first] = mean.expand_as(own[first]) / own[first].shape[1]
    fitting = sum(name in found and found[name].shape == value.shape for name, value in own.items())
    if fitting < len(own) / 2:
        raise AinuError(f"{path}: only {fitting} of {len(own)} tensors of the network have their match in the file")
    return found


def take(network: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Load the tensors (...) whose name and shape fit; the names of those."""
    own = network.state_dict()
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(fitting, strict=False)
    return list(fitting)


def stages(network: nn.Module) -> dict[str, int]:
    """The stage of each parameter, from the input on: what shares the first two parts of its name is one stage."""
    names = [name for name, _ in network.named_parameters()]
    order = list(dict.fromkeys(".".join(name.split(".")[:2]) for name in names))
    return {name: order.index(".".join(name.split(".")[:2])) for name in names}


def parameter_groups(network: nn.Module, rate: float, transfer: Transfer) -> list[dict[str, Any]]:
    """What an optimizer takes: the parameters that move, with a learning rate per stage where they differ.

    Parameters
    ----------
    network : Module
        What is to be trained.
    rate : float
        Highest learning rate of its last stage.
    transfer : Transfer
        How the rate falls towards the first stage.

    Returns
    -------
    list of dict
        `params` and `lr` of each group.
    """
    moving = {name: values for name, values in network.named_parameters() if values.requires_grad}
    if transfer.layer_decay == 1:
        return [{"params": list(moving.values()), "lr": rate}]
    stage = stages(network)
    last = max(stage.values())
    groups: dict[int, list[nn.Parameter]] = {}
    for name, values in moving.items():
        groups.setdefault(stage[name], []).append(values)
    return [{"params": part, "lr": rate * transfer.layer_decay ** (last - k)} for k, part in sorted(groups.items())]
