"""The table of out-of-fold predictions: one row per nucleus and repeat, from models that did not see its replicate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def with_probabilities(rows: pd.DataFrame, values: NDArray[np.float64], classes: Sequence[str]) -> pd.DataFrame:
    """`rows` with `predicted` and `p_{class}` columns."""
    table = rows.assign(predicted=np.asarray(classes, object)[values.argmax(1)])
    return table.assign(**{f"p_{name}": values[:, index] for index, name in enumerate(classes)})


def pooled(predictions: pd.DataFrame, classes: Sequence[str]) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """One row per nucleus and its (N, k) probabilities, averaged over the repeats; in order of first appearance."""
    columns = [f"p_{name}" for name in classes]
    grouped = predictions.groupby("nucleus", sort=False)
    rows = grouped[["sample", "replicate", "label"]].first().reset_index()
    return rows, grouped[columns].mean().to_numpy()


def pooled_truth(
    predictions: pd.DataFrame, classes: Sequence[str]
) -> tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.float64]]:
    """One row per nucleus, its true class as an index, and its (N, k) probabilities averaged over the repeats."""
    rows, probabilities = pooled(predictions, classes)
    return rows, codes(rows["label"], classes), probabilities


def codes(labels: pd.Series, classes: Sequence[str]) -> NDArray[np.int64]:
    """Index of each label in `classes`."""
    return np.array([list(classes).index(label) for label in labels], np.int64)
