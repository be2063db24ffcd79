"""The confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ainu.figures.colours import SHARES
from ainu.figures.names import short
from ainu.figures.style import styled


@styled
def confusion(matrix: NDArray[np.integer], classes: Sequence[str]) -> Figure:
    """Confusion matrix: counts, and coloured by the share of each true class.

    Parameters
    ----------
    matrix : (k, k) int
        Nuclei by true class (rows) and predicted class (columns).
    classes : sequence of k str
        Names in the order of the matrix.

    Returns
    -------
    Figure
    """
    counts, names = np.asarray(matrix), [short(name) for name in classes]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    edge = 2.2 + 0.75 * len(classes)
    figure = Figure(figsize=(edge + 0.9, edge), layout="constrained")
    axis = figure.add_subplot()
    image = axis.imshow(shares, cmap=SHARES, vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row, column]}\n{100 * share:.0f} %"
        axis.text(column, row, text, ha="center", va="center", color="black" if share > 0.55 else "white")
    positions = np.arange(len(classes))
    axis.set_xticks(positions, names, rotation=30 if len(classes) > 3 else 0)
    axis.set_yticks(positions, [f"{name}\n(n = {total})" for name, total in zip(names, counts.sum(1), strict=True)])
    axis.set(xlabel="predicted class", ylabel="true class")
    axis.spines[:].set_visible(False)
    figure.colorbar(image, ax=axis, label="share of the true class", shrink=0.8)
    return figure
