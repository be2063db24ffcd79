"""Inner folds: within each fold of a cross-validation, another one by which the runs of a sweep are compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ainu.files import write_table
from ainu.folds.assign import assign_folds
from ainu.training.cross_validation import RESUME, CrossValidation, Fit, forget
from ainu.training.held_out import predict_held_out


def train_inner_fold(fit: Fit, inner: int, inner_folds: int, output: str | Path) -> None:
    """Train without one inner fold of the training nuclei too, and write what the network predicts for that.

    From such predictions a sweep chooses, for each fold, without looking at its held-out nuclei (nested
    cross-validation: Varma and Simon, BMC Bioinformatics 2006). The inner folds depend on nothing but the nuclei and
    the seed, so that all runs of a sweep have the same ones.

    Parameters
    ----------
    fit : Fit
        The network of the outer fold.
    inner, inner_folds : int
        Which inner fold, of how many.
    output : path
        Table of predictions with `outer_repeat` and `outer_fold`.
    """
    nuclei = fit.dataset.table.iloc[fit.rows]
    table = assign_folds(nuclei, folds=inner_folds, repeats=1, seed=fit.seed).table
    within = CrossValidation(fit.dataset, table, fit.design, fit.seed, fit.threads, fit.initial)
    own = within.fit(0, inner)
    own = replace(own, held_out=frozenset(own.held_out | fit.held_out))
    path = Path(output)
    resume = path.with_suffix(f".{RESUME}")
    found = predict_held_out(own, within.held_out(0, inner), resume)
    write_table(path, found.assign(outer_repeat=fit.repeat, outer_fold=fit.fold))
    forget(resume)
