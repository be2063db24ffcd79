"""A map of the nuclei by the features of the networks (`prediction.embedding`), laid out by t-SNE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ainu.figures.colours import MARKERS, class_colour
from ainu.figures.names import short
from ainu.figures.style import absent, styled
from ainu.hdf5 import open_file

FEWEST = 5
"""Nuclei of the smallest map."""


def read_relative(path: str | Path, nuclei: Sequence[str]) -> NDArray[np.float64]:
    """(N, a) relative features of nuclei, in the order given."""
    with open_file(path) as file:
        table = pd.DataFrame(file["relative"][()], file["nucleus"].asstr()[()])
    return table.loc[list(nuclei)].to_numpy(np.float64)


def layout(values: NDArray[np.float64], seed: int) -> NDArray[np.float64] | None:
    """(N, 2) places of (N, a) relative features by t-SNE; None for too few nuclei. The same ones every time."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(values) < FEWEST:
        return None
    perplexity = min(30.0, (len(values) - 1) / 3)
    with threadpool_limits(1):  # sums over threads come in any order
        return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(values).astype(np.float64)


@styled
def picture(places: NDArray[np.float64] | None, rows: pd.DataFrame, classes: Sequence[str]) -> Figure:
    """The map twice: coloured by class, and by replicate.

    Replicates beyond eight share colours and differ in shape.

    Parameters
    ----------
    places : (N, 2) float64, optional
        As `layout` gives them.
    rows : DataFrame
        `label` and `replicate` of each nucleus.
    classes : sequence of str
        In the order of the legend.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9.2, 4.4), layout="constrained")
    panels = figure.subplots(1, 2)
    for axis, column, names in zip(
        panels, ("label", "replicate"), (classes, sorted(set(rows["replicate"]))), strict=True
    ):
        axis.set(xticks=[], yticks=[], title={"label": "by class", "replicate": "by replicate"}[column])
        if places is None:
            absent(axis, "too few nuclei for a map")
            continue
        for index, name in enumerate(names):
            own = (rows[column] == name).to_numpy()
            mark = MARKERS[index // 8 % len(MARKERS)]
            axis.scatter(
                *places[own].T, s=18, color=class_colour(index), marker=mark, label=short(str(name)), alpha=0.8
            )
        if len(names) <= 24:
            axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=7)
    return figure
