"""Experiments that compare: one entry of the config that stands for several runs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

Tree = dict[str, Any]


def expand(experiments: Mapping[str, Any]) -> dict[str, Any]:
    """The experiments with the runs of those that have a `sweep`, each run after its experiment.

    `sweep: {over: {network: [a, b], training.steps: [10, 20]}}` of experiment `x` stands for the runs
    `x--network-a--steps-10`, `x--network-a--steps-20` and so on. What is not a sweep stays as it is, for the schema
    to judge.

    Parameters
    ----------
    experiments : mapping
        As the user wrote them, by name.

    Returns
    -------
    dict of str to object
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
