"""Evaluation: scores of the network, per class, replicate and fold, and on the held-out test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ainu.report.sources import JsonObject
from ainu.report.tables import PageTable, table_of
from ainu.report.text import counted, number_text, words
from ainu.report.verdict import METRICS, score_rows

GROUPS = {
    "per_class": ("Scores per class", ("class", "label", "n", "replicates", "recall", "precision", "f1")),
    "per_replicate": ("Scores per replicate", ("replicate", "labels", "n", "correct", "accuracy")),
    "per_fold": ("Scores per fold", ("repeat", "fold", "n", *METRICS)),
}
"""Caption and first columns of the scores per group, in the order of the page."""


CURVES = {
    "score_by_count": "Score when each nucleus keeps a share of its localizations",
    "learning_curve": "Score against the number of training replicates",
}
"""Captions of the scores against a quantity, in the order of the page."""


def score_table(metrics: JsonObject) -> PageTable:
    """Every metric, out of fold."""
    rows = score_rows(metrics["metrics"])
    return table_of(rows, "Scores out of fold, with 95 % intervals from a bootstrap over replicates")


def group_tables(metrics: JsonObject) -> list[PageTable]:
    """Scores per class, replicate and fold."""
    classes = metrics["classes"]
    return [
        table_of([_by_class(row, classes) for row in metrics[name]], caption, order=order)
        for name, (caption, order) in GROUPS.items()
        if metrics.get(name)
    ]


def _by_class(row: JsonObject, classes: Sequence[str]) -> dict[str, Any]:
    """The row with its counts of labels in the order of the classes: "somatic: 5, hiPSC: 5"."""
    labels = row.get("labels")
    if not isinstance(labels, Mapping):
        return dict(row)
    return dict(row) | {"labels": {name: labels[name] for name in classes if name in labels}}


def curve_tables(metrics: JsonObject) -> list[PageTable]:
    """Scores against the localizations that a nucleus keeps, and against the training replicates."""
    return [table for name, caption in CURVES.items() if (table := _curve(metrics.get(name), caption))]


def _curve(entry: Any, caption: str) -> PageTable | None:
    """From `{"points": [{..., "value", "ci"}], "title", "what"}`, or its points alone."""
    points = (entry.get("points") if isinstance(entry, Mapping) else entry) or []
    rows = [
        {key: value for key, value in point.items() if key not in ("value", "ci")}
        | ({"balanced_accuracy": {"value": point["value"], "ci": point.get("ci")}} if "value" in point else {})
        for point in points
    ]
    if isinstance(entry, Mapping) and entry.get("what"):
        caption = f"{entry.get('title') or caption}: {entry['what']}"
    order = ("share", "localizations", "replicates", "nuclei", "balanced_accuracy")
    return table_of(rows, caption, order=order) if rows else None


def test_result(metrics: JsonObject) -> dict[str, Any] | None:
    """The held-out test set: its sentence and its table."""
    test = metrics.get("test")
    if not test:
        return None
    nuclei = counted(test.get("n") or 0, "nucleus", "nuclei")
    says = str(test.get("says") or f"{nuclei} of samples with the role “test”, which no model has seen.")
    rows = score_rows(test.get("metrics") or {})
    record = {"evaluations so far": test["looks"]} if "looks" in test else test.get("record")
    table = table_of(rows, "Scores on the held-out test set") if rows else None
    return {"says": says, "record": _record(record), "table": table}


def _record(record: Any) -> str:
    if isinstance(record, Mapping):
        return "; ".join(f"{words(str(key))}: {_plain(value)}" for key, value in record.items() if value is not None)
    return "" if record is None or isinstance(record, bool) else str(record)


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return number_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
