"""The architectures by name. This module needs no torch, so that settings can be checked without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ainu.errors import AinuError

if TYPE_CHECKING:
    from torch import nn


LOADED_AT_RUN_TIME = (
    "ainu.networks.ainu_small",
    "ainu.networks.monai_networks",
    "ainu.networks.vgg",
)


@dataclass(frozen=True)
class Architecture:
    """A kind of network, and what it needs.

    Attributes
    ----------
    maker : str
        "module:function" with the signature of `monai_networks.densenet`.
    variant : dict
        Its further keywords.
    cam_layer : str
        The layer whose maps Grad-CAM reads: coarse, but still a map on small canvases; empty where there is none.
    rectified : bool
        Whether its nonlinear modules are ReLU, as DeepLift and guided backpropagation need.
    least_voxels, least_planes : int
        Shortest edge of an image along x and y, and along z, that it can take.
    """

    maker: str
    variant: dict[str, object]
    cam_layer: str
    rectified: bool = True
    least_voxels: int = 32
    least_planes: int = 1

    def make(self, channels: int, classes: int, shape: tuple[int, ...]) -> nn.Module:
        """Make the network with random weights.

        Parameters
        ----------
        channels, classes : int
            Of the images, and of the output.
        shape : tuple of int
            (Y, X) or (Z, Y, X) voxels of an image.

        Returns
        -------
        Module

        Raises
        ------
        AinuError
            The images are too small for this architecture.
        """
        module, _, function = self.maker.partition(":")
        maker: Callable[..., nn.Module] = getattr(import_module(f"ainu.networks.{module}"), function)
        least = (self.least_planes, self.least_voxels, self.least_voxels)[-len(shape) :]
        if any(edge < needed for edge, needed in zip(shape, least, strict=True)):
            raise AinuError(
                f"images of {' x '.join(map(str, shape))} voxels are too small for this network, which needs "
                f"{' x '.join(map(str, least))}; choose smaller voxels or another network"
            )
        return maker(channels, classes, shape, **self.variant)


def _densenet(layers: tuple[int, ...], growth: int = 32, first: int = 64) -> Architecture:
    variant = {"layers": layers, "growth": growth, "first": first}
    return Architecture(
        "monai_networks:densenet", variant, cam_layer="features.denseblock2", least_voxels=29, least_planes=29
    )


CATALOGUE = {
    "ainu-small": Architecture("ainu_small:AinuSmall", {}, cam_layer="stages.1", least_voxels=8),
    "densenet121": _densenet((6, 12, 24, 16)),
    "densenet169": _densenet((6, 12, 32, 32)),
    "densenet201": _densenet((6, 12, 48, 32)),
    "resnet18": Architecture("monai_networks:resnet", {"name": "resnet18"}, cam_layer="layer2"),
    "resnet50": Architecture("monai_networks:resnet", {"name": "resnet50"}, cam_layer="layer2"),
    "se-resnet50": Architecture("monai_networks:se_resnet50", {}, cam_layer="layer2"),
    "efficientnet-b0": Architecture("monai_networks:efficientnet_b0", {}, cam_layer="_blocks.2", rectified=False),
    "vgg": Architecture("vgg:VGG", {}, cam_layer="stages.2"),
    "vit": Architecture("monai_networks:vit", {}, cam_layer="", rectified=False, least_voxels=16),
}
"""All networks that `network:` of an experiment takes."""
