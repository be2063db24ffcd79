"""How many nuclei a new cell type takes: accuracy against the number of training nuclei, by where the weights start."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ainu.evaluation.scores import scores
from ainu.figures.style import CLASS_COLOURS, save, styled
from ainu.files import read_table, write_table
from ainu.folds.assign import test_rows
from ainu.images.dataset import Dataset
from ainu.images.views import Indices
from ainu.prediction.out_of_fold import pooled_truth
from ainu.training.cross_validation import Fit, fold_fit, own_seed

ALL = "all"
LONGER = 10
"""Most times that the epochs of a full training are repeated for a small one."""

MODE_NAMES = {"finetune": "fine-tuned", "frozen": "last layer only", "scratch": "from scratch"}
MARKERS = {"finetune": "o", "frozen": "s", "scratch": "^"}


def draw_nuclei(labels: Sequence[str], size: int | str, rng: np.random.Generator) -> Indices:
    """(m,) places of `size` nuclei of each class, drawn without replacement; all of a class that has no more."""
    if size == ALL:
        return np.arange(len(labels))
    places = [np.flatnonzero(np.asarray(labels) == name) for name in sorted(set(labels))]
    return np.sort(np.concatenate([rng.permutation(own)[: int(size)] for own in places]))


def few(fit: Fit, size: int | str, draw: int) -> Fit:
    """The same training on few nuclei: as many steps as on all, up to ten times the epochs, none held back.

    With few nuclei an epoch is a step or two; trained for the same epochs, a network from scratch would not be worse
    for lack of nuclei but for lack of steps.
    """
    rng = np.random.default_rng([fit.seed, draw])
    rows = fit.rows[draw_nuclei(fit.dataset.label[fit.rows].tolist(), size, rng)]
    training = dict(fit.experiment["training"])
    batches = [math.ceil(len(part) / training["batch_size"]) for part in (fit.rows, rows)]
    epochs = training["epochs"] * min(LONGER, max(1, round(batches[0] / batches[1])))
    training |= {"epochs": epochs, "validation_fraction": 0}
    return replace(fit, rows=rows, experiment={**fit.experiment, "training": training}, seed=own_seed(fit.seed, draw))


def predict_from_few(
    dataset: Dataset,
    folds: pd.DataFrame,
    experiment: Mapping[str, Any],
    *,
    mode: str,
    size: int | str,
    draw: int,
    seed: int,
    threads: int,
    initial: Sequence[str | Path],
    resume: str | Path | None = None,
) -> pd.DataFrame:
    """Out-of-fold predictions of the first repeat by networks that are trained on few nuclei.

    Parameters
    ----------
    dataset, folds, experiment :
        As for `crossvalidation.fold_fit`.
    mode : str
        "finetune", "frozen" or "scratch".
    size : int or "all"
        Training nuclei of each class.
    draw : int
        Which nuclei; the same ones for every mode.
    seed, threads, initial :
        As for `crossvalidation.fold_fit`.
    resume : path, optional
        Where the training under way is kept, a file `{resume}.fold{k}.pt` for each fold that was begun; they are there
        until `forget` removes them, so that a part that is ended in the middle goes on with the fold that it was at.
    """
    transfer = {**experiment["transfer"], "mode": mode}
    first = folds[folds["repeat"] == 0]
    parts = []
    for fold in sorted(first["fold"].unique()):
        whole = fold_fit(
            dataset,
            folds,
            {**experiment, "transfer": transfer},
            repeat=0,
            fold=int(fold),
            seed=seed,
            threads=threads,
            initial=initial,
        )
        fit = few(whole, size, draw)
        trained, info = fit.run(f"{resume}.fold{fold}.pt" if resume else None)
        parts.append(fit.predict(trained, info, first[first["nucleus"].isin(test_rows(folds, 0, int(fold)))]))
    table = pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
    return table.assign(mode=mode, size=str(size), draw=draw)


def forget(resume: str | Path) -> None:
    """Remove what `predict_from_few` kept to go on from."""
    for path in Path(resume).parent.glob(f"{Path(resume).name}.fold*.pt"):
        path.unlink()


def summarize(paths: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    """`mode size draw nuclei_per_class balanced_accuracy auroc`, one row per training; sizes in rising order."""
    rows = []
    for path in paths:
        table = read_table(path)
        _, truth, probabilities = pooled_truth(table, classes)
        own = scores(truth, probabilities)
        key = {name: table[name].iloc[0] for name in ("mode", "size", "draw")}
        rows.append(key | {name: own[name] for name in ("balanced_accuracy", "auroc")})
    found = pd.DataFrame(rows)
    rising = found["size"].map(lambda size: math.inf if size == ALL else int(size))
    return (
        found.assign(order=rising).sort_values(["mode", "order", "draw"]).drop(columns="order").reset_index(drop=True)
    )


def write_study(paths: Sequence[str], classes: Sequence[str], table: str | Path, figure: str | Path) -> None:
    """Put the trainings of a study together: table and picture."""
    found = summarize(paths, classes)
    write_table(table, found)
    save(picture(found, 1 / len(classes)), figure)


@styled
def picture(table: pd.DataFrame, chance: float) -> Figure:
    """Balanced accuracy against nuclei per class: each draw a point, their mean a line, per mode."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    sizes = list(dict.fromkeys(table["size"].astype(str)))
    sizes.sort(key=lambda size: math.inf if size == ALL else int(size))
    for index, (mode, part) in enumerate(table.groupby("mode", sort=False)):
        colour, shift = CLASS_COLOURS[index], 0.08 * (index - 1)
        place = part["size"].astype(str).map(sizes.index).to_numpy() + shift
        axis.plot(place, part["balanced_accuracy"], MARKERS[str(mode)], color=colour, alpha=0.35, markersize=4)
        mean = part["balanced_accuracy"].groupby(place).mean()
        axis.plot(mean.index, mean, "-" + MARKERS[str(mode)], color=colour, label=MODE_NAMES[str(mode)])
    axis.axhline(chance, color="0.5", linestyle=":", label="chance")
    axis.set_xticks(range(len(sizes)), sizes)
    axis.set_xlabel("training nuclei per class")
    axis.set_ylabel("balanced accuracy, out of fold")
    figure.legend(loc="outside lower center", ncols=4)
    return figure
