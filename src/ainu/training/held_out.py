"""Networks that are trained only to predict what they held out: for controls, for choosing, for learning studies."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ainu.networks.model import assembled
from ainu.prediction.ensemble import probabilities
from ainu.prediction.table import with_probabilities
from ainu.training.cross_validation import Fit, named_weights, rows_of


def predict_held_out(fit: Fit, rows: pd.DataFrame, resume: str | Path | None = None) -> pd.DataFrame:
    """Train a network and predict nuclei that it has not seen.

    Parameters
    ----------
    fit : Fit
        The network and the nuclei that it is trained on.
    rows : DataFrame
        Rows of `folds` of the nuclei to predict.
    resume : path, optional
        As for `Fit.run`; the file stays.

    Returns
    -------
    DataFrame
        The rows with `predicted` and a column `p_{class}` per class.
    """
    trained, info = fit.run(resume)
    model = assembled(info, named_weights(trained))
    places = rows_of(fit.dataset, rows["nucleus"])
    return with_probabilities(rows, probabilities(model, fit.dataset, places), model.classes)
