"""Out-of-fold predictions of nuclei seen with less resolution, by networks trained on sharp ones."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ainu.images.blur import Blur
from ainu.images.blurring import blurred
from ainu.images.dataset import Dataset
from ainu.networks.model import Model
from ainu.prediction.out_of_fold import out_of_fold


def blurred_predictions(
    dataset: Dataset, folds: pd.DataFrame, models: Sequence[Model], levels: Sequence[Blur], seed: int
) -> dict[str, pd.DataFrame]:
    """Predict every nucleus at every level of blur by the models that held its replicate out.

    Parameters
    ----------
    dataset : Dataset
        All nuclei of the folds.
    folds : DataFrame
        As `folds.table.read_folds` gives them.
    models : sequence of Model
        One for each fold of each repeat that counts.
    levels : sequence of Blur
        How much resolution is lost.
    seed : int
        Moves the localizations.

    Returns
    -------
    dict of str to DataFrame
        By the name of the level, as `out_of_fold` gives them; empty where the images are densities.
    """
    if dataset.points is None:
        return {}
    return {blur.name: out_of_fold(blurred(dataset, blur, seed), folds, models) for blur in levels}
