"""The attribution methods by name. This module needs no torch, so that settings can be checked without it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ainu.networks.catalogue import CATALOGUE

SMOOTHED = "smoothgrad-"
"""Prefix of a method averaged over noisy copies of the image (SmoothGrad, Smilkov et al., 2017)."""


@dataclass(frozen=True)
class Method:
    """Properties of a method.

    Attributes
    ----------
    contributions : bool
        Whether values are shares of the decision, which add up and are divided among the localizations of a voxel;
        otherwise they say how much a place matters.
    complete : bool
        Whether the values of a nucleus have to add up to the decision (completeness).
    needs_maps : bool
        Whether it needs a layer of coarse maps.
    needs_relu : bool
        Whether it needs a network of ReLU.
    """

    contributions: bool
    complete: bool = False
    needs_maps: bool = False
    needs_relu: bool = False


BASE = {
    "saliency": Method(contributions=False),
    "input_x_gradient": Method(contributions=True),
    "integrated_gradients": Method(contributions=True, complete=True),
    "deep_lift": Method(contributions=True, complete=True, needs_relu=True),
    "gradient_shap": Method(contributions=True, complete=True),
    "grad_cam": Method(contributions=False, needs_maps=True),
    "guided_grad_cam": Method(contributions=False, needs_maps=True, needs_relu=True),
    "occlusion": Method(contributions=False),
}

DEFAULT = ("integrated_gradients", "deep_lift", "grad_cam")
"""Methods where the config names none, as far as the network allows them."""

METHODS = (*BASE, *(f"{SMOOTHED}{name}" for name in BASE))
"""All names that the config's `attribution.methods` takes."""


def method_of(name: str) -> Method:
    """Properties of a method, smoothed or not; smoothing adds noise, so its values no longer have to add up."""
    own = BASE[name.removeprefix(SMOOTHED)]
    return own if name in BASE else Method(own.contributions, False, own.needs_maps, own.needs_relu)


def methods_for(network: str) -> tuple[str, ...]:
    """The methods that a network of the catalogue allows."""
    own = CATALOGUE[network]
    return tuple(
        name
        for name in METHODS
        if (own.cam_layer or not method_of(name).needs_maps) and (own.rectified or not method_of(name).needs_relu)
    )


def chosen_methods(networks: Iterable[str], methods: list[str] | None) -> list[str]:
    """The methods of an experiment: those named, or the default ones that all its networks allow."""
    allowed = [methods_for(network) for network in networks]
    return [name for name in DEFAULT if all(name in own for own in allowed)] if methods is None else methods
