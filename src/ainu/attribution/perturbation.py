"""Nuclei with localizations removed: how a network's decision changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ainu.attribution.captum_methods import Explainer
from ainu.attribution.catalogue import method_of
from ainu.attribution.point_networks import Presence
from ainu.images.dataset import Dataset, Points
from ainu.images.views import Neighbours, augmentation_of
from ainu.networks.catalogue import POINT_NETWORKS
from ainu.networks.model import margin_of

LEAST = 2
"""Fewer localizations have no neighbours; a network that reads neighbourhoods is then shown an empty nucleus."""


class Probe(Protocol):
    """A nucleus in units that are removed together: voxels with their localizations, or single localizations.

    U units in d dimensions.
    """

    @property
    def counts(self) -> NDArray[np.float64]:
        """(U,) localizations in each unit."""

    @property
    def position(self) -> NDArray[np.float64]:
        """(U, d) places of the units, nm."""

    @property
    def channel(self) -> NDArray[np.integer]:
        """(U,) channel of each unit."""

    @property
    def name(self) -> str:
        """The nucleus."""

    @property
    def label(self) -> str:
        """Its true class."""

    def margins(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B,) margins of the true class with (B, U) localizations left, normalised again."""

    def attribution(self, method: str, kept: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Attribution, (C, ...) or (n,), of the nucleus or of what is `kept` (U,) of it."""

    def per_localization(self, method: str, found: NDArray[np.float32]) -> NDArray[np.float64]:
        """(U,) attribution of one localization of each unit, by a map (C, ...) or by values (n,)."""

    def by(self, explainer: Explainer) -> Probe:
        """The same nucleus as another network sees it."""

    @property
    def explainer(self) -> Explainer:
        """The network, and how it is explained."""


@dataclass(frozen=True)
class _ImageProbe:
    """A nucleus as a network sees it that reads images; units are voxels with localizations."""

    explainer: Explainer
    image: NDArray[np.float64]
    target: int
    name: str
    label: str

    @cached_property
    def units(self) -> NDArray[np.intp]:
        """(U,) flat indices of the voxels with localizations."""
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

    def by(self, explainer: Explainer) -> _ImageProbe:
        return replace(self, explainer=explainer)


@dataclass(frozen=True)
class _PointProbe:
    """A nucleus as a network sees it that reads localizations; these are the units."""

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

    def by(self, explainer: Explainer) -> _PointProbe:
        return replace(self, explainer=explainer)


def probe(explainer: Explainer, dataset: Dataset, row: int) -> Probe:
    """A nucleus as a network sees it, for its true class.

    Parameters
    ----------
    explainer : Explainer
        The network, with the settings of its maps.
    dataset : Dataset
        With the nucleus.
    row : int
        Row of the nucleus.

    Returns
    -------
    Probe
    """
    model, name, label = explainer.model, str(dataset.nucleus[row]), str(dataset.label[row])
    target = int(dataset.codes(model.classes)[row])
    if model.info["network"] not in POINT_NETWORKS:
        return _ImageProbe(explainer, dataset.image[row].astype(np.float64), target, name, label)
    assert dataset.points is not None
    sets = Neighbours(dataset.points, len(dataset.channels), augmentation_of(model.info))
    return _PointProbe(explainer, dataset.points.of(row), sets, target, name, label)
