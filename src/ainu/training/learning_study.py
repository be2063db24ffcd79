"""How many nuclei a new cell type takes: accuracy against the number of training nuclei, by where the weights start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ainu.files import write_table
from ainu.images.views import Indices
from ainu.training.cross_validation import CrossValidation, Fit, forget, own_seed
from ainu.training.held_out import predict_held_out

ALL = "all"


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
    """The same training on few nuclei: for the same steps, none held back.

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
    design = replace(fit.design, training=replace(fit.design.training, validation_fraction=0))
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
        Where the training under way is kept, `{resume}.fold{k}.*.pt` for each fold that was begun: a part that is ended
        in the middle goes on with the fold that it was at.

    Returns
    -------
    DataFrame
        A row per nucleus, as `held_out.predict_held_out` gives it, with `mode`, `size` and `draw`.
    """
    design = replace(validation.design, transfer=replace(validation.design.transfer, mode=mode))
    own, parts = replace(validation, design=design), []
    for fold in own.first_folds:
        kept = f"{resume}.fold{fold}" if resume else None
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
    for fold in validation.first_folds:
        forget(f"{output}.fold{fold}")
