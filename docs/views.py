"""Draw docs/views.png: what networks see of a simulated nucleus.

python docs/views.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "src"))

from ainu.figures.colours import COUNTS, count_limit  # noqa: E402
from ainu.figures.saving import save  # noqa: E402
from ainu.figures.scale_bar import scale_bar  # noqa: E402
from ainu.figures.style import styled  # noqa: E402
from ainu.images.binning import bin_counts  # noqa: E402
from ainu.images.views import tile_grid  # noqa: E402
from ainu.simulation.fields import simulate  # noqa: E402
from ainu.simulation.pairs import pair  # noqa: E402

CONTEXT_NM, DETAIL_NM, CROP_NM, CANVAS_NM = 200.0, 20.0, 3200.0, 12800.0
SHOWN = (1, 4, 6)
"""Tiles that are drawn large."""


@styled
def picture(position: NDArray[np.float32], channel: NDArray[np.uint8]) -> Figure:
    """The whole nucleus with its tiles, and three of the crops.

    Parameters
    ----------
    position : (n, 2) float32
        Of the localizations, nm from the middle of the nucleus.
    channel : (n,) uint8
        Of each.

    Returns
    -------
    Figure
    """
    centres, weights = tile_grid(position, channel, 2, np.array([CROP_NM, CROP_NM]))
    figure = Figure(figsize=(11.0, 3.3), layout="constrained")
    whole, *crops = figure.subplots(1, 1 + len(SHOWN))
    _counts(whole, position, channel, CANVAS_NM, CONTEXT_NM)
    whole.set_title("Context: the whole nucleus, 200 nm")
    for number, (centre, weight) in enumerate(zip(centres, weights, strict=True)):
        corner = (centre - CROP_NM / 2 + CANVAS_NM / 2) / CONTEXT_NM - 0.5
        own = number in SHOWN
        edge = CROP_NM / CONTEXT_NM
        frame = {"edgecolor": "white" if own else "0.6", "linewidth": 1.8 if own else 0.7, "fill": False}
        whole.add_patch(Rectangle((corner[0], corner[1]), edge, edge, clip_on=False, **frame))
        label = chr(ord("a") + SHOWN.index(number)) if own else ""
        text = f"{label}  {100 * weight:.0f} %".strip()
        heavy = "bold" if own else "normal"
        said = whole.text(corner[0] + 0.5, corner[1] + 0.7, text, color="white", fontsize=7, weight=heavy)
        said.set_path_effects([withStroke(linewidth=2, foreground="black")])
    for axis, number, name in zip(crops, SHOWN, "abc", strict=True):
        _counts(axis, position - centres[number].astype(np.float32), channel, CROP_NM, DETAIL_NM)
        axis.set_title(f"Detail: tile {name}, 20 nm")
    return figure


def _counts(
    axis: Axes, position: NDArray[np.float32], channel: NDArray[np.uint8], edge_nm: float, voxel: float
) -> None:
    """Draw the Pol II counts of a square around the middle, as the square root."""
    n = round(edge_nm / voxel)
    near = (np.abs(position) < edge_nm / 2).all(axis=1)
    counts = bin_counts(position[near], channel[near], (2, n, n), voxel, None)[0]
    axis.imshow(np.sqrt(counts), cmap=COUNTS, origin="lower", vmin=0, vmax=np.sqrt(count_limit(counts)))
    axis.set(xticks=[], yticks=[])
    scale_bar(axis, voxel)


def main() -> None:
    """Simulate a nucleus and draw it."""
    table, truth = simulate(pair("nanoscale")[0], seed=3, name="views")
    position = np.stack([table.x, table.y], axis=1)
    inside = truth.nuclei[0].contains(position)
    position = (position[inside] - position[inside].mean(axis=0)).astype(np.float32)
    save(picture(position, table.channel[inside].astype(np.uint8)), HERE / "views.png")


if __name__ == "__main__":
    main()
