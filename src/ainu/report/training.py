"""The trained models, and what they reached on their validation replicates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ainu.intervals import as_number
from ainu.networks.seen import DETAIL
from ainu.prose import listed
from ainu.report.sources import JsonObject, numeric, read_result, read_text_table
from ainu.report.tables import PageTable, table_of
from ainu.report.text import counted

MODEL = (
    "model",
    "network",
    "step",
    "share",
    "training_replicates",
    "validation_replicates",
    "initial",
    "device",
    "precision",
    "seed",
)
"""What is shown of a model, in the order of the page."""


def model_infos(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """`model.json` of each model, with its name and, per view, its networks, their shares and when they were taken."""
    paths = {Path(folder).name: Path(folder) / "model.json" for folder in folders}
    infos = {name: read_result(path) for name, path in paths.items() if path.exists()}
    return [{"model": name} | info | _by_view(info) for name, info in infos.items()]


def _by_view(info: JsonObject) -> dict[str, Any]:
    """What differs between the views of a model, in words where there are several."""
    views = info.get("views") or {}
    found: dict[str, Any] = {}
    for key in ("network", "step", "share", "precision", "initial"):
        own = {view: values.get(key) for view, values in views.items()}
        same = len({str(value) for value in own.values()}) == 1
        text = ", ".join(f"{view}: {_plain(value)}" for view, value in own.items() if value is not None)
        found[key] = next(iter(own.values())) if same else text
    return found


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def model_table(infos: Sequence[JsonObject]) -> PageTable | None:
    """The trained models, one row each; settings stand in the methods."""
    rows = [{key: info[key] for key in MODEL if info.get(key) is not None} for info in infos]
    return table_of(rows, "Models", order=MODEL) if rows else None


def crops_seen(infos: Sequence[JsonObject]) -> str:
    """What crops networks see beside the whole nucleus, in a sentence; empty where they see none."""
    details = [info["views"][DETAIL] for info in infos if DETAIL in (info.get("views") or {})]
    if not details:
        return ""
    voxels = " × ".join(str(edge) for edge in details[0]["shape"])
    return f"Networks also see crops of the detail, of {voxels} voxels of {details[0]['voxel_nm']:g} nm."


def decision_by_view(path: Path | None) -> str:
    """How much of the out-of-fold decisions each view makes, in a sentence; empty where there is one view.

    Parameters
    ----------
    path : path, optional
        `margins.tsv`: what each view adds to the margin of the true class of each nucleus.

    Returns
    -------
    str
    """
    if path is None:
        return ""
    table = read_text_table(path)
    margins = table[[str(name) for name in table if str(name).startswith("margin_")]].astype(float).abs()
    if margins.shape[1] < 2:
        return ""
    share = margins.div(margins.sum(axis=1).clip(lower=1e-12), axis=0).mean()
    parts = listed(f"the {str(name).removeprefix('margin_')} {100 * value:.0f} %" for name, value in share.items())
    return f"Share of the decisions on nuclei held out (of the logit margin, mean over nuclei): {parts}."


def best_validation(folders: Sequence[Path]) -> str:
    """What the models reached on their validation replicates, by which the step was chosen."""
    histories = [
        read_text_table(path).apply(numeric) for folder in folders if (path := Path(folder) / "history.tsv").exists()
    ]
    column = "validation_balanced_accuracy"
    best = [frame[column].max() for frame in histories if column in frame]
    best = [value for value in best if as_number(value) is not None]
    if not histories:
        return ""
    if not best:
        return "No validation replicates: the last step of each model was used."
    reached = f"{min(best):.2f}" if min(best) == max(best) else f"{min(best):.2f} to {max(best):.2f}"
    return f"Best balanced accuracy on the validation replicates: {reached} over {counted(len(best), 'model')}."
