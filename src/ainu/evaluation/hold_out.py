"""The locked hold-out (`role: test`): scored by all models together, and every look at it written down.

A hold-out tells the truth once. Each look by other models, or at other nuclei, that led to a change makes the next one
a little less true, so `results/hold-out/{experiment}.json` keeps them all. It is no output of a job: Snakemake would
delete it before the next one, and with it the memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ainu.evaluation.scores import with_intervals
from ainu.files import read_json, sha256, write_json
from ainu.images.dataset import Dataset
from ainu.prediction.out_of_fold import pooled_truth


def labelled(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """The nuclei whose class is known."""
    return dataset[np.flatnonzero(np.isin(dataset.label, list(classes)))]


def score(predictions: pd.DataFrame, classes: Sequence[str], seed: int, looks: list[dict[str, str]]) -> dict[str, Any]:
    """What `metrics.json` says of the hold-out under `test`.

    Parameters
    ----------
    predictions : DataFrame
        Of the hold-out, as `prediction.Ensemble.predict` gives them.
    classes : sequence of str
    seed : int
        Of the bootstrap over the replicates of the hold-out.
    looks : list
        The record, the present look last.
    """
    rows, truth, probabilities = pooled_truth(predictions, classes)
    absent = sorted(set(classes) - set(rows["label"]))
    found: dict[str, Any] = {
        "n": len(rows),
        "replicates": int(rows["replicate"].nunique()),
        "models": looks[-1]["models"],
        "looks": len(looks),
    }
    if absent:
        return found | {"metrics": {}, "says": f"No nucleus of {', '.join(absent)} is in the hold-out: no score."}
    scored = with_intervals(truth, probabilities, rows["replicate"].to_numpy(), seed=seed)
    own = scored["balanced_accuracy"]
    limits = "no interval" if own["ci"] is None else "95 % interval {:.2f} to {:.2f}".format(*own["ci"])
    says = f"The hold-out, {len(rows)} nuclei that no model has seen, gives {own['value']:.2f} ({limits})."
    return found | {"metrics": scored, "says": says}


def hold_out_warnings(test: dict[str, Any] | None) -> list[str]:
    """What a reader of the hold-out's score has to know."""
    if test is None or test["looks"] < 2:
        return []
    return [
        f"The hold-out has been looked at {test['looks']} times, by other models or at other nuclei each time: what "
        "was learned from one look may have shaped the next, so its score is no longer untouched."
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
    """The looks at a hold-out so far, this one added if it is by other models or at other nuclei than all before.

    The look by the same models at the same nuclei is no new one: it shows nothing new. It is moved to the end.
    """
    looks = read_json(path) if Path(path).exists() else []
    same = [look for look in looks if (look["models"], look["nuclei"]) == (models, nuclei)]
    others = [look for look in looks if look not in same]
    now = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "models": models, "nuclei": nuclei}
    kept = [*others, *(same[:1] or [now])]
    if kept != looks:
        write_json(path, kept)
    return kept
