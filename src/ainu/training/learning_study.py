"""How many nuclei a new cell type takes: accuracy against the number of training nuclei, by where the weights start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ainu.files import write_table
from ainu.images.views import Indices
from ainu.training.cross_validation import CrossValidation, Fit, own_seed
from ainu.training.held_out import predict_held_out

ALL = "all"
LONGER = 10
"""Most times that the epochs of a full training are repeated for a small one."""


def draw_nuclei(labels: Sequence[str], size: int | str, rng: np.random.Generator) -> Indices:
    """(m,) places of `size` nuclei of each class, drawn without replacement; all of a class that has no more.

    Parameters
    ----------
    labels : sequence of str
        Of n nuclei.
    size : int or "all"
        Nuclei of each class.
    rng : Generator
        Draws them.

    Returns
    -------
    (m,) int
        In rising order.
    """
    if size == ALL:
        return np.arange(len(labels))
    places = [np.flatnonzero(np.asarray(labels) == name) for name in sorted(set(labels))]
    return np.sort(np.concatenate([rng.permutation(own)[: int(size)] for own in places]))


def few(fit: Fit, size: int | str, draw: int) -> Fit:
    """The same training on few nuclei: as many steps as on all, up to ten times the epochs, none held back.

    With few nuclei an epoch is a step or two; trained for the same epochs, a network from scratch would not be worse
    for lack of nuclei but for lack of steps.

    Parameters
    ----------
    fit : Fit
        The training on all nuclei.
    size : int or "all"
        Training nuclei of each class.
    draw : int
        Which nuclei.

    Returns
    -------
    Fit
    """
    rng = np.random.default_rng([fit.seed, draw])
    rows = fit.rows[draw_nuclei(fit.dataset.label[fit.rows].tolist(), size, rng)]
    recipe = fit.design.training
    batches = [math.ceil(len(part) / recipe.batch_size) for part in (fit.rows, rows)]
    epochs = recipe.epochs * min(LONGER, max(1, round(batches[0] / batches[1])))
    design = replace(fit.design, training=replace(recipe, epochs=epochs, validation_fraction=0))
    return replace(fit, rows=rows, design=design, seed=own_seed(fit.seed, draw))


def predict_from_few(
    validation: CrossValidation,
    *,
    mode: str,
    size: int | str,
    draw: int,
    resume: str | Path | None = None,
) -> pd.DataFrame:
    """Out-of-fold predictions of the first repeat by networks that are trained on few nuclei.

    Parameters
    ----------
    validation : CrossValidation
        Of the experiment.
    mode : str
        "finetune", "frozen" or "scratch".
    size : int or "all"
        Training nuclei of each class.
    draw : int
        Which nuclei; the same ones for every mode.
    resume : path, optional
        Where the training under way is kept, a file `{resume}.fold{k}.pt` for each fold that was begun; they are there
        until `forget` removes them, so that a part that is ended in the middle goes on with the fold that it was at.

    Returns
    -------
    DataFrame
        A row per nucleus, as `held_out.predict_held_out` gives it, with `mode`, `size` and `draw`.
    """
    design = replace(validation.design, transfer=replace(validation.design.transfer, mode=mode))
    own, parts = replace(validation, design=design), []
    for fold in own.first_folds:
        kept = f"{resume}.fold{fold}.pt" if resume else None
        parts.append(predict_held_out(few(own.fit(0, fold), size, draw), own.held_out(0, fold), kept))
    table = pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
    return table.assign(mode=mode, size=str(size), draw=draw)


def study_part(validation: CrossValidation, *, mode: str, size: int | str, draw: int, output: str | Path) -> None:
    """Write what `predict_from_few` predicts; a job that dies goes on with the fold that it was at.

    Parameters
    ----------
    validation, mode, size, draw
        As for `predict_from_few`.
    output : path
        Table of predictions; trainings under way lie beside it until it is whole.
    """
    write_table(output, predict_from_few(validation, mode=mode, size=size, draw=draw, resume=output))
    forget(output)


def forget(resume: str | Path) -> None:
    """Remove what `predict_from_few` kept to go on from."""
    for path in Path(resume).parent.glob(f"{Path(resume).name}.fold*.pt"):
        path.unlink()
