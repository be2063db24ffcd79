"""Evaluation of an experiment from its files: `metrics.json` and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ainu.evaluation import confident_errors, curves, embedding_map
from ainu.evaluation.bootstrap import Draws
from ainu.evaluation.confusion import confusion
from ainu.evaluation.evidence import Evidence
from ainu.evaluation.feature_table import read_features
from ainu.evaluation.metrics import evaluate_audited
from ainu.evaluation.training_curves import training_curves
from ainu.figures.saving import save
from ainu.files import read_json, read_table, write_json, write_table
from ainu.folds.table import read_folds
from ainu.images.dataset import read
from ainu.prediction.table import pooled_truth

Paths = Mapping[str, Any]


@dataclass(frozen=True)
class EvaluationSettings:
    """What an evaluation takes beside the files.

    Attributes
    ----------
    classes : sequence of str
        In the order of the probabilities.
    network, control_network : str
        Architectures, of the experiment and of its controls.
    baseline_permutations : int
        How often the cheap classifiers are trained on permuted labels.
    seed : int
        Of all that is drawn.
    """

    classes: Sequence[str]
    network: str
    control_network: str
    baseline_permutations: int
    seed: int


def evaluate_files(paths: Paths, output: Paths, settings: EvaluationSettings) -> None:
    """Evaluate an experiment.

    Parameters
    ----------
    paths : mapping
        `predictions`, `thinned`, `embedding`, `leakage`, `resolution`, `dataset`, `folds`; lists
        `histories`, `features`, `controls`, `permuted`, `test`.
    output : mapping
        `metrics`, `places`, and the figures by their names.
    settings : EvaluationSettings
        What the files do not hold.
    """
    evidence = _gather(paths, settings)
    test = read_json(paths["test"][0]) if paths["test"] else None
    permuted = [read_table(path) for path in paths["permuted"]]
    by_count = read_table(paths["thinned"])
    found = evaluate_audited(evidence, by_count, permuted, settings.baseline_permutations, test)
    beside = {name: read_json(paths[name]) for name in ("leakage", "resolution")}
    write_json(output["metrics"], found | beside)
    _draw(evidence, found, paths, output)


def _gather(paths: Paths, settings: EvaluationSettings) -> Evidence:
    """All that an evaluation is made from."""
    dataset = read(paths["dataset"])
    tables = [read_table(path) for path in paths["controls"]]
    controls = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"control": []})
    features, acquisition = (
        read_features(paths["features"], dataset.nucleus.tolist(), dataset.channels, kind)
        for kind in ("arrangement", "acquisition")
    )
    return Evidence(
        predictions=read_table(paths["predictions"]),
        dataset=dataset,
        folds=read_folds(paths["folds"]),
        features=features,
        acquisition=acquisition,
        controls=controls,
        classes=settings.classes,
        network=settings.network,
        control_network=settings.control_network,
        seed=settings.seed,
        views=tuple(read_table(paths["histories"][0])["view"].unique()),
    )


def _draw(evidence: Evidence, found: Mapping[str, Any], paths: Paths, output: Paths) -> None:
    """Write the figures of an evaluation."""
    classes, seed = evidence.classes, evidence.seed
    rows, truth, probabilities = pooled_truth(evidence.predictions, classes)
    draws = Draws.of(rows["replicate"].to_numpy(), truth, len(classes), seed=seed)
    for name in ("roc", "precision_recall", "reliability"):
        save(getattr(curves, name)(truth, probabilities, classes, draws), output[name])
    errors = confident_errors.confident_errors(rows, truth, probabilities, classes)
    places = embedding_map.layout(embedding_map.read_relative(paths["embedding"], rows["nucleus"].tolist()), seed)
    _write_places(output["places"], rows, places)
    courses = {Path(path).parent.name: pd.read_csv(path, sep="\t") for path in paths["histories"]}
    drawn = {
        "confusion": confusion(np.array(found["confusion"]), classes),
        "training": training_curves(courses),
        "errors": confident_errors.picture(evidence.dataset, errors),
        "embedding": embedding_map.picture(places, rows, classes),
        "permutation": curves.null_distribution(found["permutation"]),
        "learning_curve": curves.score_against(
            found["learning_curve"], "replicates", "training replicates", evidence.chance
        ),
        "score_by_count": curves.score_against(
            found["score_by_count"], "share", "share of the localizations kept", evidence.chance
        ),
    }
    for name, figure in drawn.items():
        save(figure, output[name])


def _write_places(path: str | Path, rows: pd.DataFrame, places: Any) -> None:
    where = np.full((len(rows), 2), np.nan) if places is None else places
    write_table(path, rows.assign(x=where[:, 0], y=where[:, 1]))
