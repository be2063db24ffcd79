"""Out-of-fold predictions: every nucleus by the models that did not see its replicate."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ainu.errors import AinuError
from ainu.images.dataset import Dataset
from ainu.networks.model import Model
from ainu.prediction.ensemble import check_match, probabilities
from ainu.prediction.table import with_probabilities


def out_of_fold(dataset: Dataset, folds: pd.DataFrame, models: Iterable[Model]) -> pd.DataFrame:
    """Predict every nucleus by the models that held its replicate out.

    Parameters
    ----------
    dataset : Dataset
        All nuclei of the folds.
    folds : DataFrame
        As `folds.table.read_folds` gives them.
    models : iterable of Model
        One for each fold of each repeat.

    Returns
    -------
    DataFrame
        The rows of `folds` with `predicted` and a column `p_{class}` per class.

    Raises
    ------
    AinuError
        A model was trained on a replicate that it is to predict.
    """
    places = pd.Series(np.arange(len(dataset)), index=dataset.nucleus)
    parts = []
    for model in models:
        check_match(model, dataset)
        repeat, fold = model.info["repeat"], model.info["fold"]
        chosen = folds[(folds["repeat"] == repeat) & (folds["fold"] == fold)]
        seen = set(model.info["training_replicates"]) & set(chosen["replicate"])
        if seen:
            raise AinuError(f"model of repeat {repeat}, fold {fold} was trained on test replicates: {sorted(seen)}")
        rows = places[chosen["nucleus"]].to_numpy()
        parts.append(with_probabilities(chosen, probabilities(model, dataset, rows), model.classes))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
