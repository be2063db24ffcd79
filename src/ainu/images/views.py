"""What networks see of nuclei, batch by batch: images, images binned anew, or neighbourhoods of localizations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ainu.errors import AinuError
from ainu.images.augmentation import Augmentation, Moves, change_localizations, move_images, thin_counts
from ainu.images.binning import bin_counts
from ainu.images.dataset import Dataset, Points
from ainu.networks.catalogue import POINT_NETWORKS
from ainu.networks.model import fast_layout, normalise
from ainu.typed import typed

Indices = NDArray[np.intp]

SPARSE_BIN_NM = 300.0
SPARSE_SHARE = 0.25
"""A place is thinly populated where a bin holds less than this share of the bin of the median localization."""


class Views(Protocol):
    """What a network sees of the nuclei of a dataset."""

    def batch(self, rows: Indices, rng: np.random.Generator | None = None) -> Tensor:
        """(n, ...) float32 of the nuclei with these (n,) indices, as they are or, with `rng`, augmented."""


@dataclass(frozen=True)
class Images:
    """Images of counts, augmented voxel by voxel.

    Attributes
    ----------
    counts : (N, C, Y, X) or (N, C, Z, Y, X) uint16 or float32
        May be memory-mapped.
    intensity : str
        As `networks.model.normalise` takes it.
    augmentation : Augmentation
    voxel_nm : float
        Edge of a voxel.
    """

    counts: NDArray[Any]
    intensity: str
    augmentation: Augmentation
    voxel_nm: float

    def batch(self, rows: Indices, rng: np.random.Generator | None = None) -> Tensor:
        """(n, C, ...) float32."""
        counts = self.counts[rows]
        if rng is None:
            return fast_layout(normalise(counts, self.intensity))
        images = normalise(thin_counts(counts, self.augmentation, rng), self.intensity)
        if self.augmentation.moves:
            images = move_images(images, Moves.draw(len(rows), self.augmentation, rng), self.voxel_nm)
        return fast_layout(images)


@dataclass(frozen=True)
class Binned:
    """Images of counts, augmented localization by localization and binned anew.

    Attributes
    ----------
    plain : Images
        The same nuclei as they are.
    points : Points
        Their localizations.
    voxel_z_nm : float, optional
        Height of a voxel of stacks.
    """

    plain: Images
    points: Points
    voxel_z_nm: float | None = None

    def batch(self, rows: Indices, rng: np.random.Generator | None = None) -> Tensor:
        """(n, C, ...) float32."""
        if rng is None:
            return self.plain.batch(rows)
        augmentation, shape = self.plain.augmentation, self.plain.counts.shape[1:]
        moves = Moves.draw(len(rows), augmentation, rng)
        counts = np.stack([self._image(int(row), moves, k, shape, rng) for k, row in enumerate(rows)])
        return fast_layout(normalise(counts, self.plain.intensity))

    def _image(
        self, row: int, moves: Moves, number: int, shape: tuple[int, ...], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        own = self.points.of(row)
        augmentation = self.plain.augmentation
        sparse = thinly_populated(own.position) if augmentation.drop_background else None
        position, left = change_localizations(own.position, own.precision, sparse, moves, number, augmentation, rng)
        channel = own.channel if left is None else own.channel[left]
        return bin_counts(position, channel, shape, self.plain.voxel_nm, self.voxel_z_nm)


def thinly_populated(position: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(m,) whether each of the (m, 2 or 3) positions, nm, lies where few others do: background, for the most part."""
    if not len(position):
        return np.zeros(0, bool)
    places = ((position[:, :2] - position[:, :2].min(axis=0)) / np.float32(SPARSE_BIN_NM)).astype(np.int64)
    flat = places[:, 0] * (int(places[:, 1].max()) + 1) + places[:, 1]
    around = np.bincount(flat)[flat]
    return around < SPARSE_SHARE * np.median(around)


@dataclass(frozen=True)
class Described:
    """What a network sees of one nucleus's localizations, and which these are.

    Attributes
    ----------
    sets : (anchors, neighbours, F) float32
        What the network sees.
    near : (anchors, neighbours) int
        Indices of the neighbours among the nucleus's localizations.
    anchors : (anchors,) int
        Indices of the anchors.
    """

    sets: NDArray[np.float32]
    near: NDArray[np.intp]
    anchors: NDArray[np.intp]


