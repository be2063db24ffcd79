"""Out-of-fold predictions: every nucleus by the models that did not see its replicate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from ainu.errors import AinuError
from ainu.images.dataset import Dataset
from ainu.networks.model import Model, margin_of
from ainu.prediction.ensemble import check_match, class_probabilities, logits
from ainu.prediction.table import with_probabilities


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions of nuclei, and what each view adds to them.

    Attributes
    ----------
    predictions : DataFrame
        The rows of the folds with `predicted` and a column `p_{class}` per class.
    margins : DataFrame
        `nucleus sample replicate label repeat fold` and a column `margin_{view}` per view: what it adds to the logit of
        the true class less the mean of the others.
    """

    predictions: pd.DataFrame
    margins: pd.DataFrame


def predict_out_of_fold(dataset: Dataset, folds: pd.DataFrame, models: Iterable[Model]) -> OutOfFold:
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
    OutOfFold

    Raises
    ------
    AinuError
        A model was trained on a replicate that it is to predict.
    """
    places = pd.Series(np.arange(len(dataset)), index=dataset.nucleus)
    predictions, margins = [], []
    for model in models:
        check_match(model, dataset)
        repeat, fold = model.info["repeat"], model.info["fold"]
        chosen = folds[(folds["repeat"] == repeat) & (folds["fold"] == fold)]
        seen = set(model.info["training_replicates"]) & set(chosen["replicate"])
        if seen:
            raise AinuError(f"model of repeat {repeat}, fold {fold} was trained on test replicates: {sorted(seen)}")
        rows = places[chosen["nucleus"]].to_numpy()
        found = logits(model, dataset, rows)
        predictions.append(with_probabilities(chosen, class_probabilities(found), model.classes))
        truth = torch.as_tensor(dataset.codes(model.classes)[rows])
        own = {f"margin_{view}": margin_of(values, truth).numpy() for view, values in found.items()}
        margins.append(chosen.assign(**own))
    return OutOfFold(_in_order(predictions), _in_order(margins))


def out_of_fold(dataset: Dataset, folds: pd.DataFrame, models: Iterable[Model]) -> pd.DataFrame:
    """The predictions of `predict_out_of_fold`.

    Parameters
    ----------
    dataset, folds, models
        As for `predict_out_of_fold`.

    Returns
    -------
    DataFrame
    """
    return predict_out_of_fold(dataset, folds, models).predictions


def _in_order(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
