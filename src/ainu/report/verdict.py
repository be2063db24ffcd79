"""The first screen: whether the classes can be distinguished, compared with what, and whether to trust it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ainu.evaluation.audit_titles import TITLES
from ainu.figures.names import method_name
from ainu.intervals import Interval
from ainu.prose import listed
from ainu.report.attribution import Scorecard
from ainu.report.sources import DatasetSummary, JsonObject, samples_told
from ainu.report.text import counted, number_text, words

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

SAME_TASK = ("confounders", "features", "equal_counts", "merged_blinks", "outline")
"""Audits whose scores compare with the network's: they distinguish the same classes."""

SIGNIFICANT = 0.05
"""Largest p-value of a result that permuted labels do not explain."""

_MANY_OUT_OF_DISTRIBUTION = 0.5
_NAMED = 5
"""Samples that a sentence names at most."""


@dataclass(frozen=True)
class Check:
    """One reason to trust the verdict, or not to. `status` is "passed", "warning", "noted" or "not done"."""

    status: str
    title: str
    says: str


@dataclass(frozen=True)
class Headline:
    """The verdict in a few words, and the sentence that says why."""

    short: str
    why: str


@dataclass(frozen=True)
class ScoreBar:
    """A balanced accuracy to draw; `own` where it is the network's."""

    title: str
    score: Interval
    own: bool = False


def audits_of(metrics: JsonObject) -> list[JsonObject]:
    """The audits in the order of the page."""
    known = {name: place for place, name in enumerate(TITLES)}
    return sorted(metrics["audits"], key=lambda audit: known.get(audit["audit"], len(known)))


def audit_title(audit: JsonObject) -> str:
    """What an audit is called on the page."""
    return str(audit.get("title") or TITLES.get(audit["audit"], words(audit["audit"]).capitalize()))


def chance_level(metrics: JsonObject) -> float:
    """Balanced accuracy of guessing."""
    return 1 / len(metrics["classes"])


def confounder_score(metrics: JsonObject) -> Interval:
    """Balanced accuracy that the confounders alone reach."""
    own = next((audit for audit in audits_of(metrics) if audit["audit"] == "confounders"), {})
    return Interval.of((own.get("scores") or {}).get("balanced_accuracy"))


def confounder_title(metrics: JsonObject) -> str:
    """What the confounders are called within a sentence."""
    own = next((audit_title(audit) for audit in audits_of(metrics) if audit["audit"] == "confounders"), "")
    return own[:1].lower() + own[1:]


def verdict(metrics: JsonObject) -> Headline:
    """The verdict, from the interval, chance level, the confounder baseline and the audits."""
    score, chance = Interval.of(metrics["metrics"].get("balanced_accuracy")), chance_level(metrics)
    baseline = confounder_score(metrics).value
    if score.low is None:
        return Headline("Undecided", "Too few replicates for an interval, so a comparison with chance is not possible.")
    if score.low <= chance:
        why = "The 95 % interval includes chance level: these data do not show that the classes can be distinguished."
        return Headline("Not shown by these data", why)
    if baseline is None:
        return Headline(
            "Yes, but not audited",
            "The 95 % interval lies above chance level; there is no confounder baseline to compare with.",
        )
    if score.low <= baseline:
        why = "The 95 % interval lies above chance level, but not above the confounder baseline."
        return Headline("Confounders may explain the result", why)
    why = "The 95 % interval lies above chance level and above the confounder baseline."
    return _doubts(metrics, why) or Headline("Yes", why)


