"""Nuclei with localizations removed: how a network's decision changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from ainu.attribution.captum_methods import Explainer
from ainu.attribution.catalogue import method_of
from ainu.images.dataset import Dataset


@dataclass(frozen=True)
class Probe:
    """A whole nucleus as a network sees it; its U voxels with localizations are the units that are removed.

    Attributes
    ----------
    explainer : Explainer
        The network, and how it is explained.
    image : (C, ...) float64
        Localizations per voxel, d axes beside the channels.
    target : int
        Its true class.
    name, label : str
        Of the nucleus, and of the class.
    """

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
        """(U,) localizations in each unit."""
        return self.image.ravel()[self.units]

    @cached_property
    def position(self) -> NDArray[np.float64]:
        """(U, d) places of the units, nm."""
        places = np.stack(np.unravel_index(self.units, self.image.shape)[1:], 1)
        return places * np.asarray(self.explainer.voxel_nm)

    @cached_property
    def channel(self) -> NDArray[np.integer]:
        """(U,) channel of each unit."""
        return np.unravel_index(self.units, self.image.shape)[0]

    def _images(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        images = np.zeros((len(kept), self.image.size))
        images[:, self.units] = kept
        return images.reshape(len(kept), *self.image.shape)

    @torch.inference_mode()
    def margins(self, kept: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B,) margins of the true class with (B, U) localizations left, normalised again."""
        parts = np.array_split(kept, -(-len(kept) // self.explainer.rows))
        return np.concatenate([self._margins(self._images(part)) for part in parts])

    def _margins(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        targets = torch.full((len(images),), self.target)
        return self.explainer.margin(self.explainer.encoder.inputs(images), targets).double().numpy()

    def attribution(self, method: str, kept: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Attribution, (C, ...), of the nucleus or of what is `kept` (U,) of it."""
        images = self.explainer.encoder.inputs(self.image[None] if kept is None else self._images(kept[None]))
        return self.explainer.maps(method, images, torch.tensor([self.target]), [self.name])[0]

    def per_localization(self, method: str, found: NDArray[np.float32]) -> NDArray[np.float64]:
        """(U,) attribution of one localization of each unit, by a map (C, ...)."""
        values = found.ravel()[self.units].astype(np.float64)
        return values / self.counts if method_of(method).contributions else values

    def by(self, explainer: Explainer) -> Probe:
        """The same nucleus as another network sees it."""
        return replace(self, explainer=explainer)


def probe(explainer: Explainer, dataset: Dataset, row: int, target: int) -> Probe:
    """A nucleus as a network sees it.

    Parameters
    ----------
    explainer : Explainer
        The network, with the settings of its maps.
    dataset : Dataset
        With the nucleus.
    row : int
        Row of the nucleus.
    target : int
        Its true class.

    Returns
    -------
    Probe
    """
    image, name, label = dataset.image[row].astype(np.float64), str(dataset.nucleus[row]), str(dataset.label[row])
    return Probe(explainer, image, target, name, label)
