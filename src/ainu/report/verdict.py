"""The first screen: how well the classes are told apart, against what, and whether it can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ainu.figures.style import method_name
from ainu.report.attribution import Scorecard
from ainu.report.sources import Dataset, read_table
from ainu.report.text import Interval, counted, listed, number_text, words

METRICS = {
    "balanced_accuracy": "Balanced accuracy",
    "auroc": "AUROC",
    "weighted_accuracy": "Weighted accuracy",
    "average_precision": "Average precision",
    "mcc": "Matthews correlation",
    "f1": "F1",
    "brier": "Brier score (lower is better)",
    "log_loss": "Log loss (lower is better)",
    "ece": "Expected calibration error (lower is better)",
}
"""Names of the metrics, in the order of the page."""

AUDITS = {
    "confounders": "Counts, area and the like alone",
    "features": "Hand-made spatial features",
    "equal_counts": "Counts made equal",
    "outline": "The outline alone",
    "replicate": "Telling the replicate",
}
"""Short titles of audits that bring none, in the order of the page."""

SAME_TASK = ("confounders", "features", "equal_counts", "outline")
"""Audits whose scores can stand beside the network's: they tell the same classes apart."""

SIGNIFICANT = 0.05
"""Largest p-value of a result that shuffled labels do not explain."""

_UNLIKE = 0.5


@dataclass(frozen=True)
class Check:
    """One reason to trust the answer, or not to. `status` is "passed", "warning", "noted" or "not done"."""

    status: str
    title: str
    says: str


@dataclass(frozen=True)
class Verdict:
    """The answer in a few words, and the sentence that says why."""

    short: str
    why: str


@dataclass(frozen=True)
class Bar:
    """A balanced accuracy to draw; `own` where it is the network's."""

    title: str
    score: Interval
    own: bool = False


