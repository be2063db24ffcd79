"""How well the classes are distinguished out of fold: the content of `metrics.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from ainu.evaluation.audits import Audit, all_audits
from ainu.evaluation.bootstrap import Draws, with_intervals
from ainu.evaluation.evidence import Evidence
from ainu.evaluation.hold_out import hold_out_warnings
from ainu.evaluation.learning_curve import learning_curve
from ainu.evaluation.permutation_tests import permutations
from ainu.evaluation.scores import Floats, per_class, scores
from ainu.prediction.table import codes, pooled_truth

Tree = dict[str, Any]


def evaluate(predictions: pd.DataFrame, classes: Sequence[str], seed: int) -> Tree:
    """The part of `metrics.json` that takes the predictions only.

    Parameters
    ----------
    predictions : DataFrame
        As `prediction.out_of_fold.out_of_fold` gives them.
    classes : sequence of str
        In the order of the probabilities.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
    """
    rows, truth, probabilities = pooled_truth(predictions, classes)
    replicate = rows["replicate"].to_numpy()
    found = with_intervals(truth, probabilities, replicate, seed=seed)
    confusion = confusion_matrix(truth, probabilities.argmax(1), labels=range(len(classes)))
    return {
        "n": len(rows),
        "replicates": len(np.unique(replicate)),
        "repeats": int(predictions["repeat"].nunique()),
        "classes": list(classes),
        "metrics": found,
        "confusion": confusion.tolist(),
        "per_class": _class_table(rows, truth, probabilities, classes, seed),
        "per_fold": _per_fold(predictions, classes),
        "per_replicate": _per_replicate(rows, truth, probabilities),
        "warnings": _warnings(found, rows, classes),
    }


def evaluate_audited(
    evidence: Evidence,
    by_count: pd.DataFrame,
    permuted: Sequence[pd.DataFrame],
    baseline_permutations: int,
    test: Tree | None,
) -> Tree:
    """The whole content of `metrics.json`.

    Parameters
    ----------
    evidence : Evidence
        Of the experiment.
    by_count : DataFrame
        Predictions of the held-out nuclei, thinned, with a column `share`; empty where they cannot be thinned.
    permuted : sequence of DataFrame
        Predictions of control networks trained on permuted labels, a table per permutation.
    baseline_permutations : int
        How often the cheap classifiers are trained on permuted labels.
    test : dict, optional
        As `hold_out.score` gives it.

    Returns
    -------
    dict
    """
    found = evaluate(evidence.predictions, evidence.classes, evidence.seed)
    audits = all_audits(evidence)
    baselines = {audit["audit"]: audit["scores"] for audit in audits if audit["audit"] in ("confounders", "features")}
    table = evidence.dataset.table
    said = [
        *found["warnings"],
        *unseen_batches(table, evidence.folds),
        *_audit_warnings(audits),
        *hold_out_warnings(test),
    ]
    return found | {
        "audits": audits,
        "baselines": baselines,
        "permutation": permutations(evidence, permuted, baseline_permutations),
        "learning_curve": learning_curve(evidence),
        "score_by_count": score_by_count(evidence, by_count),
        "test": test,
        "warnings": said,
    }


def unseen_batches(nuclei: pd.DataFrame, folds: pd.DataFrame) -> list[str]:
    """Warnings about batches of a class that lie in one fold, while the class has others: a test on a new preparation.

    Parameters
    ----------
    nuclei : DataFrame
        `nucleus`, `label`, and `batch` if the sheet has it ('' where it is empty).
    folds : DataFrame
        `nucleus`, `repeat`, `fold`.

    Returns
    -------
    list of str
    """
    if "batch" not in nuclei:
        return []
    known = folds[["nucleus", "repeat", "fold"]].merge(nuclei[nuclei["batch"].astype(str) != ""], on="nucleus")
    several = known.groupby("label")["batch"].transform("nunique") > 1
    held = known[several].groupby(["label", "batch", "repeat"])["fold"].nunique()
    whole = held[held == 1].reset_index()[["label", "batch"]].drop_duplicates()
    return [
        f"All nuclei of class {label} in batch {batch} were tested by networks trained without this batch; with more "
        "replicates it would be spread over the folds."
        for label, batch in whole.itertuples(index=False)
    ]


def _audit_warnings(audits: Sequence[Audit]) -> list[str]:
    """Warnings of the audits, one sentence each."""
    return [f"{audit['title']}: {audit['says']}" for audit in audits if audit["warning"]]


def _class_table(
    rows: pd.DataFrame, truth: NDArray[np.int64], probabilities: Floats, classes: Sequence[str], seed: int
) -> list[Tree]:
    """`class`, `n`, `replicates`, and `recall`, `precision`, `f1` with intervals, of each class."""
    replicate = rows["replicate"].to_numpy()
    once = per_class(truth, probabilities, np.ones((1, len(truth))))
    draws = Draws.of(replicate, truth, len(classes), seed=seed)
    drawn = per_class(truth, probabilities, draws.weights) if draws else None
    found = []
    for index, name in enumerate(classes):
        own = truth == index
        row: Tree = {"class": name, "n": int(own.sum()), "replicates": len(np.unique(replicate[own]))}
        for metric, values in once.items():
            row[metric] = draws.valued(values[0, index], drawn[metric][:, index] if drawn else None)
        found.append(row)
    return found


def _per_fold(predictions: pd.DataFrame, classes: Sequence[str]) -> list[Tree]:
    """All metrics of each fold of each repeat."""
    found = []
    for _, part in predictions.groupby(["repeat", "fold"]):
        values = scores(codes(part["label"], classes), part[[f"p_{name}" for name in classes]].to_numpy())
        row: Tree = {"repeat": int(part["repeat"].iloc[0]), "fold": int(part["fold"].iloc[0]), "n": len(part)}
        found.append(row | values)
    return found


def _per_replicate(rows: pd.DataFrame, truth: NDArray[np.int64], probabilities: Floats) -> list[Tree]:
    """Nuclei of each replicate, how many are correct, mean probability of the true class, and nuclei per class."""
    right, of_truth = probabilities.argmax(1) == truth, probabilities[np.arange(len(truth)), truth]
    found = []
    for name, part in rows.groupby("replicate"):
        labels = part["label"].value_counts().sort_index()
        correct = int(right[part.index].sum())
        row: Tree = {"replicate": str(name), "n": len(part), "correct": correct, "accuracy": correct / len(part)}
        row["probability_of_truth"] = float(of_truth[part.index].mean())
        found.append(row | {"labels": {str(label): int(count) for label, count in labels.items()}})
    return found


def score_by_count(evidence: Evidence, by_count: pd.DataFrame) -> Tree | None:
    """Score when the held-out nuclei keep only a share of their localizations, by the same models."""
    if by_count.empty:
        return None
    typical = float(np.median(evidence.dataset.localizations.sum(axis=1)))
    points = [
        {"share": 1.0, "localizations": round(typical)} | evidence.scored(evidence.predictions)["balanced_accuracy"]
    ]
    for share, table in sorted(by_count.groupby("share"), key=lambda item: -float(item[0])):  # type: ignore[arg-type]
        own = evidence.scored(table)["balanced_accuracy"]
        points.append({"share": float(share), "localizations": round(typical * float(share))} | own)  # type: ignore[arg-type]
    return {
        "title": "Score against localizations left",
        "what": f"{evidence.network} trained on all localizations; held-out nuclei thinned at random",
        "points": points,
    }


def _warnings(found: dict[str, Tree], rows: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    """Warnings about the scores."""
    said = []
    chance = 1 / len(classes)
    interval = found["balanced_accuracy"]["ci"]
    if interval is None:
        said.append("Too few replicates for an interval: each class needs two.")
    elif interval[0] <= chance:
        said.append(
            f"The 95 % interval of the balanced accuracy includes chance level ({chance:.2f}): no difference is shown."
        )
    per_label = rows.groupby("label")["replicate"].nunique()
    for label in classes:
        count = per_label.get(label, 0)
        if count < 3:
            said.append(f"Class {label} has {count} replicates; intervals from fewer than 3 replicates are unreliable.")
    if rows.groupby("replicate")["label"].nunique().eq(1).all():
        said.append(
            "Every replicate has one class only: differences between preparations cannot be distinguished from "
            "differences between classes."
        )
    return said
