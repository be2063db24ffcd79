"""The shortcut audit: what else than the arrangement of the molecules could a network have learned?

Every audit is made on the same folds as the network's score, and compared to it over the same draws of replicates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.evaluation.baselines import MODELS, confounders, cross_validated, ridge_calls
from ainu.evaluation.scores import differences, with_intervals
from ainu.images.dataset import Dataset
from ainu.prediction.out_of_fold import pooled_truth

MAIN = "balanced_accuracy"
FEW_IN_A_REPLICATE = 3
PERMUTATIONS_OF_REPLICATES = 99
SHOWN_FEATURES = 3

Audit = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What an experiment's audits are made from.

    Attributes
    ----------
    predictions : DataFrame
        Out of fold, of the experiment's networks.
    dataset : Dataset
    folds : DataFrame
    features, acquisition : DataFrame
        As `features.read_features` gives them, a row per nucleus of the dataset.
    controls : DataFrame
        What the control networks said out of fold, with a column `control`; of the first repeat.
    classes : sequence of str
    network, control_network : str
        Of the experiment, and of the controls.
    seed : int
    """

    predictions: pd.DataFrame
    dataset: Dataset
    folds: pd.DataFrame
    features: pd.DataFrame
    acquisition: pd.DataFrame
    controls: pd.DataFrame
    classes: Sequence[str]
    network: str
    control_network: str
    seed: int

    @property
    def chance(self) -> float:
        return 1 / len(self.classes)

    @property
    def first_folds(self) -> pd.DataFrame:
        """Folds of the first repeat."""
        return self.folds[self.folds["repeat"] == 0]

    def scored(self, table: pd.DataFrame) -> dict[str, dict[str, Any]]:
        """Scores of a table of predictions, with intervals."""
        rows, truth, values = pooled_truth(table, self.classes)
        return with_intervals(truth, values, rows["replicate"].to_numpy(), seed=self.seed)

    def gain(self, table: pd.DataFrame, other: pd.DataFrame) -> dict[str, dict[str, Any]]:
        """Scores of one table of predictions minus those of another, over the same draws of replicates."""
        rows, truth, values = pooled_truth(table.sort_values(["nucleus", "repeat"]), self.classes)
        _, _, others = pooled_truth(other.sort_values(["nucleus", "repeat"]), self.classes)
        return differences(truth, values, others, rows["replicate"].to_numpy(), seed=self.seed)

    def of_control(self, control: str) -> pd.DataFrame:
        return self.controls[self.controls["control"] == control]


def all_audits(evidence: Evidence) -> list[Audit]:
    """Every audit that the evidence allows, in the order of the page."""
    made = [confounder_audit(evidence), feature_audit(evidence)]
    made += [audit for control in (equal_counts_audit, outline_audit) if (audit := control(evidence))]
    return [*made, replicate_audit(evidence)]


# --- cheap classifiers ------------------------------------------------------------------------------------------------


def confounder_audit(evidence: Evidence) -> Audit:
    """Do counts, area and the recording alone tell the classes apart?"""
    values = confounders(evidence.dataset, evidence.acquisition)
    missing = [str(name) for name in values if values[name].isna().all()]
    used = values.drop(columns=missing)
    best = _best_model(evidence, used)
    own, told = best["scores"][MAIN], _above(best["scores"][MAIN], evidence.chance)
    names = "Localization counts, area, densities and the recording"
    if told:
        says = (
            f"{names} alone reach {shown(own)}: what they tell may explain part of the result"
            f"{_rest(best['difference'][MAIN])}."
        )
    else:
        says = f"{names} alone are not shown to tell the classes apart: {shown(own)}, chance is {evidence.chance:.2f}."
    left = f" Absent in these data: {', '.join(missing)}." if missing else ""
    return {
        "audit": "confounders",
        "title": "Counts, area and recording alone",
        "says": says + left,
        "warning": told,
    } | (best | {"uses": list(map(str, used)), "left_out": missing})


def feature_audit(evidence: Evidence) -> Audit:
    """Are hand-made features of the arrangement as good as the network?"""
    best = _best_model(evidence, evidence.features)
    own, gain = best["scores"][MAIN], best["difference"][MAIN]
    if gain["ci"] is None:
        says = f"Hand-made features reach {shown(own)}; too few replicates to compare that with the network."
    elif gain["ci"][0] > 0:
        says = f"The network is better than hand-made features, which reach {shown(own)}, by {shown(gain)}."
    elif gain["ci"][1] < 0:
        says = (
            f"Hand-made features reach {shown(own)}, better than the network by {shown(_negative(gain))}: prefer them."
        )
    else:
        says = (
            f"Hand-made features reach {shown(own)}; the network is not shown to be better (difference {shown(gain)}), "
            "so they may hold all that it sees."
        )
    title = "Hand-made spatial features"
    return {"audit": "features", "title": title, "says": says, "warning": False} | (
        best | {"uses": list(map(str, evidence.features))}
    )


