"""A plain stack of convolutions, in the manner of VGG (Simonyan and Zisserman, ICLR 2015)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

WIDTHS = (32, 64, 128, 256, 256)
CONV = {2: nn.Conv2d, 3: nn.Conv3d}
NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class VGG(nn.Module):
    """Five stages of two convolutions of width 3, the image halved in between; means over the image; a linear layer."""

    def __init__(self, channels: int, classes: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stage(before, after, len(shape)) for before, after in pairwise((channels, *WIDTHS)))
        self.halve = nn.ModuleList(Halve() for _ in WIDTHS[1:])
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(WIDTHS[-1], classes))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, ...) images to (N, k) logits."""
        for number, block in enumerate(self.stages):
            images = block(images if number == 0 else self.halve[number - 1](images))
        return self.head(images.flatten(2).mean(2))


class Halve(nn.Module):
    """Largest of every two voxels along each axis that still has two."""

    def forward(self, images: Tensor) -> Tensor:
        """(N, d, ...) maps to maps of half the edge."""
        sizes = [min(2, edge) for edge in images.shape[2:]]
        pool = nn.functional.max_pool2d if len(sizes) == 2 else nn.functional.max_pool3d
        return pool(images, sizes)


def stage(before: int, after: int, dimensions: int) -> nn.Sequential:
    """Two convolutions with batch normalisation.

    Parameters
    ----------
    before, after : int
        Maps that it takes and gives.
    dimensions : int
        2 or 3.

    Returns
    -------
    nn.Sequential
        (N, before, ...) maps to (N, after, ...).
    """
    parts: list[nn.Module] = []
    for width in (before, after):
        parts += [CONV[dimensions](width, after, 3, padding=1, bias=False), NORM[dimensions](after), nn.ReLU()]
    return nn.Sequential(*parts)
