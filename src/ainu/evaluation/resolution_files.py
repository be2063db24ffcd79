"""The resolution audit of an experiment from its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ainu.evaluation.feature_table import read_features
from ainu.evaluation.resolution import ResolutionAudit, audit, classified, control_predictions
from ainu.evaluation.resolution_figure import picture
from ainu.figures.saving import save
from ainu.files import read_table, write_json, write_table
from ainu.folds.table import read_folds
from ainu.images.blur import levels_of_blur
from ainu.images.dataset import read
from ainu.networks.model import load_model
from ainu.prediction.blurred import blurred_predictions

COLUMNS = ("curve", "level", "jitter_nm")


def audit_files(
    paths: Mapping[str, Any],
    output: Mapping[str, Any],
    classes: Sequence[str],
    levels_nm: Sequence[float],
    models: Sequence[str],
    seed: int,
) -> None:
    """Audit the resolution of an experiment.

    Parameters
    ----------
    paths : mapping
        `dataset`, `folds`, `predictions`; lists `features` (of blurred nuclei) and `controls`, which may be empty.
    output : mapping
        `result` (JSON; null where there is no audit), `table` and `figure`.
    classes : sequence of str
        In the order of the probabilities.
    levels_nm : sequence of float
        Jitters; without any, there is no audit.
    models : sequence of str
        Folders of the models of the first repeat.
    seed : int
        Of all that is drawn.
    """
    found = _audited(paths, classes, levels_nm, models, seed) if levels_nm else None
    write_json(output["result"], found.content if found else None)
    write_table(output["table"], found.table if found else pd.DataFrame(columns=list(COLUMNS)))
    save(picture(found), output["figure"])


def _audited(
    paths: Mapping[str, Any], classes: Sequence[str], levels_nm: Sequence[float], models: Sequence[str], seed: int
) -> ResolutionAudit:
    dataset, folds, levels = read(paths["dataset"]), read_folds(paths["folds"]), levels_of_blur(levels_nm)
    nuclei = dataset.nucleus.tolist()
    values = {blur.name: read_features(paths["features"], nuclei, dataset.channels, blur.name) for blur in levels}
    predictions = read_table(paths["predictions"])
    first = predictions[predictions["repeat"] == 0]
    asked = blurred_predictions(dataset, folds, [load_model(folder) for folder in models], levels[1:], seed)
    tables = [read_table(path) for path in paths["controls"]]
    controls = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"control": []})
    unchanged = controls[controls["control"] == "unchanged"]
    return audit(
        classified(values, dataset, folds, classes, seed),
        classes,
        seed,
        robustness={levels[0].name: first} | asked if asked else None,
        retrained=control_predictions(controls, levels, unchanged if len(unchanged) else first),
    )
