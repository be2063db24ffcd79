"""The most confident errors, as images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ainu.figures.colours import COUNTS, count_limit
from ainu.figures.maps import flat
from ainu.figures.names import short
from ainu.figures.scale_bar import scale_bar
from ainu.figures.style import sentence, styled
from ainu.images.dataset import Dataset

SHOWN = 6


def confident_errors(
    rows: pd.DataFrame, truth: NDArray[np.int64], probabilities: NDArray[np.float64], classes: Sequence[str]
) -> list[dict[str, Any]]:
    """The misclassified nuclei with the highest probabilities, at most six, most confident first.

    Parameters
    ----------
    rows : DataFrame
        `nucleus` and `replicate` of n nuclei.
    truth : (n,) int64
        Index of the true class.
    probabilities : (n, k) float64
        Out of fold.
    classes : sequence of k str
        In the order of the probabilities.

    Returns
    -------
    list of dict
        `nucleus`, `replicate`, `label`, `predicted`, `probability`.
    """
    predicted = probabilities.argmax(1)
    highest = probabilities.max(1)
    wrong = np.flatnonzero(predicted != truth)
    return [
        {
            "nucleus": str(rows["nucleus"].iloc[index]),
            "replicate": str(rows["replicate"].iloc[index]),
            "label": classes[truth[index]],
            "predicted": classes[predicted[index]],
            "probability": float(highest[index]),
        }
        for index in wrong[np.argsort(-highest[wrong], kind="stable")][:SHOWN]
    ]


@styled
def picture(dataset: Dataset, errors: Sequence[dict[str, Any]]) -> Figure:
    """A column per error, a row per channel, with a scale bar; the images of a channel share one scale."""
    if not errors:
        return sentence("no misclassified nucleus")
    channels = dataset.channels
    figure = Figure(figsize=(2.3 * max(len(errors), 2) + 0.8, 2.4 * len(channels) + 0.6), layout="constrained")
    axes = figure.subplots(len(channels), len(errors), squeeze=False)
    place = {name: index for index, name in enumerate(dataset.nucleus)}
    images = np.stack([flat(dataset.image[place[error["nucleus"]]]) for error in errors])
    for row, channel in enumerate(channels):
        norm = PowerNorm(0.5, vmin=0, vmax=count_limit(images[:, row]))
        for column, error in enumerate(errors):
            axis = axes[row, column]
            drawn = axis.imshow(images[column, row], cmap=COUNTS, norm=norm)
            axis.set(xticks=[], yticks=[])
            scale_bar(axis, dataset.voxel_size_nm)
            if row == 0:
                axis.set_title(_caption(error), fontsize=7)
        axes[row, 0].set_ylabel(short(channel))
        figure.colorbar(drawn, ax=axes[row].tolist(), label="localizations per voxel", shrink=0.8, extend="max")
    return figure


def _caption(error: dict[str, Any]) -> str:
    return (
        f"{short(error['nucleus'])}\n{short(error['label'])}, classified as\n"
        f"{short(error['predicted'])} ({100 * error['probability']:.0f} %)"
    )