def _best_model(evidence: Evidence, values: pd.DataFrame) -> Audit:
    """`scores` and `difference` (network minus it) of the better classifier, and `models`: the scores of each.

    The better one is taken so that the network has the harder opponent.
    """
    tables = {
        name: cross_validated(
            make, values.to_numpy(np.float64), evidence.dataset, evidence.folds, evidence.classes, evidence.seed
        )
        for name, make in MODELS.items()
    }
    models = {name: evidence.scored(table) for name, table in tables.items()}
    best = max(models, key=lambda name: models[name][MAIN]["value"])
    gain = evidence.gain(evidence.predictions, tables[best])
    return {"model": best, "scores": models[best], "difference": gain, "models": models}


# --- control networks -------------------------------------------------------------------------------------------------


def equal_counts_audit(evidence: Evidence) -> Audit | None:
    """Does a network still tell the classes apart where all nuclei have equally many localizations?"""
    entry: Audit = {"audit": "equal_counts", "title": "Network on equal counts", "warning": False, "scores": {}}
    table = evidence.of_control("equal_counts")
    if not evidence.dataset.counted:
        return entry | {"says": "Not done: images of densities (kernel gaussian) cannot be thinned."}
    if table.empty:
        return None
    reference, name = _reference(evidence)
    whole, own = evidence.scored(reference)[MAIN], evidence.scored(table)
    gain = evidence.gain(reference, table)
    fewest = evidence.dataset.image_counts.min(axis=0)
    counts = " and ".join(f"{n:,} of {c}" for n, c in zip(fewest, evidence.dataset.channels, strict=True))
    explained = _above(whole, evidence.chance) and not _above(own[MAIN], evidence.chance)
    lost = gain[MAIN]["ci"] is not None and gain[MAIN]["ci"][0] > 0
    start = (
        f"With equal counts in every nucleus ({counts}), {name} reaches {shown(own[MAIN])} (all counts: {shown(whole)})"
    )
    follows = (
        "above chance neither way, so nothing can be said of counts"
        if not _above(whole, evidence.chance) and not _above(own[MAIN], evidence.chance)
        else "counts may explain the result, or too few localizations are left"
        if explained
        else "part is lost, by equal counts or by having fewer localizations"
        if lost
        else "no loss is shown, so counts are not what it needs"
    )
    return entry | {
        "says": f"{start}: {follows}.",
        "warning": bool(explained),
        "scores": own,
        "difference": gain,
        "network": evidence.control_network,
        "localizations": dict(zip(evidence.dataset.channels, map(int, fewest), strict=True)),
    }


def outline_audit(evidence: Evidence) -> Audit | None:
    """Do size and shape of the nucleus alone tell the classes apart?"""
    table = evidence.of_control("outline")
    if table.empty:
        return None
    reference, name = _reference(evidence)
    own, gain = evidence.scored(table), evidence.gain(reference, table)
    told = _above(own[MAIN], evidence.chance)
    start = f"From the filled outline alone, {evidence.control_network} reaches {shown(own[MAIN])}"
    says = (
        f"{start}: size and shape may explain part of the result{_rest(gain[MAIN], name)}."
        if told
        else f"{start}: size and shape are not shown to tell the classes apart."
    )
    return {
        "audit": "outline",
        "title": "Network on the outline alone",
        "says": says,
        "warning": told,
        "scores": own,
        "difference": gain,
        "network": evidence.control_network,
    }


def _reference(evidence: Evidence) -> tuple[pd.DataFrame, str]:
    """What a control is compared to: the same network on untouched images, first repeat; and its name."""
    unchanged = evidence.of_control("unchanged")
    if len(unchanged):
        return unchanged, evidence.control_network
    return evidence.predictions[evidence.predictions["repeat"] == 0], evidence.network


# --- replicates -------------------------------------------------------------------------------------------------------


