"""Networks rewired for attribution: the same function, out of modules that are called once each.

DeepLift and guided backpropagation replace the gradient of each nonlinear module. That goes wrong where a ReLU works in
place, where one module is called at several places (a ResNet block has one ReLU for all), and for the largest of
overlapping or of all places, of which captum's rule keeps one share only. A product of two maps is shared equally by
them, so that the shares add up to the product, against an empty image whose products are 0.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from ainu.networks.ainu_small import Largest, Product
from ainu.networks.vgg import Halve

POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, Halve, Largest)
LOWEST = -1e30
"""Beyond the edge of the maps; lower than any response."""


class _InTurn(nn.Module):
    """Replaces a module that is called several times by one module per call."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.calls = 0

    def forward(self, *maps: Tensor) -> Tensor:
        """The output of the next member for (N, d, ...) maps."""
        member = self.members[self.calls % len(self.members)]
        self.calls += 1
        return member(*maps)


class _LargestByReLU(nn.Module):
    """The largest of neighbouring places, as a sum of rectified differences: max(a, b) = a + relu(b - a).

    The rules for ReLU then hold for it, and nothing of what goes into it is lost.
    """

    def __init__(
        self, kernel: list[int], stride: list[int], padding: list[int], *, ceil: bool = False, flat: bool = False
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding, self.ceil, self.flat = kernel, stride, padding, ceil, flat
        self.relus = nn.ModuleList(nn.ModuleList(nn.ReLU() for _ in range(size - 1)) for size in kernel)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, d, ...) maps to their pooled ones; (N, d) where all places are one window."""
        for axis in range(len(self.kernel)):
            maps = self._along(maps, axis)
        return maps.flatten(1) if self.flat else maps

    def _along(self, maps: Tensor, axis: int) -> Tensor:
        """The first place compared is never padding, so that nothing is lost to rounding."""
        size, stride, margin = self.kernel[axis], self.stride[axis], self.padding[axis]
        edge = maps.shape[axis + 2]
        count = (edge + 2 * margin - size + (stride - 1 if self.ceil else 0)) // stride + 1
        count -= int((count - 1) * stride >= edge + margin)
        beyond = max(0, (count - 1) * stride + size - edge - margin)
        around = [0, 0] * (maps.ndim - 3 - axis) + [margin, beyond]
        padded = nn.functional.pad(maps, around, value=LOWEST) if margin or beyond else maps
        order = [margin, *(offset for offset in range(size) if offset != margin)]
        places = [padded.narrow(axis + 2, k, (count - 1) * stride + 1) for k in order]
        steps = [slice(None)] * (axis + 2) + [slice(None, None, stride)]
        largest = places[0][tuple(steps)]
        relus: Any = self.relus[axis]
        for relu, other in zip(relus, places[1:], strict=True):
            largest = largest + relu(other[tuple(steps)] - largest)
        return largest


class _SharedProduct(nn.Module):
    """A product whose gradient is halved."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """(N, d, ...) maps times (N, d, ...) maps."""
        return (one * other.detach() + one.detach() * other) / 2


@torch.no_grad()
def rewired(network: nn.Module, example: Tensor) -> nn.Module:
    """A copy of a network in evaluation mode that computes the same, for one shape of images.

    Parameters
    ----------
    network : Module
        Stays as it is.
    example : (1, C, ...) float32
        An image of the shape that the copy is for.

    Returns
    -------
    Module
    """
    copy = deepcopy(network)
    calls, shapes = _trial(copy, example)
    for name, module in list(copy.named_modules()):
        if name not in calls:
            continue
        fresh = [_replacement(module, shapes[name][call]) for call in range(calls[name])]
        _place(copy, name, fresh[0] if len(fresh) == 1 else _InTurn(fresh))
    return copy.eval()


def _trial(network: nn.Module, example: Tensor) -> tuple[Counter[str], dict[str, list[tuple[int, ...]]]]:
    """How often each nonlinear module is called, and with maps of what shape."""
    calls: Counter[str] = Counter()
    shapes: dict[str, list[tuple[int, ...]]] = {}

    def note(name: str) -> Any:
        def hook(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
            calls[name] += 1
            shapes.setdefault(name, []).append(tuple(given[0].shape[2:]))

        return hook

    watched = [(name, own) for name, own in network.named_modules() if isinstance(own, (nn.ReLU, Product, *POOLS))]
    hooks = [own.register_forward_pre_hook(note(name)) for name, own in watched]
    network(example)
    for hook in hooks:
        hook.remove()
    return calls, shapes


def _replacement(module: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    if isinstance(module, nn.ReLU):
        return nn.ReLU()
    if isinstance(module, Product):
        return _SharedProduct()
    if isinstance(module, Largest):
        return _LargestByReLU(list(shape), [1] * len(shape), [0] * len(shape), flat=True)
    if isinstance(module, Halve):
        sizes = [min(2, edge) for edge in shape]
        return _LargestByReLU(sizes, sizes, [0] * len(shape))
    kernel, stride, padding = (_each(getattr(module, key), len(shape)) for key in ("kernel_size", "stride", "padding"))
    return _LargestByReLU(kernel, stride, padding, ceil=bool(module.ceil_mode))


def _each(value: int | tuple[int, ...], axes: int) -> list[int]:
    return [value] * axes if isinstance(value, int) else list(value)


def _place(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, module)
