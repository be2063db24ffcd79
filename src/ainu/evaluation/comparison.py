"""Runs of a sweep compared: scores, differences to the first, and cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ainu.evaluation.bootstrap import Draws
from ainu.evaluation.nested_choice import choose, nested
from ainu.evaluation.scores import Floats, weighted_scores
from ainu.figures.colours import CLASS_COLOURS
from ainu.figures.names import short
from ainu.figures.saving import save
from ainu.figures.style import styled
from ainu.files import read_json, read_table, write_table
from ainu.prediction.table import pooled_truth

METRIC = "balanced_accuracy"
NESTED = "chosen within each fold"


@dataclass(frozen=True)
class ComparedRun:
    """Results of one run: out-of-fold predictions, parameters of the network, seconds per step."""

    predictions: pd.DataFrame
    parameters: int | None
    seconds_per_step: float | None


def compare(
    outcomes: Mapping[str, ComparedRun], chosen: Mapping[tuple[int, int], str], classes: Sequence[str], seed: int
) -> pd.DataFrame:
    """One row per run, in their order.

    Parameters
    ----------
    outcomes : mapping of str to ComparedRun
        The first run is what the others are compared to.
    chosen : mapping
        The run that each (repeat, fold) chose on inner predictions; empty where nothing is chosen.
    classes : sequence of str
        In the order of the probabilities.
    seed : int
        Of the bootstrap over replicates (the same draws for all runs, so that differences are paired).

    Returns
    -------
    DataFrame
        `run parameters seconds_per_step balanced_accuracy low high difference difference_low difference_high folds`:
        95 % intervals, and in how many folds the run was chosen.
    """
    times = Counter(chosen.values())
    rows, first = [], None
    for run, outcome in outcomes.items():
        value, drawn, draws = _drawn(outcome.predictions, classes, seed)
        first = (value, drawn) if first is None else first
        low, high = draws.interval(drawn) if draws else (np.nan, np.nan)
        less, more = draws.interval(drawn - first[1]) if draws else (np.nan, np.nan)
        rows.append(
            {
                "run": run,
                "parameters": outcome.parameters,
                "seconds_per_step": outcome.seconds_per_step,
                METRIC: value,
                "low": low,
                "high": high,
                "difference": value - first[0],
                "difference_low": less,
                "difference_high": more,
                "folds": times.get(run, 0),
            }
        )
    return pd.DataFrame(rows).astype({"parameters": "Int64"})


def _drawn(predictions: pd.DataFrame, classes: Sequence[str], seed: int) -> tuple[float, Floats, Draws]:
    """Balanced accuracy, that of each draw of replicates, and the draws."""
    rows, truth, probabilities = pooled_truth(predictions.sort_values(["nucleus", "repeat"]), classes)
    draws = Draws.of(rows["replicate"].to_numpy(), truth, len(classes), seed=seed)
    once = weighted_scores(truth, probabilities, np.ones((1, len(truth))))[METRIC][0]
    drawn = weighted_scores(truth, probabilities, draws.weights)[METRIC] if draws else np.zeros(0)
    return float(once), drawn, draws


def compare_files(
    runs: Mapping[str, Mapping[str, Any]], classes: Sequence[str], seed: int, table: str | Path, figure: str | Path
) -> None:
    """Compare runs by their files, and write the table and the figure.

    Parameters
    ----------
    runs : mapping
        By run the paths `predictions`, `model` (model.json), `speed` (JSON) and the list `inner` of inner predictions;
        where there are any, the last row of the table is the score of choosing within each fold.
    classes : sequence of str
        In the order of the probabilities.
    seed : int
        Of the bootstrap.
    table, figure : path
        To write.
    """
    predictions = {run: read_table(paths["predictions"]) for run, paths in runs.items()}
    outcomes = {
        run: ComparedRun(
            predictions[run], parameters_of(read_json(paths["model"])), read_json(paths["speed"])["seconds_per_step"]
        )
        for run, paths in runs.items()
    }
    inner = {run: pd.concat(map(read_table, paths["inner"])) for run, paths in runs.items() if paths["inner"]}
    chosen = choose(inner, classes) if inner else {}
    if chosen:
        outcomes[NESTED] = ComparedRun(nested(predictions, chosen), None, None)
    found = compare(outcomes, chosen, classes, seed)
    write_table(table, found)
    save(picture(found, 1 / len(classes)), figure)


def parameters_of(info: Mapping[str, Any]) -> int:
    """Parameters of the networks of all views of a model, from its `model.json`."""
    return sum(own["parameters"] for own in info["views"].values())


@styled
def picture(table: pd.DataFrame, chance: float) -> Figure:
    """Balanced accuracy of each run with its interval, the paired difference to the first beside it."""
    figure = Figure(figsize=(8, 1.2 + 0.32 * len(table)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    place = np.arange(len(table))[::-1]
    for axis, name, low, high in (
        (left, METRIC, "low", "high"),
        (right, "difference", "difference_low", "difference_high"),
    ):
        value = table[name].to_numpy(float)
        reach = np.abs(np.stack([value - table[low].to_numpy(float), table[high].to_numpy(float) - value]))
        axis.errorbar(value, place, xerr=np.nan_to_num(reach), fmt="o", color=CLASS_COLOURS[0], capsize=3)
        axis.grid(axis="x", alpha=0.3)
    left.axvline(chance, color="0.5", linestyle=":")
    right.axvline(0, color="0.5", linestyle=":")
    left.set_yticks(place, [_tick(row) for row in table.to_dict("records")])
    left.set_xlabel("balanced accuracy, out of fold\n(95 %; dotted: chance)")
    right.set_xlabel("difference to the first\n(paired, 95 %)")
    return figure


def _tick(row: Mapping[Any, Any]) -> str:
    _, _, name = str(row["run"]).partition("--")
    cost = "" if pd.isna(row["seconds_per_step"]) else f", {row['seconds_per_step']:.2g} s/step"
    return short(name or str(row["run"])) + cost