def replicate_audit(evidence: Evidence) -> Audit:
    """Can the replicate be told within a class, and by what?"""
    entry: Audit = {"audit": "replicate", "title": "Replicate within a class", "warning": False, "scores": {}}
    values = pd.concat([confounders(evidence.dataset, evidence.acquisition), evidence.features], axis=1)
    values = values.loc[:, values.notna().any()]
    parts = [part for label in evidence.classes if (part := _Within.of(evidence, label)) is not None]
    if not parts:
        few = f"no class has two replicates with {FEW_IN_A_REPLICATE} nuclei each"
        return entry | {"says": f"Whether replicates differ within a class cannot be told: {few}."}
    own = np.mean([part.scores(values.to_numpy(np.float64), evidence.seed) for part in parts], axis=0)
    p = (1 + int((own[1:] >= own[0] - 1e-12).sum())) / len(own)
    chance = float(np.mean([1 / part.replicates for part in parts]))
    by = _separating(parts, values)
    told, follow = p < 0.05, _labels_follow_replicates(evidence.dataset)
    listed = "; ".join(f"{name} ({100 * share:.0f} % of its variance)" for name, share in by.items())
    if not told:
        says = f"Within a class, replicates are not told apart ({own[0]:.2f}, chance {chance:.2f}, p = {p:.2g})."
    else:
        says = f"Within a class, replicates are told apart ({own[0]:.2f}, chance {chance:.2f}, p = {p:.2g}), "
        says += f"most by {listed}"
        says += (
            "; since every replicate holds one class, what separates preparations may stand for the class."
            if follow
            else "; replicates hold several classes and lie in one fold each, so that alone cannot raise the score."
        )
    score = {MAIN: {"value": float(own[0]), "ci": None}}
    return entry | {
        "says": says,
        "warning": told and follow,
        "scores": score,
        "chance": chance,
        "p": p,
        "separated_by": by,
    }


@dataclass(frozen=True)
class _Within:
    """Nuclei of one class, of replicates with several of them: places in the dataset, and (n,) replicate."""

    dataset: Dataset
    rows: NDArray[np.intp]
    member: NDArray[np.int64]

    @classmethod
    def of(cls, evidence: Evidence, label: str) -> _Within | None:
        dataset = evidence.dataset
        names, counts = np.unique(dataset.replicate[dataset.label == label], return_counts=True)
        chosen = names[counts >= FEW_IN_A_REPLICATE]
        rows = np.flatnonzero((dataset.label == label) & np.isin(dataset.replicate, chosen))
        member = np.searchsorted(chosen, dataset.replicate[rows])
        return cls(dataset, rows, member.astype(np.int64)) if len(chosen) > 1 else None

    @property
    def replicates(self) -> int:
        return int(self.member.max()) + 1

    def scores(self, values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
        """Mean recall of the replicates by a ridge classifier over random fifths of the nuclei: as it is, and for each
        of the permutations of who comes from where."""
        rng = np.random.default_rng([seed, 11])
        labels = np.stack([self.member, *(rng.permutation(self.member) for _ in range(PERMUTATIONS_OF_REPLICATES))])
        part = rng.permutation(len(self.rows)) % min(5, len(self.rows))
        names = self.dataset.nucleus[self.rows]
        folds = pd.DataFrame({"nucleus": names, "repeat": 0, "fold": part})
        right = ridge_calls(values[self.rows], labels, names, folds) == labels
        return np.mean([_share(right, labels == k) for k in range(self.replicates)], axis=0)


def _share(right: NDArray[np.bool_], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    return (right & own).sum(axis=1) / np.maximum(own.sum(axis=1), 1)


def _separating(parts: Sequence[_Within], values: pd.DataFrame) -> dict[str, float]:
    """The values of whose variance within a class most lies between replicates, and how much that is."""
    between = np.zeros(values.shape[1])
    for part in parts:
        own = values.iloc[part.rows].fillna(values.iloc[part.rows].median()).fillna(0.0)
        means = own.groupby(part.member).transform("mean")
        total, told = (((table - own.mean()) ** 2).sum().to_numpy() for table in (own, means))
        between += np.divide(told, total, out=np.zeros(len(total)), where=total > 0)
    order = np.argsort(-between, kind="stable")[:SHOWN_FEATURES]
    return {str(values.columns[k]): float(between[k] / len(parts)) for k in order}


def _labels_follow_replicates(dataset: Dataset) -> bool:
    return bool(dataset.table.groupby("replicate")["label"].nunique().eq(1).all())


# --- words ------------------------------------------------------------------------------------------------------------


def shown(score: Mapping[str, Any]) -> str:
    """A score with its interval, as in a sentence."""
    limits = "no interval" if score["ci"] is None else "{:.2f} to {:.2f}".format(*score["ci"])
    return f"{score['value']:.2f} ({limits})"


def _above(score: Mapping[str, Any], chance: float) -> bool:
    return score["ci"] is not None and score["ci"][0] > chance


def _negative(score: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": -score["value"], "ci": [-limit for limit in reversed(score["ci"])]}


def _rest(gain: Mapping[str, Any], network: str = "the network") -> str:
    """What is left for the network beside a shortcut."""
    if gain["ci"] is not None and gain["ci"][0] > 0:
        return f", and {network} is better than that by {shown(gain)}"
    return f", and {network} is not shown to be better (difference {shown(gain)})"