def audits_of(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The audits in the order of the page; the confounder baseline counts as one where there are none."""
    found = list(metrics.get("audits") or [])
    have = {audit.get("audit") for audit in found}
    for name, entry in (metrics.get("baselines") or {}).items():
        if name not in have and isinstance(entry, Mapping):
            found.append(_as_audit(name, entry))
    order = list(AUDITS)
    return sorted(found, key=lambda audit: order.index(audit["audit"]) if audit["audit"] in order else len(order))


def _as_audit(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    scores = {key: value for key, value in entry.items() if key in METRICS}
    features = [words(str(feature)) for feature in entry.get("features") or []]
    sees = listed(features) if features else "counts and area" if name == "confounders" else words(name)
    reaches = Interval.of(entry.get("balanced_accuracy"))
    says = f"A classifier that sees only {sees} reaches a balanced accuracy of {reaches} on the same folds."
    return {"audit": name, "title": AUDITS.get(name, words(name)), "says": says, "warning": False, "scores": scores}


def audit_title(audit: Mapping[str, Any]) -> str:
    """What an audit is called on the page."""
    return str(audit.get("title") or AUDITS.get(audit["audit"], words(audit["audit"]).capitalize()))


def confounder_score(metrics: Mapping[str, Any]) -> Interval:
    """Balanced accuracy that the confounders alone reach."""
    own = next((audit for audit in audits_of(metrics) if audit["audit"] == "confounders"), {})
    return Interval.of((own.get("scores") or {}).get("balanced_accuracy"))


def confounder_title(metrics: Mapping[str, Any]) -> str:
    """What the confounders are called within a sentence."""
    own = next((audit_title(audit) for audit in audits_of(metrics) if audit["audit"] == "confounders"), "")
    return own[:1].lower() + own[1:]


def verdict(metrics: Mapping[str, Any]) -> Verdict:
    """The answer, from the interval, chance, the confounder baseline and the audits."""
    score, chance = Interval.of(metrics["metrics"].get("balanced_accuracy")), 1 / len(metrics["classes"])
    baseline = confounder_score(metrics).value
    if score.low is None:
        return Verdict("Undecided", "There is no interval, so it cannot be said whether this is better than chance.")
    if score.low <= chance:
        why = "The interval holds chance: these data do not show that the classes can be told apart."
        return Verdict("Not shown by these data", why)
    if baseline is None:
        return Verdict(
            "Yes, but not audited",
            "The interval lies above chance; there is no confounder baseline to compare with.",
        )
    if score.low <= baseline:
        why = "The interval lies above chance but not above the confounder baseline, which may explain the result."
        return Verdict("Perhaps for a trivial reason", why)
    why = "The interval lies above chance and above the confounder baseline."
    return _doubts(metrics, why) or Verdict("Yes", why)


def _doubts(metrics: Mapping[str, Any], why: str) -> Verdict | None:
    """What speaks against a result whose interval lies above chance and above the confounder baseline."""
    chance, p = 1 / len(metrics["classes"]), (metrics.get("permutation") or {}).get("p")
    if p is not None and p > SIGNIFICANT:
        why = f"The interval lies above chance, but scores as high come up with shuffled labels (p = {number_text(p)})."
        return Verdict("Not shown by these data", why)
    alarming = [audit_title(audit) for audit in audits_of(metrics) if audit.get("warning")]
    if alarming:
        return Verdict(
            "Yes, but a shortcut may explain it", f"{why} These audits warn all the same: {listed(alarming)}."
        )
    held_out = Interval.of(((metrics.get("test") or {}).get("metrics") or {}).get("balanced_accuracy"))
    if held_out.low is not None and held_out.low <= chance:
        return Verdict("Yes, but not on the held-out test", f"{why} That of the held-out test holds chance.")
    return None


def bars(metrics: Mapping[str, Any]) -> list[Bar]:
    """Balanced accuracies to draw below one another: the network's first, chance last."""
    rows = [Bar("Network, out of fold", Interval.of(metrics["metrics"].get("balanced_accuracy")), True)]
    held_out = Interval.of(((metrics.get("test") or {}).get("metrics") or {}).get("balanced_accuracy"))
    if held_out.value is not None:
        rows.append(Bar("Network, held-out test", held_out, True))
    for audit in audits_of(metrics):
        score = Interval.of((audit.get("scores") or {}).get("balanced_accuracy"))
        if score.value is not None and audit["audit"] in SAME_TASK:
            rows.append(Bar(audit_title(audit), score))
    return [*rows, Bar("Chance", Interval(1 / len(metrics["classes"])))]


def warnings(metrics: Mapping[str, Any], qc: Path | None, scorecard: Scorecard, new: pd.DataFrame | None) -> list[str]:
    """What a reader has to know before believing anything below."""
    said = [*_skipped(qc), *(metrics.get("warnings") or [])]
    alarming = [str(audit["says"]) for audit in audits_of(metrics) if audit.get("warning")]
    said += [says for says in alarming if not any(says in warning for warning in said)]
    if scorecard.judged and not scorecard.passing:
        said.append("No attribution method passed its checks: the maps need not show what the network looks at.")
    if new is not None and "unlike_training" in new and len(new):
        share = (new["unlike_training"] == "True").mean()
        if share >= _UNLIKE:
            said.append(
                f"{number_text(round(100 * float(share)))} % of the new nuclei are unlike the training set: "
                "their predictions are not to be used."
            )
    return said


def count_skipped(path: Path | None) -> int:
    """Samples of the run that failed."""
    return len(_skipped(path))


def _skipped(path: Path | None) -> list[str]:
    """A sentence for each sample of the run that failed in a stage, and is missing from what follows that one."""
    table = pd.DataFrame() if path is None else read_table(path)
    if "skipped" not in table:
        return []
    pairs = zip(table["sample"], table["skipped"], strict=True)
    return [f"Sample {name} was skipped: {why}" for name, why in pairs if why]


def checks(metrics: Mapping[str, Any], dataset: Dataset, splits_checked: bool, scorecard: Scorecard) -> list[Check]:
    """Why the answer can be trusted, or cannot, a line each."""
    return [
        _chance_check(metrics),
        _replicate_check(dataset, splits_checked),
        *_audit_checks(metrics),
        _permutation_check(metrics),
        _test_check(metrics),
        _attribution_check(scorecard),
    ]


def _chance_check(metrics: Mapping[str, Any]) -> Check:
    score, chance = Interval.of(metrics["metrics"].get("balanced_accuracy")), 1 / len(metrics["classes"])
    if score.low is None:
        return Check("not done", "Better than chance", "There is no interval.")
    says = f"The interval {score.limits} {'lies above' if score.low > chance else 'holds'} chance, {chance:.2f}."
    return Check("passed" if score.low > chance else "warning", "Better than chance", says)


def _replicate_check(dataset: Dataset, splits_checked: bool) -> Check:
    replicates = counted(dataset.table["replicate"].nunique(), "replicate")
    if not splits_checked:
        return Check("not done", "Replicates kept apart", "No folds were given to this report.")
    return Check("passed", "Replicates kept apart", f"None of {replicates} is in two folds.")


def _audit_checks(metrics: Mapping[str, Any]) -> Iterator[Check]:
    found = audits_of(metrics)
    for audit in found:
        yield Check(_audit_status(audit), audit_title(audit), str(audit["says"]))
    missing = [title.lower() for name, title in AUDITS.items() if name not in {audit["audit"] for audit in found}]
    if missing:
        yield Check("not done", "Further audits", f"Not computed: {listed(missing)}.")


def _audit_status(audit: Mapping[str, Any]) -> str:
    if audit.get("warning"):
        return "warning"
    if not audit.get("scores"):
        return "not done"
    gain = Interval.of((audit.get("difference") or {}).get("balanced_accuracy"))
    as_good = audit["audit"] == "features" and gain.low is not None and gain.low <= 0
    return "noted" if as_good else "passed"


def _permutation_check(metrics: Mapping[str, Any]) -> Check:
    p = (metrics.get("permutation") or {}).get("p")
    if p is None:
        return Check("not done", "Shuffled labels", "No label permutation was computed.")
    says = f"A score as high comes up with p = {number_text(p)} when labels are shuffled."
    return Check("passed" if p <= SIGNIFICANT else "warning", "Shuffled labels", says)


def _test_check(metrics: Mapping[str, Any]) -> Check:
    test = metrics.get("test") or {}
    if not test:
        return Check("not done", "Held-out test", "No samples of role “test” were kept aside.")
    score = Interval.of((test.get("metrics") or {}).get("balanced_accuracy"))
    chance = 1 / len(metrics["classes"])
    fine = (score.low if score.low is not None else score.value or 0) > chance
    says = f"Balanced accuracy {score} on {counted(test.get('n') or 0, 'nucleus', 'nuclei')} never used before."
    return Check("passed" if fine else "warning", "Held-out test", says)


def _attribution_check(scorecard: Scorecard) -> Check:
    if not scorecard.judged:
        return Check("not done", "Attribution", "The methods were not put to the test.")
    names = [method_name(name) for name in scorecard.passing]
    of = f"of {counted(len(scorecard.judged), 'method')}"
    if not names:
        return Check("warning", "Attribution", f"None {of} passes its checks.")
    return Check(
        "passed", "Attribution", f"{len(names)} {of} {'passes' if len(names) == 1 else 'pass'}: {listed(names)}."
    )


def score_rows(metrics: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """A row per metric: its name, value and the ends of its interval."""
    known = [name for name in METRICS if name in metrics]
    others = sorted(set(metrics) - set(known))
    return [
        {"metric": METRICS.get(name, words(name)), "value": score.value, "from": score.low, "to": score.high}
        for name in [*known, *others]
        for score in [Interval.of(metrics[name])]
        if score.value is not None
    ]
