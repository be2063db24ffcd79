"""What went in: nuclei, quality, splits and trained models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ainu.errors import AinuError
from ainu.report.sources import Dataset, numeric, read_json, read_table
from ainu.report.tables import Table, table_of
from ainu.report.text import as_number, counted, heading, listed, number_text

FIRST_MEASURES = (
    "localizations",
    "kept",
    "kept_share",
    "nuclei",
    "localizations_in_nuclei",
    "drift_nm",
    "drift_residual_nm",
    "photons_median",
    "precision_nm_median",
)
"""Quality measures that a reader looks for first, in the order of the page."""

MODEL = (
    "model",
    "network",
    "epoch",
    "training_replicates",
    "validation_replicates",
    "initial",
    "device",
    "precision",
    "seed",
)
"""What is shown of a model, in the order of the page."""


def data_tables(dataset: Dataset, classes: Sequence[str]) -> list[Table]:
    """Nuclei, samples and replicates per class; nuclei per replicate and class."""
    table = dataset.table
    per_class = [
        {
            "class": name,
            "nuclei": len(own),
            "samples": own["sample"].nunique(),
            "replicates": own["replicate"].nunique(),
        }
        | {f"median {column}": float(own[column].median()) for column in dataset.measures}
        for name in classes
        for own in [table[table["label"] == name]]
    ]
    counts = pd.crosstab(table["replicate"], table["label"]).reindex(columns=list(classes), fill_value=0)
    per_replicate = pd.DataFrame(
        {"replicate": counts.index} | {f"{name} nuclei": counts[name].array for name in classes}
    )
    return [
        table_of(per_class, "Nuclei per class"),
        table_of(per_replicate, "Nuclei per replicate and class", headings=False),
    ]


def quality_tables(path: Path | None, dataset: Dataset) -> list[Table]:
    """The range of each measure over the samples, and every sample."""
    if path is None:
        return []
    table = _own_samples(path, dataset)
    if {"kept", "localizations"} <= set(table.select_dtypes("number")):
        table.insert(list(table).index("kept") + 1, "kept_share", table["kept"] / table["localizations"])
    numbers = table.select_dtypes("number").dropna(axis="columns", how="all")
    measured = [name for name in FIRST_MEASURES if name in numbers]
    measured += [str(name) for name in numbers if name not in measured and numbers[name].max() != numbers[name].min()]
    ranges = [
        {"measure": heading(str(name))} | {title: _like(own, value) for title, value in _range(own).items()}
        for name in measured
        for own in [numbers[name]]
    ]
    empty = [name for name in table if (table[name].isna() | (table[name].astype(str) == "")).all()]
    every = table.drop(columns=empty)
    # As objects: a column of whole numbers and others would make all of them others.
    shown = pd.DataFrame(ranges, dtype=object)
    return [table_of(shown, f"Range over {counted(len(table), 'sample')}"), table_of(every, "Every sample")]


def _range(column: pd.Series) -> dict[str, Any]:
    return {"lowest": column.min(), "median": column.median(), "highest": column.max()}


def _like(column: pd.Series, value: float) -> float | int:
    """A whole number where the column holds whole numbers."""
    return round(value) if (column.dropna() % 1 == 0).all() else float(value)


def flag_sentence(path: Path | None, dataset: Dataset) -> str:
    """How many samples carry a flag of the quality control."""
    table = pd.DataFrame() if path is None else _own_samples(path, dataset)
    if "flags" not in table:
        return ""
    flagged = int((table["flags"].astype(str).replace("nan", "") != "").sum())
    if not flagged:
        return f"None of {counted(len(table), 'sample')} carries a flag."
    return f"{number_text(flagged)} of {counted(len(table), 'sample')} {'carries' if flagged == 1 else 'carry'} a flag."


def _own_samples(path: Path, dataset: Dataset) -> pd.DataFrame:
    table = read_table(path).drop(columns="skipped", errors="ignore").apply(numeric)
    own = table[table["sample"].isin(dataset.table["sample"])] if "sample" in table else table
    return (own if len(own) else table).copy()


def split_table(path: Path | None) -> Table | None:
    """What each model was tested on.

    Raises
    ------
    AinuError
        If a replicate is in two folds of a repeat.
    """
    if path is None:
        return None
    folds = read_table(path)
    _check_replicates(folds, path)
    rows = [
        {"repeat": int(own["repeat"].iloc[0]), "fold": int(own["fold"].iloc[0]), "nuclei": len(own)}
        | {f"{label} nuclei": count for label, count in own["label"].value_counts().sort_index().items()}
        | {"held-out replicates": ", ".join(sorted(own["replicate"].unique()))}
        for _, own in folds.groupby(["repeat", "fold"])
    ]
    last = "held-out replicates"
    order = [name for name in dict.fromkeys(key for row in rows for key in row) if name != last]
    caption = "What each model was tested on; it was trained on everything else"
    return table_of(rows, caption, order=[*order, last], headings=False)


def _check_replicates(folds: pd.DataFrame, path: Path) -> None:
    n_folds = folds.groupby(["repeat", "replicate"])["fold"].nunique().reset_index()
    for repeat, replicate, count in n_folds[n_folds["fold"] > 1].to_numpy():
        raise AinuError(f"{path}: replicate {replicate!r} is in {count} folds of repeat {repeat}; allowed: 1")


def leak_sentence(path: Path | None) -> str:
    """What was found when all recordings were compared with one another."""
    content = {} if path is None else read_json(path)
    if "pairs" not in content:
        return ""
    within = content.get("within_a_replicate") or []
    twice = "; ".join(f"{listed(pair['samples'])} ({pair['how']})" for pair in within)
    found = f" Within a replicate these do, so there are fewer nuclei than it seems: {twice}." if within else ""
    return (
        f"{counted(content['recordings'], 'recording')} were compared with one another "
        f"({counted(content['pairs'], 'pair')}), by content and by overlap: none of different replicates, classes or "
        f"roles share localizations.{found}"
    )


def model_infos(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """`model.json` of each model, with its name."""
    paths = {Path(folder).name: Path(folder) / "model.json" for folder in folders}
    return [{"model": name} | read_json(path) for name, path in paths.items() if path.exists()]


def model_table(infos: Sequence[Mapping[str, Any]]) -> Table | None:
    """The trained models, one row each; what is the same thing as a setting stands in the methods."""
    rows = [{key: info[key] for key in MODEL if info.get(key) is not None} for info in infos]
    return table_of(rows, "Models", order=MODEL) if rows else None


def best_validation(folders: Sequence[Path]) -> str:
    """What the models reached on the replicates by which their epoch was chosen."""
    histories = [
        read_table(path).apply(numeric) for folder in folders if (path := Path(folder) / "history.tsv").exists()
    ]
    column = "validation_balanced_accuracy"
    best = [frame[column].max() for frame in histories if column in frame]
    best = [value for value in best if as_number(value) is not None]
    if not histories:
        return ""
    if not best:
        return "No replicates were held back to choose an epoch."
    reached = f"{min(best):.2f}" if min(best) == max(best) else f"{min(best):.2f} to {max(best):.2f}"
    return f"Best balanced accuracy on held-back training replicates: {reached} over {counted(len(best), 'model')}."
