"""Predictions: of each nucleus out of fold, and of new samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ainu.report.nuclei import Nucleus
from ainu.report.tables import PageTable, table_of
from ainu.report.text import counted, number_text

NEW = ("nucleus", "sample", "replicate", "label", "call", "predicted")
"""First columns of the table of new samples."""

OUT_OF_DISTRIBUTION = "unlike training"
"""What the column `call` of the predictions says of a nucleus that is out of distribution."""


def prediction_table(predictions: pd.DataFrame, classes: Sequence[str], nuclei: Sequence[Nucleus]) -> PageTable:
    """The out-of-fold prediction of each nucleus, linked to its picture.

    Parameters
    ----------
    predictions : DataFrame
        As `read_predictions` reads it.
    classes : sequence of str
        In the order of the columns.
    nuclei : sequence of Nucleus
        Those with a picture.

    Returns
    -------
    PageTable
    """
    anchors = {nucleus.name: nucleus.anchor for nucleus in nuclei}
    shown = predictions[["nucleus", "replicate", "label", "predicted"]].copy()
    shown["correct"] = np.where(predictions["label"] == predictions["predicted"], "yes", "no")
    shown[[f"p({name})" for name in classes]] = predictions[[f"p_{name}" for name in classes]].round(3)
    shown["fold"] = predictions["fold"]
    targets = [anchors.get(name) for name in predictions["nucleus"]]
    return table_of(shown, "Out-of-fold prediction of each nucleus", headings=False, targets=targets)


def new_samples(table: pd.DataFrame | None, classes: Sequence[str]) -> dict[str, Any] | None:
    """The predictions of samples that no model was trained on: a sentence, a table per sample, and every nucleus."""
    if table is None or not len(table):
        return None
    return {
        "says": _sentence(table),
        "samples": table_of(_per_sample(table, classes), "New samples", headings=False),
        "nuclei": table_of(_every(table, classes), "Prediction of each new nucleus", headings=False),
        "calls": "call" in table,
    }


def _sentence(table: pd.DataFrame) -> str:
    nuclei = counted(len(table), "nucleus", "nuclei")
    said = f"{nuclei} of {counted(table['sample'].nunique(), 'sample')}, by the ensemble mean of all models."
    if "call" in table:
        undecided = int((table["call"] == "undecided").sum())
        outside = int((table["call"] == OUT_OF_DISTRIBUTION).sum())
        said += f" {number_text(undecided)} undecided, {number_text(outside)} out of distribution."
    return said


def _per_sample(table: pd.DataFrame, classes: Sequence[str]) -> list[dict[str, Any]]:
    column = "call" if "call" in table else "predicted"
    calls = {name: name for name in classes}
    calls |= {"undecided": "undecided", OUT_OF_DISTRIBUTION: "out of distribution"} if column == "call" else {}
    return [
        {"sample": sample, "nuclei": len(own)}
        | {title: int((own[column] == call).sum()) for call, title in calls.items()}
        | {f"mean p({name})": float(own[f"p_{name}"].mean()) for name in classes}
        for sample, own in table.groupby("sample", sort=False)
    ]


def _every(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    first = [name for name in NEW if name in table and not (table[name] == "").all()]
    shown = table[first].replace({"call": {OUT_OF_DISTRIBUTION: "out of distribution"}})
    shown[[f"p({name})" for name in classes]] = table[[f"p_{name}" for name in classes]].round(3)
    if "prediction_set" in table:
        shown["prediction set"] = table["prediction_set"].str.replace("|", ", ", regex=False)
    if "ood" in table:
        shown["out-of-distribution score (1: typical)"] = table["ood"]
    return shown
