"""Quality of the samples: ranges of what was measured, every sample, and its flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ainu.report.sources import DatasetSummary, numeric, read_text_table, samples_told
from ainu.report.tables import PageTable, table_of
from ainu.report.text import counted, heading, number_text

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
"""Quality measures that come first in the table, in this order."""


def quality_tables(path: Path | None, dataset: DatasetSummary) -> list[PageTable]:
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


def flag_sentence(path: Path | None, dataset: DatasetSummary) -> str:
    """How many samples carry a flag of the quality control."""
    table = pd.DataFrame() if path is None else _own_samples(path, dataset)
    if "flags" not in table:
        return ""
    flagged = int((table["flags"].astype(str).replace("nan", "") != "").sum())
    if not flagged:
        return f"None of {counted(len(table), 'sample')} carries a flag."
    return f"{number_text(flagged)} of {counted(len(table), 'sample')} {'carries' if flagged == 1 else 'carry'} a flag."


def unused_table(path: Path | None) -> PageTable | None:
    """Samples of the run that no experiment trains on and nobody predicts, with the likely reason; None without any."""
    found = samples_told(path, "unused")
    rows = pd.DataFrame({"sample": list(found), "likely reason": list(found.values())})
    return table_of(rows, "Samples that nothing uses") if found else None


def _own_samples(path: Path, dataset: DatasetSummary) -> pd.DataFrame:
    table = read_text_table(path).drop(columns=["skipped", "unused"], errors="ignore").apply(numeric)
    own = table[table["sample"].isin(dataset.table["sample"])] if "sample" in table else table
    return (own if len(own) else table).copy()
