"""Choosing among the runs of a sweep within each fold, by predictions that never saw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd


def choose(inner: Mapping[str, pd.DataFrame], classes: Sequence[str]) -> dict[tuple[int, int], str]:
    """The run with the best inner predictions in each fold; the first of equals.

    Parameters
    ----------
    inner : mapping of str to DataFrame
        By run: `outer_repeat`, `outer_fold` and the columns of `table.with_probabilities`, of the inner folds.
    classes : sequence of str
        In the order of the probabilities.

    Returns
    -------
    dict
        The run by (repeat, fold), chosen by balanced accuracy, then by log loss.
    """
    scored = {run: _inner_scores(table, classes) for run, table in inner.items()}
    places = next(iter(scored.values())).index
    return {
        (int(repeat), int(fold)): min(
            scored, key=lambda run: tuple(scored[run].loc[(repeat, fold), ["error", "log_loss"]])
        )
        for repeat, fold in places
    }


def _inner_scores(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    own = table[[f"p_{name}" for name in classes]].to_numpy()
    truth = np.array([list(classes).index(label) for label in table["label"]])
    table = table.assign(
        wrong=truth != own.argmax(1), log_loss=-np.log(np.maximum(own[np.arange(len(own)), truth], 1e-6))
    )
    keys = ["outer_repeat", "outer_fold"]
    error = table.groupby([*keys, "label"])["wrong"].mean().groupby(keys).mean()
    return pd.DataFrame({"error": error, "log_loss": table.groupby(keys)["log_loss"].mean()})


def nested(predictions: Mapping[str, pd.DataFrame], chosen: Mapping[tuple[int, int], str]) -> pd.DataFrame:
    """Out-of-fold predictions of which each fold comes from the run that was chosen without looking at it."""
    parts = []
    for (repeat, fold), run in chosen.items():
        table = predictions[run]
        parts.append(table[(table["repeat"] == repeat) & (table["fold"] == fold)].assign(run=run))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
