"""The evidence at the resolution of the data: a nucleus, and windows of two micrometres on its strongest evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from ainu.attribution.maps import Detail, read_details
from ainu.figures.colours import COUNTS, SIGNED, count_limit, signed_limit
from ainu.figures.names import method_name, short
from ainu.figures.scale_bar import scale_bar
from ainu.figures.style import sentence, styled
from ainu.images.dataset import Dataset

WINDOW_NM = 2000.0
WINDOWS = 3
OVERVIEW_NM = 100.0
"""Pixel of a whole nucleus."""
CLOSE_NM = 10.0
"""Pixel of a window; localizations are drawn as spots of this standard deviation."""


def detail_windows(dataset: Dataset, maps: str | Path, method: str | None, classes: Sequence[str]) -> Figure:
    """Nuclei whose detail was explained, one of each class: all localizations, their attribution, the strongest places.

    Parameters
    ----------
    dataset : Dataset
        The nuclei.
    maps : path
        Of `maps.write_maps`.
    method : str, optional
        Whose attribution is drawn; None: the first that there is.
    classes : sequence of str
        One nucleus of each is drawn, of up to four.

    Returns
    -------
    Figure
    """
    details = read_details(maps, method)
    if details is None:
        return sentence("no detail view was explained")
    places = {str(name): row for row, name in enumerate(dataset.nucleus)}
    labels = {name: str(dataset.label[places[name]]) for name in details.values}
    shown = [next((name for name in details.values if labels[name] == label), None) for label in classes[:4]]
    rows = [places[name] for name in shown if name is not None]
    return _drawn(dataset, rows, details)


@styled
def _drawn(dataset: Dataset, rows: Sequence[int], details: Detail) -> Figure:
    figure = Figure(figsize=(2.3 * (2 + WINDOWS) + 0.4, 2.3 * len(rows) + 0.5), layout="constrained")
    axes = figure.subplots(len(rows), 2 + WINDOWS, squeeze=False)
    assert dataset.points is not None
    for line, row in zip(axes, rows, strict=True):
        position = dataset.points.of(row).position[:, :2].astype(np.float64)
        values = details.values[str(dataset.nucleus[row])].astype(np.float64)
        corner = position.min(axis=0) - OVERVIEW_NM
        counts, evidence = (_binned(position, corner, OVERVIEW_NM, weights) for weights in (None, values))
        line[0].imshow(counts, cmap=COUNTS, vmin=0, vmax=count_limit(counts))
        scale_bar(line[0], OVERVIEW_NM)
        line[0].set_ylabel(short(str(dataset.label[row])))
        limit = signed_limit(evidence)
        line[1].imshow(evidence, cmap=SIGNED, vmin=-limit, vmax=limit)
        scale_bar(line[1], OVERVIEW_NM, colour="black")
        for number, (place, axis) in enumerate(zip(strongest(evidence), line[2:], strict=False), start=1):
            centre = corner + (place + 0.5) * OVERVIEW_NM
            _frame(line[1], place, str(number))
            _window(axis, position, values, centre)
        for axis in line:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(True)
    axes[0, 0].set_title("localizations")
    axes[0, 1].set_title(method_name(details.method))
    for number in range(WINDOWS):
        axes[0, 2 + number].set_title(f"window {number + 1}")
    return figure


def _binned(
    position: NDArray[np.float64], corner: NDArray[np.float64], pixel_nm: float, weights: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """(Y, X) sums of localizations (or weights) per pixel."""
    columns, lines = ((position - corner) / pixel_nm).astype(np.intp).T
    shape = (int(lines.max(initial=0)) + 2, int(columns.max(initial=0)) + 2)
    flat = np.bincount(lines * shape[1] + columns, weights, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(np.float64)


def strongest(evidence: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Places of most evidence for the class, as windows that do not overlap and do not reach beyond the nucleus.

    Parameters
    ----------
    evidence : (Y, X) float64
        Attribution in pixels of `OVERVIEW_NM`.

    Returns
    -------
    list of (2,) int
        Column and row of the middle of each window; fewer where there is no more evidence.
    """
    size = round(WINDOW_NM / OVERVIEW_NM)
    sums = np.full(evidence.shape, -np.inf)
    inner = tuple(_within(edge, size) for edge in evidence.shape)
    sums[inner] = uniform_filter(evidence, size, mode="constant")[inner]
    found = []
    for _ in range(WINDOWS):
        row, column = np.unravel_index(int(sums.argmax()), sums.shape)
        if sums[row, column] <= 0:
            break
        found.append(np.array([column, row], np.intp))
        sums[max(row - size, 0) : row + size, max(column - size, 0) : column + size] = -np.inf
    return found


def _within(edge: int, size: int) -> slice:
    """Where the middle of a window of `size` pixels may lie along an edge; the middle of an edge that is shorter."""
    size = min(size, edge)
    return slice(size // 2, edge - size + size // 2 + 1)


def _frame(axis: Axes, place: NDArray[np.intp], name: str) -> None:
    half = WINDOW_NM / OVERVIEW_NM / 2
    x, y = (
        place[0] + np.array([-half, half, half, -half, -half]),
        place[1] + np.array([-half, -half, half, half, -half]),
    )
    axis.plot(x, y, color="0.2", linewidth=0.8)
    axis.text(x[0] + 1, y[0] + 1, name, fontsize=7, va="top")


def _window(
    axis: Axes, position: NDArray[np.float64], values: NDArray[np.float64], centre: NDArray[np.float64]
) -> None:
    """Localizations as spots, each coloured by its attribution, on white."""
    n = round(WINDOW_NM / CLOSE_NM)
    place = np.floor((position - centre) / CLOSE_NM).astype(np.intp) + n // 2
    inside = ((place >= 0) & (place < n)).all(axis=1)
    flat = place[inside, 1] * n + place[inside, 0]
    evidence = gaussian_filter(np.bincount(flat, values[inside], minlength=n * n).reshape(n, n), 1.0)
    density = gaussian_filter(np.bincount(flat, minlength=n * n).reshape(n, n).astype(np.float64), 1.0)
    limit = signed_limit(evidence)
    axis.imshow(-density, cmap="gray", vmin=-2.5 * max(count_limit(density), 1e-9), vmax=0)
    strength = np.clip(np.abs(evidence) / limit, 0, 1)
    axis.imshow(evidence, cmap=SIGNED, vmin=-limit, vmax=limit, alpha=strength)
    scale_bar(axis, CLOSE_NM, colour="black")
