"""What networks see of nuclei: crops of the detail, and the whole nucleus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ainu.errors import AinuError
from ainu.images.augmentation import Augmentation, Move, jittered, survivors, thinly_populated, turned_image
from ainu.images.binning import bin_counts
from ainu.images.dataset import Dataset, Points
from ainu.images.places import draw_place, tile_grid
from ainu.images.sparse_grid import SparseGrid, order_by_place
from ainu.networks.model import fast_layout, normalise
from ainu.networks.seen import DETAIL, Seen

Indices = NDArray[np.intp]
Rngs = Sequence[np.random.Generator]

TILES, VOXELS = 32, 32 * 160 * 160
"""Most tiles, and voxels of a channel, that a network is shown at a time: stacks take as much memory as images."""


@dataclass(frozen=True)
class Tiles:
    """All that a network is shown of a nucleus for a prediction.

    Attributes
    ----------
    seen : (t, C, ...) float32
        What it sees.
    weight : (t,) float32
        Weight of each, 1 in total.
    centre : (t, 2 or 3) float64
        Where the middle of each lies, nm from the middle of the nucleus.
    """

    seen: Tensor
    weight: Tensor
    centre: NDArray[np.float64]


class Views(Protocol):
    """What a network sees of the nuclei of a dataset."""

    def batch(self, rows: Indices, rngs: Rngs) -> Tensor:
        """(n, C, ...) float32: something of each of these (n,) nuclei, drawn and changed at random, for a step."""

    def tiles(self, row: int, rng: np.random.Generator | None = None) -> Tiles:
        """All of a nucleus for a prediction; with `rng` turned, mirrored and thinned at random first."""


@dataclass(frozen=True)
class Changed:
    """The localizations of a nucleus after a random change.

    Attributes
    ----------
    position : (m, 2 or 3) float32
        nm from the middle.
    channel : (m,) uint8
    """

    position: NDArray[np.float32]
    channel: NDArray[np.uint8]


def change(
    points: Points,
    rows: NDArray[np.intp] | slice,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Changed:
    """Jitter some localizations of a nucleus.

    Parameters
    ----------
    points : Points
        Of one nucleus.
    rows : (m,) int or slice
        Which of its localizations.
    augmentation : Augmentation
        How they are changed.
    rng : Generator
        For the changes.

    Returns
    -------
    Changed
    """
    position, channel = points.position[rows], points.channel[rows]
    if augmentation.jitter and points.precision is not None:
        position = jittered(position, points.precision[rows], augmentation.jitter, rng)
    return Changed(position, channel)


@dataclass(frozen=True)
class Whole:
    """Whole nuclei on a canvas, of counts binned anew when they are changed, or densities.

    Attributes
    ----------
    image : (N, C, Y, X) or (N, C, Z, Y, X) uint16 or float32
        Nuclei as they are; may be memory-mapped.
    points : Points, optional
        Their localizations; None where there are only images, which are turned by right angles.
    intensity : str
        As `networks.model.normalise` takes it.
    augmentation : Augmentation
    voxel_nm : float
        Edge of a voxel.
    voxel_z_nm : float, optional
        Its height, for stacks.
    """

    image: NDArray[Any]
    points: Points | None
    intensity: str
    augmentation: Augmentation
    voxel_nm: float
    voxel_z_nm: float | None = None

    def batch(self, rows: Indices, rngs: Rngs) -> Tensor:
        """(n, C, ...) float32: these (n,) nuclei, changed at random."""
        images = [self._changed(int(row), rng) for row, rng in zip(rows, rngs, strict=True)]
        return fast_layout(normalise(np.stack(images), self.intensity))

    def tiles(self, row: int, rng: np.random.Generator | None = None) -> Tiles:
        """The nucleus as one tile."""
        image = self.image[row] if rng is None else self._changed(row, rng)
        seen = fast_layout(normalise(image[None], self.intensity))
        return Tiles(seen, torch.ones(1), np.zeros((1, image.ndim - 1)))

    def _changed(self, row: int, rng: np.random.Generator) -> NDArray[Any]:
        if self.points is None:
            return turned_image(self.image[row], self.augmentation, rng)
        own = self.points.of(row)
        move = Move.draw(self.augmentation, rng)
        sparse = thinly_populated(own.position) if self.augmentation.drop_background else None
        left = survivors(len(own.position), sparse, self.augmentation, rng)
        changed = change(own, slice(None) if left is None else left, self.augmentation, rng)
        position = move.of_places(changed.position)
        return bin_counts(position, changed.channel, self.image.shape[1:], self.voxel_nm, self.voxel_z_nm)


@dataclass(frozen=True)
class Crops:
    """Crops of nuclei at the voxels of the detail.

    Attributes
    ----------
    points : Points
        Localizations of the nuclei, ordered by place.
    area_um2 : (N,) float
        Area of each nucleus.
    channels : int
        Number of channels.
    shape : tuple of int
        (Y, X) or (Z, Y, X) voxels of a crop.
    intensity : str
        As `networks.model.normalise` takes it.
    augmentation : Augmentation
    voxel_nm : float
        Edge of a voxel.
    voxel_z_nm : float, optional
        Its height, for stacks.
    """

    points: Points
    area_um2: NDArray[np.float32]
    channels: int
    shape: tuple[int, ...]
    intensity: str
    augmentation: Augmentation
    voxel_nm: float
    voxel_z_nm: float | None = None
    _grids: dict[int, SparseGrid] = field(default_factory=dict, repr=False, compare=False)
    _sparse: dict[int, NDArray[np.bool_]] = field(default_factory=dict, repr=False, compare=False)
    _means: dict[int, NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def size_nm(self) -> NDArray[np.float64]:
        """(2 or 3,) edges of a crop along x, y and z."""
        voxels = [self.voxel_nm, self.voxel_nm, self.voxel_z_nm or 0.0][: len(self.shape)]
        return np.array(self.shape[::-1]) * np.array(voxels)

    def batch(self, rows: Indices, rngs: Rngs) -> Tensor:
        """(n, C, ...) float32: a crop of each of these (n,) nuclei, somewhere and at some angle."""
        crops, means = zip(*(self._crop(int(row), rng) for row, rng in zip(rows, rngs, strict=True)), strict=True)
        return fast_layout(normalise(np.stack(crops), self.intensity, np.stack(means)))

    def tiles(self, row: int, rng: np.random.Generator | None = None) -> Tiles:
        """Crops side by side that cover the nucleus, but for empty ones."""
        own = self.points.of(row)
        if rng is None:
            return self.tiles_of(own.position, own.channel, self.mean(row))
        move = Move.draw(self.augmentation, rng)
        left = self._left(row, own, rng)
        changed = change(own, left, self.augmentation, rng)
        position = move.of_places(changed.position)
        order = order_by_place(position)
        return self.tiles_of(position[order], changed.channel[order], self.mean(row, left))

    def tiles_of(
        self,
        position: NDArray[np.float32],
        channel: NDArray[np.uint8],
        mean: NDArray[np.float64],
        shift: float = 0.0,
    ) -> Tiles:
        """Tiles of localizations.

        Parameters
        ----------
        position : (m, 2 or 3) float32
            Ordered by place, nm.
        channel : (m,) uint8
            Of each.
        mean : (C,) float64
            Localizations per voxel by which intensities are normalised.
        shift : float
            Of all tiles, as for `places.tile_grid`.

        Returns
        -------
        Tiles
            A single empty one where there is no localization.
        """
        grid = SparseGrid.of(position)
        centres, weights = tile_grid(position, channel, self.channels, self.size_nm, shift)
        plain = Move(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
        crops = [self._cut(Changed(position, channel), grid, centre, plain) for centre in centres]
        means = np.broadcast_to(mean, (len(crops), self.channels))
        seen = fast_layout(normalise(np.stack(crops), self.intensity, means))
        return Tiles(seen, torch.as_tensor(weights, dtype=torch.float32), centres)

    def mean(self, row: int, left: NDArray[np.intp] | slice = slice(None)) -> NDArray[np.float64]:
        """Localizations per voxel of a nucleus, on average over its area.

        Parameters
        ----------
        row : int
            Of the nucleus.
        left : (k,) int or slice
            Which of its localizations count.

        Returns
        -------
        (C,) float64
        """
        if isinstance(left, slice) and row in self._means:
            return self._means[row]
        own = self.points.of(row)
        number = np.bincount(own.channel[left], minlength=self.channels)[: self.channels]
        voxels = self.area_um2[row] * 1e6 / self.voxel_nm**2
        if self.voxel_z_nm and len(own.position):
            voxels *= max(float(np.ptp(own.position[:, 2])) / self.voxel_z_nm, 1.0)
        found = number / max(float(voxels), 1.0)
        if isinstance(left, slice):
            self._means[row] = found
        return found

    def _crop(self, row: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """A crop of a nucleus, and the localizations per voxel of that nucleus."""
        own = self.points.of(row)
        if row not in self._grids:
            self._grids[row] = SparseGrid.of(own.position)
        move = Move.draw(self.augmentation, rng)
        centre = draw_place(own.position, own.channel, self.channels, self.size_nm, rng)
        stretches = self._grids[row].near(centre, self._reach)
        left = self._left(row, own, rng)
        if isinstance(left, slice):
            parts = [np.arange(part.start, part.stop) for part in stretches]
        else:
            parts = [left[slice(*np.searchsorted(left, [part.start, part.stop]))] for part in stretches]
        near = np.concatenate([np.zeros(0, np.intp), *parts])
        return self._binned(change(own, near, self.augmentation, rng), centre, move), self.mean(row, left)

    @property
    def _reach(self) -> float:
        """Half the edge of the square that holds a crop at any angle."""
        return float(self.size_nm[0]) / np.sqrt(2)

    def _cut(self, own: Changed, grid: SparseGrid, centre: NDArray[np.float64], move: Move) -> NDArray[np.float32]:
        near = grid.near(centre, self._reach)
        position = np.concatenate([own.position[part] for part in near] or [own.position[:0]])
        channel = np.concatenate([own.channel[part] for part in near] or [own.channel[:0]])
        return self._binned(Changed(position, channel), centre, move)

    def _binned(self, own: Changed, centre: NDArray[np.float64], move: Move) -> NDArray[np.float32]:
        position = own.position[:, : len(self.shape)] - centre.astype(np.float32)
        turned = Move(move.matrix, np.zeros(2, np.float32)).of_places(position)
        return bin_counts(turned, own.channel, (self.channels, *self.shape), self.voxel_nm, self.voxel_z_nm)

    def _left(self, row: int, own: Points, rng: np.random.Generator) -> NDArray[np.intp] | slice:
        """Which localizations of a nucleus are left after thinning."""
        if self.augmentation.drop_background and row not in self._sparse:
            self._sparse[row] = thinly_populated(own.position)
        left = survivors(len(own.position), self._sparse.get(row), self.augmentation, rng)
        return slice(None) if left is None else left


def view_of(dataset: Dataset, seen: Seen, intensity: str, augmentation: Augmentation) -> Views:
    """What a network sees of a dataset.

    Parameters
    ----------
    dataset : Dataset
        The nuclei.
    seen : Seen
        The view.
    intensity : str
        As `networks.model.normalise` takes it.
    augmentation : Augmentation
        How nuclei are changed at random.

    Returns
    -------
    Whole or Crops

    Raises
    ------
    AinuError
        Crops are wanted and the dataset holds no localizations.
    """
    if seen.view != DETAIL:
        return Whole(dataset.image, dataset.points, intensity, augmentation, dataset.voxel_size_nm, dataset.voxel_z_nm)
    points = dataset.points if dataset.detail is None else dataset.detail
    if points is None:
        raise AinuError("the detail view needs localizations, which images of kernel gaussian do not hold")
    return Crops(
        points,
        dataset.area_um2,
        len(dataset.channels),
        seen.shape,
        intensity,
        augmentation,
        seen.voxel_nm,
        seen.voxel_z_nm,
    )


def tiles_in_batches(
    views: Views, rows: Indices, copy: Sequence[int] | None = None
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """All that a network is shown of nuclei, at most `TILES` tiles or `VOXELS` voxels of a channel at a time.

    Parameters
    ----------
    views : Views
        Of N nuclei.
    rows : (n,) int
        Which of them.
    copy : sequence of int, optional
        Seed by which each nucleus is changed at random first.

    Yields
    ------
    seen : (b, C, ...) float32
    nucleus : (b,) int64
        Place of each tile's nucleus among `rows`.
    weight : (b,) float32
    """
    waiting: list[tuple[Tensor, Tensor, Tensor]] = []
    for place, row in enumerate(rows):
        tiles = views.tiles(int(row), None if copy is None else np.random.default_rng([*copy, int(row)]))
        waiting.append((tiles.seen, torch.full((len(tiles.seen),), place), tiles.weight))
        most = max(1, min(TILES, VOXELS // tiles.seen[0, 0].numel()))
        if sum(len(seen) for seen, _, _ in waiting) >= most:
            yield from _split(waiting, most)
            waiting = []
    if waiting:
        yield from _split(waiting, most)


def _split(waiting: Sequence[tuple[Tensor, Tensor, Tensor]], most: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    joined = [torch.cat(parts) for parts in zip(*waiting, strict=True)]
    return zip(*(part.split(most) for part in joined), strict=True)
