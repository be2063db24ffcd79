"""Out-of-fold predictions of nuclei with fewer localizations, to see how accuracy depends on their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ainu.images.dataset import Dataset
from ainu.images.thinning import thinned
from ainu.networks.model import Model
from ainu.prediction.out_of_fold import out_of_fold

SHARES = (0.5, 0.25, 0.1)
"""Of the localizations that are kept."""


def thinned_predictions(dataset: Dataset, folds: pd.DataFrame, models: Sequence[Model], seed: int) -> pd.DataFrame:
    """Out-of-fold predictions of nuclei that keep a share of their localizations, drawn at random.

    Parameters
    ----------
    dataset : Dataset
        All nuclei of the folds.
    folds : DataFrame
        As `folds.table.read_folds` gives them.
    models : sequence of Model
        One for each fold of each repeat.
    seed : int
        Draws the localizations.

    Returns
    -------
    DataFrame
        As `out_of_fold` gives them for each of `SHARES`, with a column `share`; without rows where the images are
        densities.
    """
    columns = [*folds.columns, "predicted", *(f"p_{name}" for name in models[0].classes)]
    if not dataset.counted:
        return pd.DataFrame(columns=[*columns, "share"])
    counts, parts = dataset.image_counts, []
    for share in SHARES:
        left = thinned(dataset, np.ceil(counts * share).astype(np.int64), seed)
        parts.append(out_of_fold(left, folds, models).assign(share=share))
    return pd.concat(parts, ignore_index=True)
