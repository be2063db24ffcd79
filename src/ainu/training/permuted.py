"""Trainings on permuted labels: the same cross-validation with labels that say nothing, whose scores are chance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ainu.errors import AinuError
from ainu.files import write_table
from ainu.folds.label_permutation import PermutableLabels
from ainu.training.cross_validation import CrossValidation
from ainu.training.held_out import predict_held_out


def train_permuted(validation: CrossValidation, *, draw: int, output: str | Path) -> None:
    """Train all folds of the first repeat on permuted labels, and write what the networks predict out of fold.

    Parameters
    ----------
    validation : CrossValidation
        With the true labels, and without initial weights.
    draw : int
        Which permutation.
    output : path
        Table of predictions.

    Raises
    ------
    AinuError
        No permutation leaves each fold every class to train on.
    """
    first = validation.folds[validation.folds["repeat"] == 0]
    labels = PermutableLabels.of(first).permuted(seed=validation.seed, draw=draw)
    if labels is None:
        raise AinuError("audit.network_permutations: no permutation of labels leaves each fold every class to train on")
    by_nucleus = pd.Series(labels, index=first["nucleus"])
    dataset = validation.dataset
    permuted = replace(
        validation,
        dataset=replace(dataset, label=by_nucleus.loc[dataset.nucleus.tolist()].to_numpy(dtype=str)),
        folds=validation.folds.assign(label=validation.folds["nucleus"].map(by_nucleus)),
    )
    parts = [predict_held_out(permuted.fit(0, fold), permuted.held_out(0, fold)) for fold in permuted.first_folds]
    write_table(output, pd.concat(parts).sort_index(kind="stable").reset_index(drop=True))
