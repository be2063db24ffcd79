"""`ainu-small`: a compact network for nuclei in few images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ainu.networks.vgg import CONV, NORM, Halve

STEM = 12
WIDTHS = (20, 48, 96)


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


class Largest(nn.Module):
    """The largest response of each filter anywhere in the image."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, d, ...) maps to (N, d)."""
        return maps.flatten(2).amax(2)


class AinuSmall(nn.Module):
    """Texture first: wide filters at half resolution, three residual stages, then mean and maximum over the image.

    The mean holds how much of the nucleus has a texture, the maximum whether any place does; neither holds where, so
    that few images suffice. About 0.2 million parameters, a tenth of DenseNet-121's operations.
    """

    def __init__(self, channels: int, classes: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        dimensions = len(shape)
        self.stem = nn.Sequential(
            CONV[dimensions](channels, STEM, 5, stride=2, padding=2, bias=False), NORM[dimensions](STEM), nn.ReLU()
        )
        before = (STEM, *WIDTHS)
        self.stages = nn.ModuleList(Residual(before[number], width, dimensions) for number, width in enumerate(WIDTHS))
        self.halve = nn.ModuleList(Halve() for _ in WIDTHS[1:])
        self.largest = Largest()
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * WIDTHS[-1], classes))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, ...) images to (N, k) logits."""
        maps = self.stem(images)
        for number, stage in enumerate(self.stages):
            maps = stage(maps if number == 0 else self.halve[number - 1](maps))
        return self.head(torch.cat([maps.flatten(2).mean(2), self.largest(maps)], 1))