@dataclass(frozen=True)
class Neighbours:
    """Neighbourhoods of localizations, for networks that read those.

    Of each nucleus `subset` localizations are drawn, and `anchors` of them with `neighbours` others: every `stride`-th
    of the nearest, so that a neighbourhood reaches half a micrometre, as far as a nucleus's domains (the very nearest
    are blinks of one molecule: with a stride of 1 the demo's balanced accuracy is 0.62, not 0.87). A neighbour is
    described by its position relative to its anchor (in units of the median reach of the neighbourhoods, so that the
    density of labelling does not count), its channel, and the anchor's position (in units of the nucleus's spread) and
    channel.

    Attributes
    ----------
    points : Points
        The localizations of the nuclei.
    channels : int
        Number of channels.
    augmentation : Augmentation
    subset : int
        Localizations that are drawn from a nucleus.
    anchors : int
        Neighbourhoods per nucleus.
    neighbours : int
        Neighbours per neighbourhood.
    stride : int
        Every how manieth of the nearest localizations is a neighbour.
    """

    points: Points
    channels: int
    augmentation: Augmentation
    subset: int = 4096
    anchors: int = 384
    neighbours: int = 16
    stride: int = 4

    def batch(self, rows: Indices, rng: np.random.Generator | None = None) -> Tensor:
        """(n, anchors, neighbours, 2 (D + C)) float32, D dimensions, C channels; drawn always alike without `rng`."""
        changed = rng is not None
        rng = np.random.default_rng(0) if rng is None else rng
        moves = Moves.draw(len(rows), self.augmentation, rng)
        sets = [self._sets(int(row), moves, k, rng, changed=changed) for k, row in enumerate(rows)]
        return torch.as_tensor(np.stack(sets))

    def _sets(
        self, row: int, moves: Moves, number: int, rng: np.random.Generator, *, changed: bool
    ) -> NDArray[np.float32]:
        own = self.points.of(row)
        position, channel = own.position, own.channel
        if changed:
            sparse = thinly_populated(position) if self.augmentation.drop_background else None
            position, left = change_localizations(
                position, own.precision, sparse, moves, number, self.augmentation, rng
            )
            channel = channel if left is None else channel[left]
        return self.describe(position, channel, rng).sets

    def describe(
        self, position: NDArray[np.float32], channel: NDArray[np.uint8], rng: np.random.Generator
    ) -> Described:
        """Draw neighbourhoods from the localizations of a nucleus.

        Parameters
        ----------
        position : (m, 2 or 3) float32
            In nm; at least one.
        channel : (m,) uint8
            Of each localization.
        rng : Generator
            Draws the localizations and the anchors.

        Returns
        -------
        Described
        """
        from scipy.spatial import cKDTree

        drawn = np.arange(len(position))
        if len(position) > self.subset:
            drawn = rng.choice(len(position), self.subset, replace=False, shuffle=False)
            position, channel = position[drawn], channel[drawn]
        anchors = rng.choice(len(position), self.anchors, replace=len(position) < self.anchors)
        k = min(self.neighbours * self.stride + 1, len(position))
        near = np.asarray(cKDTree(position).query(position[anchors], k=k)[1]).reshape(self.anchors, k)
        stride = max((k - 1) // self.neighbours, 1)  # fewer localizations are closer together
        near = near[:, (np.arange(1, self.neighbours + 1) * stride - 1) % max(k - 1, 1) + min(1, k - 1)]
        offset = position[near] - position[anchors][:, None]
        reach = np.median(np.abs(offset).max(axis=(1, 2)))
        spread = np.sqrt(np.mean(position[:, :2] ** 2)) or 1.0
        names = np.eye(self.channels, dtype=np.float32)
        centre = np.concatenate([position[anchors] / spread, names[channel[anchors]]], 1)
        around = np.broadcast_to(centre[:, None], (*near.shape, centre.shape[1]))
        sets = np.concatenate([offset / max(reach, 1e-6), names[channel[near]], around], 2).astype(np.float32)
        return Described(sets, drawn[near], drawn[anchors])


def views_of(dataset: Dataset, network: str, intensity: str, augmentation: Augmentation) -> Views:
    """What a network sees of a dataset.

    Parameters
    ----------
    dataset : Dataset
        The nuclei.
    network : str
        Its name in `networks.catalogue.CATALOGUE`.
    intensity : str
        As `networks.model.normalise` takes it.
    augmentation : Augmentation
        How batches are changed at random.

    Returns
    -------
    Images, Binned or Neighbours

    Raises
    ------
    AinuError
        Localizations are needed and the dataset has none.
    """
    images = Images(dataset.image, intensity, augmentation, dataset.voxel_size_nm)
    if network not in POINT_NETWORKS and augmentation.level == "voxels":
        return images
    if dataset.points is None:
        raise AinuError(
            f"network {network} with augmentation of {augmentation.level} needs localizations, which the dataset lacks"
        )
    if network in POINT_NETWORKS:
        return Neighbours(dataset.points, len(dataset.channels), augmentation)
    return Binned(images, dataset.points, dataset.voxel_z_nm)


def trained_views(dataset: Dataset, info: Mapping[str, Any]) -> Views:
    """What a trained network sees of a dataset, by its `model.json`."""
    return views_of(dataset, info["network"], info["intensity"], augmentation_of(info))


def augmentation_of(info: Mapping[str, Any]) -> Augmentation:
    """How the training nuclei of a model were augmented, from its `model.json`."""
    return typed(Augmentation, info["settings"]["augmentation"])
