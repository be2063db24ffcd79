"""Accuracy against the number of training nuclei, by the initial weights: summary of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ainu.evaluation.scores import scores
from ainu.figures.colours import CLASS_COLOURS
from ainu.figures.saving import save
from ainu.figures.style import styled
from ainu.files import read_table, write_table
from ainu.prediction.table import pooled_truth

MODE_NAMES = {"finetune": "fine-tuned", "frozen": "last layer only", "scratch": "from scratch"}
MARKERS = {"finetune": "o", "frozen": "s", "scratch": "^"}


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
    rising = found["size"].map(_number)
    return (
        found.assign(order=rising).sort_values(["mode", "order", "draw"]).drop(columns="order").reset_index(drop=True)
    )


def _number(size: int | str) -> float:
    return math.inf if size == "all" else int(size)


def write_study(paths: Sequence[str], classes: Sequence[str], table: str | Path, figure: str | Path) -> None:
    """Summarise the trainings of a study: table and figure.

    Parameters
    ----------
    paths : sequence of path
        Predictions of each training.
    classes : sequence of str
        Of the experiment.
    table, figure : path
        Files to write.
    """
    found = summarize(paths, classes)
    write_table(table, found)
    save(picture(found, 1 / len(classes)), figure)


@styled
def picture(table: pd.DataFrame, chance: float) -> Figure:
    """Balanced accuracy against nuclei per class: each draw a point, their mean a line, per mode."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    sizes = list(dict.fromkeys(table["size"].astype(str)))
    sizes.sort(key=_number)
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
