"""Attribution maps as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from ainu.figures.colours import SIGNED, signed_limit
from ainu.figures.names import short
from ainu.figures.scale_bar import scale_bar
from ainu.figures.style import absent, styled


def flat(image: NDArray[Any]) -> NDArray[Any]:
    """The image or map of a nucleus as (C, Y, X): a volume (C, Z, Y, X) is summed along z."""
    return image.sum(axis=1) if image.ndim == 4 else image


@styled
def class_mean_maps(
    maps: NDArray[np.floating],
    labels: Sequence[str] | NDArray[Any],
    classes: Sequence[str],
    channels: Sequence[str],
    voxel_nm: float,
) -> Figure:
    """Mean attribution of each class: a row per channel, a column per class, one colour scale.

    Parameters
    ----------
    maps : (N, C, Y, X) or (N, C, Z, Y, X) float
        Signed attribution.
    labels : (N,) str
        Class of each map.
    classes, channels : sequence of str
        Names, in the order in which to draw them. A class without maps stays empty.
    voxel_nm : float
        Edge of a voxel, nm.

    Returns
    -------
    Figure
        Limits of the colours: the 99.5th percentile of all absolute values.
    """
    of_class = [np.asarray(maps)[np.asarray(labels) == name] for name in classes]
    means = [flat(chosen.mean(axis=0)) if len(chosen) else None for chosen in of_class]
    limit = signed_limit(np.concatenate([mean.ravel() for mean in means if mean is not None] or [np.zeros(1)]))
    figure, axes = _grid(len(channels), len(classes))
    for column, (name, mean) in enumerate(zip(classes, means, strict=True)):
        axes[0, column].set_title(short(name))
        for row in range(len(channels)):
            if mean is None:
                absent(axes[row, column], "no nuclei")
            else:
                _draw_signed(axes[row, column], mean[row], limit, voxel_nm)
    for row, channel in enumerate(channels):
        axes[row, 0].set_ylabel(short(channel))
    scale = ScalarMappable(Normalize(-limit, limit), SIGNED)
    figure.colorbar(scale, ax=axes.ravel().tolist(), label="mean attribution per voxel", shrink=0.8)
    return figure


def _grid(rows: int, columns: int) -> tuple[Figure, NDArray[Any]]:
    layout = ConstrainedLayoutEngine(compress=True, w_pad=0.08, h_pad=0.08)
    figure = Figure(figsize=(2.7 * columns + 0.6, 2.3 * rows + 0.5), layout=layout)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure, axes


def _draw_signed(axis: Axes, values: NDArray[np.floating], limit: float, voxel_nm: float) -> None:
    axis.imshow(values, cmap=SIGNED, vmin=-limit, vmax=limit)
    scale_bar(axis, voxel_nm, colour="black")
