"""Experiments that compare: one entry of the config that stands for several runs, and what came out of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd

Tree = dict[str, Any]


def expand(experiments: Mapping[str, Any]) -> dict[str, Any]:
    """The experiments with the runs of those that have a `sweep`, each run after its experiment.

    `sweep: {over: {network: [a, b], training.epochs: [10, 20]}}` of experiment `x` stands for the runs
    `x--network-a--epochs-10`, `x--network-a--epochs-20` and so on. What is not a sweep stays as it is, for the schema
    to judge.
    """
    found: dict[str, Any] = {}
    for name, entry in experiments.items():
        found[name] = entry
        found |= runs_of(name, entry)
    return found


def runs_of(name: str, entry: Any) -> dict[str, Tree]:
    """The runs of an experiment by name; none where it has no sweep that can be understood."""
    sweep = entry.get("sweep") if isinstance(entry, dict) else None
    over = sweep.get("over") if isinstance(sweep, dict) else None
    if not isinstance(over, dict) or not all(isinstance(values, list) for values in over.values()):
        return {}
    plain = {key: value for key, value in entry.items() if key != "sweep"}
    runs: dict[str, Tree] = {}
    for values in itertools.product(*over.values()):
        chosen = dict(zip(over, values, strict=True))
        run = "--".join([name, *(label(key, value) for key, value in chosen.items())])
        runs[_unused(run, runs)] = with_values(plain, chosen)
    return runs


def _unused(run: str, runs: Mapping[str, Any]) -> str:
    """The name itself, or with a number: values that differ in odd characters only read the same."""
    names = itertools.chain([run], (f"{run}.{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in runs)


def label(key: str, value: Any) -> str:
    """A readable part of a run's name."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    text = "-".join(str(part) for part in parts)
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{str(key).rpartition('.')[2]}-{text}")


def with_values(entry: Tree, values: Mapping[str, Any]) -> Tree:
    """An experiment's entry with values put at dotted keys."""
    made = deepcopy(entry)
    for key, value in values.items():
        *above, last = str(key).split(".")
        place = made
        for part in above:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[last] = deepcopy(value)
    return made


def choose(inner: Mapping[str, pd.DataFrame], classes: Sequence[str]) -> dict[tuple[int, int], str]:
    """For each (repeat, fold) the run that did best on inner predictions; the first of equals.

    Parameters
    ----------
    inner : mapping of str to DataFrame
        By run: `outer_repeat`, `outer_fold` and what `prediction.with_probabilities` gives, of the inner folds.
    classes : sequence of str

    Returns
    -------
    dict
        Chosen by balanced accuracy, then by log-loss.
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
