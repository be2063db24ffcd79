"""Audits: what else could explain the result, each beside the network."""

from __future__ import annotations

from typing import Any

from ainu.intervals import Interval
from ainu.report.sources import JsonObject
from ainu.report.tables import PageTable, table_of
from ainu.report.text import number_text
from ainu.report.verdict import audit_title, audits_of


def audit_list(metrics: JsonObject) -> list[dict[str, Any]]:
    """Each audit: title, sentence, whether it warns."""
    return [
        {"title": audit_title(audit), "says": str(audit.get("says", "")), "warning": bool(audit.get("warning"))}
        for audit in audits_of(metrics)
    ]


def audit_table(metrics: JsonObject) -> PageTable | None:
    """Scores of the audits beside the network's."""
    scores = {audit_title(audit): audit.get("scores") or {} for audit in audits_of(metrics)}
    if not scores:
        return None
    names = [name for name in ("balanced_accuracy", "auroc", "mcc") if any(name in own for own in scores.values())]
    rows = [{"classifier": title} | {name: _entry(own.get(name)) for name in names} for title, own in scores.items()]
    network = {"classifier": "Network, as trained"} | {name: _entry(metrics["metrics"].get(name)) for name in names}
    return table_of([network, *rows], "Audits beside the network", order=("classifier", *names))


def _entry(value: Any) -> dict[str, Any] | None:
    interval = Interval.of(value)
    ends = None if interval.low is None else [interval.low, interval.high]
    return None if interval.value is None else {"value": interval.value, "ci": ends}


def permutation_sentence(metrics: JsonObject) -> str:
    """How often equally high scores occur with permuted labels."""
    permutation = metrics.get("permutation") or {}
    if permutation.get("p") is None:
        return ""
    draws = len(permutation.get("null") or [])
    details = [f"{number_text(draws)} permutations"] if draws else []
    details += [str(permutation["what"])] if permutation.get("what") else []
    end = f" ({'; '.join(details)})" if details else ""
    return f"Equally high scores occur with permuted labels with probability p = {number_text(permutation['p'])}{end}."
