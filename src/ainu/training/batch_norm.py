"""Batch normalisation in training: which layers follow the batches, and their statistics under the final weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def prepare(network: nn.Module) -> None:
    """Set training mode, but not for the batch normalisation of frozen layers."""
    network.train()
    for norm in norms_of(network):
        if frozen(norm):
            norm.eval()


def frozen(norm: nn.Module) -> bool:
    """Whether the weights of a layer do not move."""
    return any(not values.requires_grad for values in norm.parameters())


def norms_of(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """All batch normalisations of a network."""
    return [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the statistics of batch normalisation to those of the training images under the present weights.

    The running averages lag behind weights that change fast, and a small training set gives them few steps to catch
    up: validation would judge statistics, not weights. (Wu and Johnson, arXiv 2105.07576, "precise BN".)

    Parameters
    ----------
    network : Module
        Left with its other layers in evaluation mode.
    batches : iterable of (n, C, ...) float32 Tensor
        What the network sees of the training nuclei, on its device.
    """
    norms = [norm for norm in norms_of(network) if not frozen(norm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    for seen in batches:
        network(seen)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
