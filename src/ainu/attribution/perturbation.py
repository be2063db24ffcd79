"""A nucleus before the network that judges it: how the decision changes when localizations are taken away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ainu.attribution.catalogue import method_of
from ainu.attribution.explain import Explainer
from ainu.attribution.point_networks import Presence
from ainu.images.dataset import Dataset, Points
from ainu.images.views import Neighbours, settings_of
from ainu.networks.catalogue import POINT_NETWORKS
from ainu.networks.model import margin_of

LEAST = 2
"""Fewer localizations have no neighbours; a network that reads those is then shown an empty nucleus."""


class Probe(Protocol):
    """A nucleus in units that are taken away together: voxels with what they hold, or single localizations.

    Attributes
    ----------
    counts : (U,) float64
        Localizations in each unit.
    position : (U, d) float64
        Where units lie, nm.
    channel : (U,) int
    name, label : str
        Of the nucleus.
    """

    @property
    def counts(self) -> NDArray[np.float64]: ...

    @property
    def position(self) -> NDArray[np.float64]: ...

    @property
    def channel(self) -> NDArray[np.integer]: ...

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    def margins(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B,) margins of the true class with (B, U) localizations left; normalised anew."""

    def attribution(self, method: str, kept: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """The map, or the values of localizations, of the nucleus or of what is `kept` (U,) of it."""

    def per_localization(self, method: str, found: NDArray[np.float32]) -> NDArray[np.float64]:
        """(U,) what one localization of each unit is worth by a map."""

    def by(self, explainer: Explainer) -> Probe:
        """The same nucleus before another network."""

    @property
    def explainer(self) -> Explainer:
        """The network, and how it is explained."""


@dataclass(frozen=True)
class ImageProbe:
    """A nucleus before a network that reads images; units are voxels with localizations."""

    explainer: Explainer
    image: NDArray[np.float64]
    target: int
    name: str
    label: str

    @cached_property
    def units(self) -> NDArray[np.intp]:
        """(U,) flat indices of the voxels that hold any."""
        return np.flatnonzero(self.image)

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        return self.image.ravel()[self.units]

    @cached_property
    def position(self) -> NDArray[np.float64]:
        places = np.stack(np.unravel_index(self.units, self.image.shape)[1:], 1)
        return places * np.asarray(self.explainer.voxel_nm)

    @cached_property
    def channel(self) -> NDArray[np.integer]:
        return np.unravel_index(self.units, self.image.shape)[0]

    def _images(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        images = np.zeros((len(kept), self.image.size))
        images[:, self.units] = kept
        return images.reshape(len(kept), *self.image.shape)

    @torch.inference_mode()
    def margins(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = np.array_split(kept, -(-len(kept) // self.explainer.rows))
        return np.concatenate([self._margins(self._images(part)) for part in parts])

    def _margins(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        logits = self.explainer.model.network(self.explainer.model.inputs(images))
        return margin_of(logits, torch.full((len(images),), self.target)).double().numpy()

    def attribution(self, method: str, kept: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        images = self.explainer.model.inputs(self.image[None] if kept is None else self._images(kept[None]))
        return self.explainer.maps(method, images, torch.tensor([self.target]), [self.name])[0]

    def per_localization(self, method: str, found: NDArray[np.float32]) -> NDArray[np.float64]:
        values = found.ravel()[self.units].astype(np.float64)
        return values / self.counts if method_of(method).contributions else values

    def by(self, explainer: Explainer) -> ImageProbe:
        return replace(self, explainer=explainer)


@dataclass(frozen=True)
class PointProbe:
    """A nucleus before a network that reads localizations; these are the units."""

    explainer: Explainer
    points: Points
    sets: Neighbours
    target: int
    name: str
    label: str

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        return np.ones(len(self.points.position))

    @cached_property
    def position(self) -> NDArray[np.float64]:
        return self.points.position.astype(np.float64)

    @property
    def channel(self) -> NDArray[np.integer]:
        return self.points.channel

    def _left(self, kept: NDArray[np.float64]) -> Points:
        own = kept > 0
        return Points(self.points.position[own], self.points.channel[own], None, np.array([0, int(own.sum())]))

    @torch.inference_mode()
    def margins(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        logits = torch.cat([self._logits(self._left(row)) for row in kept])
        return margin_of(logits, torch.full((len(kept),), self.target)).double().numpy()

    def _logits(self, left: Points) -> torch.Tensor:
        empty = len(left.position) < LEAST
        own = self.points if empty else left
        seen = self.sets.describe(own.position, own.channel, np.random.default_rng(0))
        there = torch.full((1, *seen.near.shape), 0.0 if empty else 1.0)
        return self.explainer.model.network(torch.as_tensor(seen.sets)[None], there, there[:, :, 0])

    def attribution(self, method: str, kept: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        own = self.counts if kept is None else kept
        settings = self.explainer.settings
        presence = Presence(self.explainer.model, self.sets, self._left(own), self.target, settings.samples)
        values = np.zeros(len(own), np.float32)
        values[own > 0] = presence.attribution(method, settings.steps, settings.memory_gb)[0]
        return values

    def per_localization(self, method: str, found: NDArray[np.float32]) -> NDArray[np.float64]:
        return found.astype(np.float64)

    def by(self, explainer: Explainer) -> PointProbe:
        return replace(self, explainer=explainer)


def probe(explainer: Explainer, dataset: Dataset, row: int) -> Probe:
    """Nucleus `row` of a dataset before a network, for its true class."""
    model, name, label = explainer.model, str(dataset.nucleus[row]), str(dataset.label[row])
    target = int(dataset.codes(model.classes)[row])
    if model.info["network"] not in POINT_NETWORKS:
        return ImageProbe(explainer, dataset.image[row].astype(np.float64), target, name, label)
    assert dataset.points is not None
    sets = Neighbours(dataset.points, len(dataset.channels), settings_of(model.info)[2])
    return PointProbe(explainer, dataset.points.of(row), sets, target, name, label)
