"""Tables of predictions: one row per nucleus and repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def with_probabilities(rows: pd.DataFrame, values: NDArray[np.float64], classes: Sequence[str]) -> pd.DataFrame:
    """Add the probabilities and the predicted class to a table.

    Parameters
    ----------
    rows : DataFrame
        One row per prediction.
    values : (n, k) float64
        Probability of each class.
    classes : sequence of str
        In the order of the columns.

    Returns
    -------
    DataFrame
        `rows` with `predicted` and a column `p_{class}` per class.
    """
    table = rows.assign(predicted=np.asarray(classes, object)[values.argmax(1)])
    return table.assign(**{f"p_{name}": values[:, index] for index, name in enumerate(classes)})


def pooled(predictions: pd.DataFrame, classes: Sequence[str]) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Predictions pooled over the repeats.

    Parameters
    ----------
    predictions : DataFrame
        `nucleus`, `sample`, `replicate`, `label` and `p_{class}`.
    classes : sequence of str
        In the order of the probabilities.

    Returns
    -------
    rows : DataFrame
        `nucleus`, `sample`, `replicate`, `label`, one row per nucleus in order of first appearance.
    probabilities : (N, k) float64
        Averaged over the repeats.
    """
    columns = [f"p_{name}" for name in classes]
    grouped = predictions.groupby("nucleus", sort=False)
    rows = grouped[["sample", "replicate", "label"]].first().reset_index()
    return rows, grouped[columns].mean().to_numpy()


def pooled_truth(
    predictions: pd.DataFrame, classes: Sequence[str]
) -> tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.float64]]:
    """Predictions pooled over the repeats, with the true classes.

    Parameters
    ----------
    predictions : DataFrame
        `nucleus`, `sample`, `replicate`, `label` and `p_{class}`.
    classes : sequence of str
        In the order of the probabilities.

    Returns
    -------
    rows : DataFrame
        One row per nucleus, as `pooled` gives them.
    truth : (N,) int64
        Index of each true class.
    probabilities : (N, k) float64
        Averaged over the repeats.
    """
    rows, probabilities = pooled(predictions, classes)
    return rows, codes(rows["label"], classes), probabilities


def codes(labels: pd.Series, classes: Sequence[str]) -> NDArray[np.int64]:
    """(n,) int64 index of each label in `classes`."""
    return np.array([list(classes).index(label) for label in labels], np.int64)