def _doubts(metrics: JsonObject, why: str) -> Headline | None:
    """Reasons to doubt a result whose interval lies above chance level and above the confounder baseline."""
    chance, p = chance_level(metrics), (metrics.get("permutation") or {}).get("p")
    if p is not None and p > SIGNIFICANT:
        why = f"Equally high scores occur with permuted labels (p = {number_text(p)})."
        return Headline("Not shown by these data", why)
    alarming = [audit_title(audit) for audit in audits_of(metrics) if audit.get("warning")]
    if alarming:
        return Headline(
            "Yes, but confounders may contribute", f"{why} But these audits raise a warning: {listed(alarming)}."
        )
    held_out = Interval.of(((metrics.get("test") or {}).get("metrics") or {}).get("balanced_accuracy"))
    if held_out.low is not None and held_out.low <= chance:
        why = f"{why} On the held-out test set it includes chance level."
        return Headline("Yes, but not on the held-out test set", why)
    return None


def bars(metrics: JsonObject) -> list[ScoreBar]:
    """Balanced accuracies to draw below one another: the network's first, chance level last."""
    rows = [ScoreBar("Network, out of fold", Interval.of(metrics["metrics"].get("balanced_accuracy")), True)]
    held_out = Interval.of(((metrics.get("test") or {}).get("metrics") or {}).get("balanced_accuracy"))
    if held_out.value is not None:
        rows.append(ScoreBar("Network, held-out test set", held_out, True))
    for audit in audits_of(metrics):
        score = Interval.of((audit.get("scores") or {}).get("balanced_accuracy"))
        if score.value is not None and audit["audit"] in SAME_TASK:
            rows.append(ScoreBar(audit_title(audit), score))
    return [*rows, ScoreBar("Chance level", Interval(chance_level(metrics)))]


def warnings(metrics: JsonObject, qc: Path | None, scorecard: Scorecard, new: pd.DataFrame | None) -> list[str]:
    """What a reader has to know before trusting anything below.

    Parameters
    ----------
    metrics : mapping
        `metrics.json`.
    qc : path, optional
        The table of the quality control.
    scorecard : Scorecard
        Verdicts of the attribution methods.
    new : DataFrame, optional
        Predictions of new samples.

    Returns
    -------
    list of str
        Sentences.
    """
    said = [*_skipped(qc), *_unused(qc), *(metrics.get("warnings") or [])]
    alarming = [str(audit["says"]) for audit in audits_of(metrics) if audit.get("warning")]
    said += [says for says in alarming if not any(says in warning for warning in said)]
    if scorecard.judged and not scorecard.passing:
        said.append("No attribution method passes its checks: the maps may not show what the network relies on.")
    if new is not None and "unlike_training" in new and len(new):
        share = (new["unlike_training"] == "True").mean()
        if share >= _MANY_OUT_OF_DISTRIBUTION:
            said.append(
                f"{number_text(round(100 * float(share)))} % of the new nuclei are out of distribution: "
                "do not use their predictions."
            )
    return said


def count_skipped(path: Path | None) -> int:
    """Samples of the run that failed."""
    return len(_skipped(path))


def _skipped(path: Path | None) -> list[str]:
    """A sentence for each sample of the run that failed in a stage, and is missing from what follows that one."""
    return [f"Sample {name} was skipped: {why}" for name, why in samples_told(path, "skipped").items()]


def _unused(path: Path | None) -> list[str]:
    """A sentence on the samples that no experiment trains on and nobody predicts, if there are any."""
    names = list(samples_told(path, "unused"))
    shown = names[:_NAMED] + ([f"{number_text(len(names) - _NAMED)} more"] if len(names) > _NAMED else [])
    told = f"Nothing uses {counted(len(names), 'sample')} of the sheet: {listed(shown)}; the reasons are under Quality."
    return [told] if names else []


def checks(metrics: JsonObject, dataset: DatasetSummary, splits_checked: bool, scorecard: Scorecard) -> list[Check]:
    """Why the verdict can be trusted, or cannot.

    Parameters
    ----------
    metrics : mapping
        `metrics.json`.
    dataset : DatasetSummary
        Gives the replicates.
    splits_checked : bool
        Whether the folds were given, and so checked.
    scorecard : Scorecard
        Verdicts of the attribution methods.

    Returns
    -------
    list of Check
        In the order of the page.
    """
    return [
        _chance_check(metrics),
        _replicate_check(dataset, splits_checked),
        *_audit_checks(metrics),
        _permutation_check(metrics),
        _test_check(metrics),
        _attribution_check(scorecard),
    ]


