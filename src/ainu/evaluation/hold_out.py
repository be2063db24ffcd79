"""The held-out test set (`role: test`): scored by the ensemble, with a record of every evaluation.

A held-out test set is unbiased once. Each evaluation with other models, or other nuclei, that leads to a change biases
the next one a little, so `results/hold-out/{experiment}.json` keeps them all. It is no output of a job: Snakemake would
delete it before the job starts, and with it the record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ainu.evaluation.bootstrap import with_intervals
from ainu.files import read_json, sha256, write_json
from ainu.images.dataset import Dataset
from ainu.intervals import Interval
from ainu.prediction.table import pooled_truth

if TYPE_CHECKING:
    from ainu.prediction.ensemble import Ensemble


def evaluate_hold_out(
    ensemble: Ensemble, folders: Sequence[str | Path], unseen: Dataset, path: str | Path, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predict and score the held-out test set, and record this evaluation.

    Parameters
    ----------
    ensemble : Ensemble
        Of the experiment.
    folders : sequence of path
        Of its models.
    unseen : Dataset
        Nuclei of the held-out test set; unlabelled ones are left out.
    path : path
        Of the record.
    seed : int
        Of the bootstrap over replicates.

    Returns
    -------
    predictions : DataFrame
    score : dict
        As `score` gives it.
    """
    classes = ensemble.models[0].classes
    nuclei = labelled(unseen, classes)
    predictions = ensemble.predict(nuclei)
    evaluations = record(path, digest_of_models(folders), digest_of_nuclei(nuclei))
    return predictions, score(predictions, classes, seed, evaluations)


def labelled(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """The nuclei whose class is known."""
    return dataset[np.flatnonzero(np.isin(dataset.label, list(classes)))]


def score(
    predictions: pd.DataFrame, classes: Sequence[str], seed: int, evaluations: list[dict[str, str]]
) -> dict[str, Any]:
    """Score of the held-out test set, for `test` of `metrics.json`.

    Parameters
    ----------
    predictions : DataFrame
        As `prediction.ensemble.Ensemble.predict` gives them.
    classes : sequence of str
        In the order of the probabilities.
    seed : int
        Of the bootstrap over replicates.
    evaluations : list
        The record of evaluations, the present one last.

    Returns
    -------
    dict
        `n`, `replicates`, `models`, `looks`, `metrics`, `says`.
    """
    rows, truth, probabilities = pooled_truth(predictions, classes)
    absent = sorted(set(classes) - set(rows["label"]))
    found: dict[str, Any] = {
        "n": len(rows),
        "replicates": int(rows["replicate"].nunique()),
        "models": evaluations[-1]["models"],
        "looks": len(evaluations),
    }
    if absent:
        return found | {
            "metrics": {},
            "says": f"No nucleus of {', '.join(absent)} is in the held-out test set: no score.",
        }
    scored = with_intervals(truth, probabilities, rows["replicate"].to_numpy(), seed=seed)
    own = Interval.of(scored["balanced_accuracy"])
    says = f"Balanced accuracy on the held-out test set, {len(rows)} nuclei that no model has seen: {own}."
    return found | {"metrics": scored, "says": says}


def hold_out_warnings(test: dict[str, Any] | None) -> list[str]:
    """Warnings about the score of the held-out test set, as `score` gives it."""
    if test is None or test["looks"] < 2:
        return []
    return [
        f"The held-out test set was evaluated {test['looks']} times, with other models or other nuclei each time: one "
        "evaluation may have influenced the next, so the score is no longer unbiased."
    ]


def digest_of_models(folders: Sequence[str | Path]) -> str:
    """One digest of the weights of several models."""
    sums = "\n".join(sha256(Path(folder) / "model.safetensors") for folder in sorted(map(str, folders)))
    return hashlib.sha256(sums.encode()).hexdigest()


def digest_of_nuclei(dataset: Dataset) -> str:
    """One digest of the nuclei, their labels and images."""
    digest = hashlib.sha256("\n".join([*dataset.nucleus, *dataset.label]).encode())
    digest.update(np.ascontiguousarray(dataset.image))
    return digest.hexdigest()


def record(path: str | Path, models: str, nuclei: str) -> list[dict[str, str]]:
    """Keep a record of the evaluations of a held-out test set.

    Parameters
    ----------
    path : path
        Of the record.
    models, nuclei : str
        Digests. An evaluation of the same models on the same nuclei shows nothing new: it is moved to the end.

    Returns
    -------
    list of dict
        All evaluations so far, the present one last: `when`, `models`, `nuclei`.
    """
    evaluations = read_json(path) if Path(path).exists() else []
    same = [known for known in evaluations if (known["models"], known["nuclei"]) == (models, nuclei)]
    others = [known for known in evaluations if known not in same]
    now = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "models": models, "nuclei": nuclei}
    kept = [*others, *(same[:1] or [now])]
    if kept != evaluations:
        write_json(path, kept)
    return kept
