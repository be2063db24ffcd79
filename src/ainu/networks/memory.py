"""How many images fit into the memory at a time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

MOST_AT_A_TIME = 32
"""Larger batches are no faster on a CPU."""


def activation_bytes(network: nn.Module, example: Tensor) -> int:
    """Bytes of the activations that the gradient of one image (1, C, ...) needs, measured in a forward pass."""
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    weights = {own.untyped_storage().data_ptr() for own in (*network.parameters(), *network.buffers())}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(example.detach().requires_grad_())
    return max(1, sum(size for place, size in storages.items() if place not in weights))


def fitting(network: nn.Module, example: Tensor, memory_gb: float) -> int:
    """How many images fit into the memory at a time; the gradient takes about as much as the activations.

    Parameters
    ----------
    network : Module
        Any network.
    example : (1, C, ...) float32
        One of the images.
    memory_gb : float
        What activations and gradients may take.

    Returns
    -------
    int
        From 1 to `MOST_AT_A_TIME`.
    """
    return int(np.clip(memory_gb * 1e9 / (2 * activation_bytes(network, example)), 1, MOST_AT_A_TIME))
