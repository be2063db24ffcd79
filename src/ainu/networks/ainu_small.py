"""`ainu-small`: a compact network for nuclei in few images."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ainu.networks.vgg import CONV, NORM, Halve

STEM = 12
WIDTHS = (16, 48, 96)
NEIGHBOURHOODS = (1.0, 2.0, 4.0)
"""Standard deviations, in voxels along x and y, of the Gaussians that weigh neighbours by distance: 20, 40 and 80 nm in
the detail. Along z half of it, since voxels of stacks are taller than wide."""
PAIR_MAPS = 4
"""Maps of pairs of each neighbourhood."""


class Residual(nn.Module):
    """Two convolutions, the second added to the first, so that it learns the residual alone (He et al., CVPR 2016)."""

    def __init__(self, before: int, after: int, dimensions: int) -> None:
        super().__init__()
        self.widen = nn.Sequential(CONV[dimensions](before, after, 3, padding=1, bias=False), NORM[dimensions](after))
        self.refine = nn.Sequential(CONV[dimensions](after, after, 3, padding=1, bias=False), NORM[dimensions](after))
        self.rectify = nn.ModuleList([nn.ReLU(), nn.ReLU()])

    def forward(self, images: Tensor) -> Tensor:
        """(N, before, ...) maps to (N, after, ...) maps."""
        wide = self.rectify[0](self.widen(images))
        return self.rectify[1](wide + self.refine(wide))


class Product(nn.Module):
    """Voxel by voxel; a module, so that attribution can give it a rule."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """(N, d, ...) maps times (N, d, ...) maps."""
        return one * other


class Pairs(nn.Module):
    """How much of each channel lies around each voxel's own: pairs of localizations, by distance.

    The mean over an image is its pair correlation at that distance (Sengupta et al., Nature Methods 8, 969, 2011), in
    which clusters of molecules differ first. Convolutions and ReLU, which see single localizations as soon as pairs,
    take longer to find it where localizations are few (docs/networks.md has the figures).
    """

    def __init__(self, channels: int, dimensions: int) -> None:
        super().__init__()
        self.channels = channels
        self.times = Product()
        self.halve = (nn.AvgPool2d if dimensions == 2 else nn.AvgPool3d)(2, ceil_mode=True)
        # Not trained: which channel is which is said by `mix` alone.
        self.norm = NORM[dimensions](channels * len(NEIGHBOURHOODS), affine=False)
        self.mix = nn.ModuleList(CONV[dimensions](channels, PAIR_MAPS, 1, bias=False) for _ in NEIGHBOURHOODS)
        for number, deviation in enumerate(NEIGHBOURHOODS):
            for axis in range(dimensions):
                flat = gaussian(deviation / 2 if dimensions == 3 and axis == 0 else deviation)
                shape = [len(flat) if own == axis else 1 for own in range(dimensions)]
                self.register_buffer(f"weights_{number}_{axis}", flat.reshape(1, 1, *shape), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, ...) images to (N, d, ...) maps of half the edge."""
        with torch.autocast(images.device.type, enabled=False):  # bfloat16 is slow where each channel is on its own
            plain = images.float()
            pairs = [self.halve(self.times(plain, self._around(plain, k))) for k in range(len(NEIGHBOURHOODS))]
            scaled = self.norm(torch.cat(pairs, 1)).split(self.channels, 1)
        return torch.cat([mix(own) for mix, own in zip(self.mix, scaled, strict=True)], 1)

    def _around(self, images: Tensor, number: int) -> Tensor:
        """What lies around each voxel, without the voxel itself."""
        dimensions = images.ndim - 2
        convolve = nn.functional.conv2d if dimensions == 2 else nn.functional.conv3d
        around, own = images, torch.ones((), device=images.device)
        for axis in range(dimensions):
            weights = self.get_buffer(f"weights_{number}_{axis}")
            own = own * weights.max()
            each = weights.expand(self.channels, *weights.shape[1:]).contiguous()
            padding = [edge // 2 for edge in weights.shape[2:]]
            around = convolve(around, each, padding=padding, groups=self.channels)
        return around - own * images


def gaussian(deviation: float) -> Tensor:
    """(n,) float32 weights of a Gaussian whose squares add up to 1: chance gives as much in every neighbourhood."""
    reach = int(np.ceil(2.5 * deviation))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    return torch.from_numpy((weights / np.sqrt((weights**2).sum())).astype(np.float32))


class Largest(nn.Module):
    """The largest response of each filter anywhere in the image."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, d, ...) maps to (N, d)."""
        return maps.flatten(2).amax(2)


class AinuSmall(nn.Module):
    """Texture first: wide filters and pairs at half resolution, three residual stages, then mean and maximum.

    The mean holds how much of the nucleus has a texture, the maximum whether any place does; neither holds where, so
    that few images suffice. About 0.2 million parameters, a tenth of DenseNet-121's operations.
    """

    def __init__(self, channels: int, classes: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        dimensions = len(shape)
        self.stem = nn.Sequential(
            CONV[dimensions](channels, STEM, 5, stride=2, padding=2, bias=False), NORM[dimensions](STEM), nn.ReLU()
        )
        self.pairs = Pairs(channels, dimensions)
        before = (STEM + PAIR_MAPS * len(NEIGHBOURHOODS), *WIDTHS)
        self.stages = nn.ModuleList(Residual(before[number], width, dimensions) for number, width in enumerate(WIDTHS))
        self.halve = nn.ModuleList(Halve() for _ in WIDTHS[1:])
        self.largest = Largest()
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * WIDTHS[-1], classes))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, ...) images to (N, k) logits."""
        maps = torch.cat([self.stem(images), self.pairs(images)], 1)
        for number, stage in enumerate(self.stages):
            maps = stage(maps if number == 0 else self.halve[number - 1](maps))
        return self.head(torch.cat([maps.flatten(2).mean(2), self.largest(maps)], 1))
