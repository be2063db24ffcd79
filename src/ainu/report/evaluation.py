"""How well the classes are told apart: tables and sentences of the section on the evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ainu.report.tables import Table, table_of
from ainu.report.text import Interval, counted, number_text, words
from ainu.report.verdict import METRICS, audit_title, audits_of, score_rows

GROUPS = {
    "per_class": ("Scores per class", ("class", "label", "n", "replicates", "recall", "precision", "f1")),
    "per_replicate": ("Scores per replicate", ("replicate", "labels", "n", "correct", "accuracy")),
    "per_fold": ("Scores per fold", ("repeat", "fold", "n", *METRICS)),
}
"""Caption and first columns of the scores per group, in the order of the page."""


COURSES = {
    "score_by_count": "Score when each nucleus keeps a share of its localizations",
    "learning_curve": "Score against what was trained on",
}
"""Caption of the scores along a course, in the order of the page."""


def score_table(metrics: Mapping[str, Any]) -> Table:
    """Every metric, out of fold."""
    rows = score_rows(metrics["metrics"])
    return table_of(rows, "Scores out of fold, with 95 % intervals from a bootstrap over replicates")


def group_tables(metrics: Mapping[str, Any]) -> list[Table]:
    """Scores per class, replicate and fold."""
    classes = metrics["classes"]
    return [
        table_of([_by_class(row, classes) for row in metrics[name]], caption, order=order)
        for name, (caption, order) in GROUPS.items()
        if metrics.get(name)
    ]


def _by_class(row: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """The row with its counts of labels in the order of the classes: "somatic: 5, hiPSC: 5"."""
    labels = row.get("labels")
    if not isinstance(labels, Mapping):
        return dict(row)
    return dict(row) | {"labels": {name: labels[name] for name in classes if name in labels}}


def course_tables(metrics: Mapping[str, Any]) -> list[Table]:
    """Scores against the localizations that a nucleus keeps, and against the replicates in training."""
    return [table for name, caption in COURSES.items() if (table := _course(metrics.get(name), caption))]


def _course(entry: Any, caption: str) -> Table | None:
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


def test_result(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """The held-out test: its sentence and its table."""
    test = metrics.get("test")
    if not test:
        return None
    nuclei = counted(test.get("n") or 0, "nucleus", "nuclei")
    says = str(test.get("says") or f"{nuclei} of samples with the role “test”, which no model has seen.")
    rows = score_rows(test.get("metrics") or {})
    record = {"looks so far": test["looks"]} if "looks" in test else test.get("record")
    table = table_of(rows, "Scores on the held-out test") if rows else None
    return {"says": says, "record": _record(record), "table": table}


def _record(record: Any) -> str:
    if isinstance(record, Mapping):
        return "; ".join(f"{words(str(key))}: {_plain(value)}" for key, value in record.items() if value is not None)
    return "" if record is None or isinstance(record, bool) else str(record)


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return number_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def audit_list(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each audit: title, sentence, whether it warns."""
    return [
        {"title": audit_title(audit), "says": str(audit.get("says", "")), "warning": bool(audit.get("warning"))}
        for audit in audits_of(metrics)
    ]


def audit_table(metrics: Mapping[str, Any]) -> Table | None:
    """Scores of the audits beside the network's."""
    scores = {audit_title(audit): audit.get("scores") or {} for audit in audits_of(metrics)}
    if not scores:
        return None
    names = [name for name in ("balanced_accuracy", "auroc", "mcc") if any(name in own for own in scores.values())]
    rows = [{"classifier": title} | {name: _entry(own.get(name)) for name in names} for title, own in scores.items()]
    network = {"classifier": "Network, whole image"} | {name: _entry(metrics["metrics"].get(name)) for name in names}
    return table_of([network, *rows], "Audits beside the network", order=("classifier", *names))


def _entry(value: Any) -> dict[str, Any] | None:
    interval = Interval.of(value)
    ends = None if interval.low is None else [interval.low, interval.high]
    return None if interval.value is None else {"value": interval.value, "ci": ends}


def permutation_sentence(metrics: Mapping[str, Any]) -> str:
    """What shuffled labels give."""
    permutation = metrics.get("permutation") or {}
    if permutation.get("p") is None:
        return ""
    draws = len(permutation.get("null") or [])
    what = f" ({permutation['what']})" if permutation.get("what") else ""
    times = f"{number_text(draws)} times " if draws else ""
    p = number_text(permutation["p"])
    return f"With labels shuffled {times}a score as high as this one comes up with p = {p}{what}."