def _chance_check(metrics: JsonObject) -> Check:
    score, chance = Interval.of(metrics["metrics"].get("balanced_accuracy")), chance_level(metrics)
    if score.low is None:
        return Check("not done", "Better than chance", "Too few replicates for an interval.")
    lies = "lies above" if score.low > chance else "includes"
    says = f"The 95 % interval {score.limits} {lies} chance level, {chance:.2f}."
    return Check("passed" if score.low > chance else "warning", "Better than chance", says)


def _replicate_check(dataset: DatasetSummary, splits_checked: bool) -> Check:
    replicates = counted(dataset.table["replicate"].nunique(), "replicate")
    if not splits_checked:
        return Check("not done", "Replicates kept together", "No folds were given to this report.")
    return Check("passed", "Replicates kept together", f"None of {replicates} is split between folds.")


def _audit_checks(metrics: JsonObject) -> Iterator[Check]:
    found = audits_of(metrics)
    for audit in found:
        yield Check(_audit_status(audit), audit_title(audit), str(audit["says"]))
    missing = [title.lower() for name, title in TITLES.items() if name not in {audit["audit"] for audit in found}]
    if missing:
        yield Check("not done", "Further audits", f"Not computed: {listed(missing)}.")


def _audit_status(audit: JsonObject) -> str:
    if audit.get("warning"):
        return "warning"
    if not audit.get("scores"):
        return "not done"
    gain = Interval.of((audit.get("difference") or {}).get("balanced_accuracy"))
    as_good = audit["audit"] == "features" and gain.low is not None and gain.low <= 0
    return "noted" if as_good else "passed"


def _permutation_check(metrics: JsonObject) -> Check:
    p = (metrics.get("permutation") or {}).get("p")
    if p is None:
        return Check("not done", "Permuted labels", "No label permutation was computed.")
    says = f"Equally high scores occur with permuted labels with probability p = {number_text(p)}."
    return Check("passed" if p <= SIGNIFICANT else "warning", "Permuted labels", says)


def _test_check(metrics: JsonObject) -> Check:
    test = metrics.get("test") or {}
    if not test:
        return Check("not done", "Held-out test set", "No samples have the role “test”.")
    score = Interval.of((test.get("metrics") or {}).get("balanced_accuracy"))
    fine = (score.low if score.low is not None else score.value or 0) > chance_level(metrics)
    says = f"Balanced accuracy {score} on {counted(test.get('n') or 0, 'nucleus', 'nuclei')} that no model has seen."
    return Check("passed" if fine else "warning", "Held-out test set", says)


def _attribution_check(scorecard: Scorecard) -> Check:
    if not scorecard.judged:
        return Check("not done", "Attribution", "The methods were not checked.")
    names = [method_name(name) for name in scorecard.passing]
    of = f"of {counted(len(scorecard.judged), 'method')}"
    if not names:
        return Check("warning", "Attribution", f"None {of} passes its checks.")
    return Check(
        "passed", "Attribution", f"{len(names)} {of} {'passes' if len(names) == 1 else 'pass'}: {listed(names)}."
    )


def score_rows(metrics: JsonObject) -> Sequence[dict[str, Any]]:
    """A row per metric: its name, value and the ends of its interval."""
    known = [name for name in METRICS if name in metrics]
    others = sorted(set(metrics) - set(known))
    return [
        {"metric": METRICS.get(name, words(name)), "value": score.value, "from": score.low, "to": score.high}
        for name in [*known, *others]
        for score in [Interval.of(metrics[name])]
        if score.value is not None
    ]
