"""Audits: what else than the arrangement of the molecules could a network have learned?

Every audit is made on the same folds as the network's score, and compared to it over the same draws of replicates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.evaluation.audit_titles import TITLES
from ainu.evaluation.baselines import MODELS, confounders, cross_validated, resolutions, ridge_calls
from ainu.evaluation.evidence import MAIN, Evidence
from ainu.images.dataset import Dataset
from ainu.images.thinning import lowest_density
from ainu.intervals import Interval
from ainu.networks.seen import DETAIL

FEWEST_IN_REPLICATE = 3
"""Nuclei of a class that a replicate needs to be compared with others."""
PERMUTATIONS_OF_REPLICATES = 99
SHOWN_FEATURES = 3

Audit = dict[str, Any]


def all_audits(evidence: Evidence) -> list[Audit]:
    """Every audit that the evidence allows, in the order of the report."""
    made = [confounder_audit(evidence), feature_audit(evidence)]
    controls = (equal_counts_audit, merged_blinks_audit, outline_audit)
    made += [audit for control in controls if (audit := control(evidence))]
    return [*made, replicate_audit(evidence)]


# --- cheap classifiers ------------------------------------------------------------------------------------------------


def confounder_audit(evidence: Evidence) -> Audit:
    """Do counts, area and the recording alone distinguish the classes?"""
    values = confounders(evidence.dataset, evidence.acquisition)
    missing = [str(name) for name in values if values[name].isna().all()]
    used = values.drop(columns=missing)
    best = _best_model(evidence, used)
    own, above = _interval(best["scores"]), _above_chance(best["scores"], evidence)
    names = "Localization counts, area, densities and the recording"
    says = (
        f"{names} alone reach {own}: they may explain part of the result{_rest(best['difference'])}."
        if above
        else f"{names} alone are not shown to distinguish the classes: {own}, chance level {evidence.chance:.2f}."
    )
    left = f" Absent in these data: {', '.join(missing)}." if missing else ""
    found = best | {"uses": list(map(str, used)), "left_out": missing}
    resolution = resolutions(evidence.acquisition).dropna(axis="columns", how="all")
    if len(resolution.columns):
        found["frc_resolution"] = _best_model(evidence, resolution)
        told = _interval(found["frc_resolution"]["scores"])
        says += f" The FRC resolution alone, which follows the structure too, reaches {told}."
    return _entry("confounders", says + left, warning=above) | found


def feature_audit(evidence: Evidence) -> Audit:
    """Are hand-made features of the arrangement as good as the network?"""
    best = _best_model(evidence, evidence.features)
    says = _of_features(_interval(best["scores"]), _interval(best["difference"]))
    return _entry("features", says) | (best | {"uses": list(map(str, evidence.features))})


def _of_features(own: Interval, gain: Interval) -> str:
    if gain.low is None or gain.high is None:
        return f"Hand-made features reach {own}; there are too few replicates to compare this with the network."
    if gain.low > 0:
        return f"The network is better than hand-made features, which reach {own}, by {gain}."
    if gain.high < 0:
        return f"Hand-made features reach {own} and are better than the network by {-gain}: prefer them."
    return (
        f"Hand-made features reach {own}; the network is not shown to be better: difference {gain}. They may capture "
        "all that it uses."
    )


def _best_model(evidence: Evidence, values: pd.DataFrame) -> Audit:
    """The better of the cheap classifiers, so that the network is compared with the stronger one.

    Returns
    -------
    dict
        `model`; `scores`; `difference`, network minus it; `models`, the scores of each.
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
    """Does a network still distinguish the classes if all nuclei have equally many localizations?"""
    table = evidence.of_control("equal_counts")
    if not evidence.dataset.counted:
        says = "Not done: images of densities (kernel gaussian) cannot be thinned."
        return _entry("equal_counts", says) | {"scores": {}}
    if table.empty:
        return None
    reference, name = _reference(evidence)
    whole, own = evidence.scored(reference), evidence.scored(table)
    gain = evidence.gain(reference, table)
    kept = _kept(evidence)
    before, after = _above_chance(whole, evidence), _above_chance(own, evidence)
    counts = "; ".join(_told(values, unit) for unit, values in kept.items())
    start = f"With equal counts in every nucleus ({counts}), {name} reaches {_interval(own)}; with all counts"
    says = f"{start} {_interval(whole)}: {_of_counts(before, after, lost=_is_positive(_interval(gain)))}."
    return _entry("equal_counts", says, warning=before and not after) | {
        "scores": own,
        "difference": gain,
        "network": evidence.control_network,
        **kept,
    }


def _kept(evidence: Evidence) -> dict[str, dict[str, float]]:
    """What is left of each channel in every nucleus: `localizations` in whole ones, `per_um2` in crops."""
    dataset, found = evidence.dataset, {}
    if set(evidence.views) - {DETAIL}:
        found["localizations"] = dataset.image_counts.min(axis=0)
    if DETAIL in evidence.views:
        found["per_um2"] = lowest_density(dataset)
    return {unit: dict(zip(dataset.channels, values.tolist(), strict=True)) for unit, values in found.items()}


def _told(values: Mapping[str, float], unit: str) -> str:
    if unit == "localizations":
        return " and ".join(f"{n:,} of {channel}" for channel, n in values.items())
    return "crops: " + " and ".join(f"{n:.3g} of {channel}" for channel, n in values.items()) + " per µm²"


def merged_blinks_audit(evidence: Evidence) -> Audit | None:
    """Does a network still distinguish the classes if every emitter has one localization?"""
    table, points = evidence.of_control("merged_blinks"), evidence.dataset.points
    if points is None or not points.emitters:
        why = "the images are densities (kernel gaussian), or the files have no frames or no precision"
        return _entry("merged_blinks", f"Not done: {why}.") | {"scores": {}}
    if table.empty:
        return None
    per_emitter = len(points.channel) / points.emitters
    reference, name = _reference(evidence)
    whole, own = evidence.scored(reference), evidence.scored(table)
    gain = evidence.gain(reference, table)
    before, after = _above_chance(whole, evidence), _above_chance(own, evidence)
    start = f"With the localizations of an emitter merged into one ({per_emitter:.2f} on average), {name} reaches"
    follows = _of_blinks(before, after, lost=_is_positive(_interval(gain)))
    says = f"{start} {_interval(own)}; unmerged {_interval(whole)}: {follows}."
    return _entry("merged_blinks", says, warning=before and not after) | {
        "scores": own,
        "difference": gain,
        "network": evidence.control_network,
        "localizations_per_emitter": per_emitter,
    }


def _of_blinks(before: bool, after: bool, *, lost: bool) -> str:
    """What follows from a score above chance, or not, before and after blinks are merged."""
    if before and not after:
        return "how emitters blink may explain the result, or too few localizations are left"
    if not before and not after:
        return "neither is above chance, so nothing can be concluded about blinks"
    if lost:
        return "part of the score is lost, because of merged blinks or of fewer localizations"
    return "no loss is shown, so the network does not rely on blinks that follow each other"


def _of_counts(before: bool, after: bool, *, lost: bool) -> str:
    """What follows from a score above chance, or not, before and after counts are made equal."""
    if before and not after:
        return "counts may explain the result, or too few localizations are left"
    if not before and not after:
        return "neither is above chance, so nothing can be concluded about counts"
    if lost:
        return "part of the score is lost, because of equal counts or of fewer localizations"
    return "no loss is shown, so the network does not rely on counts"


def outline_audit(evidence: Evidence) -> Audit | None:
    """Do size and shape of the nucleus alone distinguish the classes?"""
    table = evidence.of_control("outline")
    if table.empty:
        return None
    reference, name = _reference(evidence)
    own, gain = evidence.scored(table), evidence.gain(reference, table)
    above = _above_chance(own, evidence)
    start = f"From the filled outline alone, {evidence.control_network} reaches {_interval(own)}"
    says = (
        f"{start}: size and shape may explain part of the result{_rest(gain, name)}."
        if above
        else f"{start}: size and shape are not shown to distinguish the classes."
    )
    return _entry("outline", says, warning=above) | {
        "scores": own,
        "difference": gain,
        "network": evidence.control_network,
    }


def _reference(evidence: Evidence) -> tuple[pd.DataFrame, str]:
    """Predictions that a control is compared to (same network, unchanged images, first repeat), and the network."""
    unchanged = evidence.of_control("unchanged")
    if len(unchanged):
        return unchanged, evidence.control_network
    return evidence.predictions[evidence.predictions["repeat"] == 0], evidence.network


# --- replicates -------------------------------------------------------------------------------------------------------


def replicate_audit(evidence: Evidence) -> Audit:
    """Can replicates be distinguished within a class, and by what?"""
    values = pd.concat([confounders(evidence.dataset, evidence.acquisition), evidence.features], axis=1)
    values = values.loc[:, values.notna().any()]
    parts = [part for label in evidence.classes if (part := _Within.of(evidence, label)) is not None]
    if not parts:
        few = f"no class has two replicates with {FEWEST_IN_REPLICATE} nuclei each"
        return _entry("replicate", f"Whether replicates differ within a class cannot be tested: {few}.") | {
            "scores": {}
        }
    own = np.mean([part.scores(values.to_numpy(np.float64), evidence.seed) for part in parts], axis=0)
    p = (1 + int((own[1:] >= own[0] - 1e-12).sum())) / len(own)
    chance = float(np.mean([1 / part.replicates for part in parts]))
    by = _separating(parts, values)
    differ, follow = p < 0.05, _labels_follow_replicates(evidence.dataset)
    found = f"({own[0]:.2f}, chance level {chance:.2f}, p = {p:.2g})"
    says = (
        f"Within a class, replicates are distinguished {found}, {_of_replicates(by, follow)}."
        if differ
        else f"Within a class, replicates are not shown to differ {found}."
    )
    return _entry("replicate", says, warning=differ and follow) | {
        "scores": {MAIN: {"value": float(own[0]), "ci": None}},
        "chance": chance,
        "p": p,
        "separated_by": by,
    }


def _of_replicates(by: dict[str, float], follow: bool) -> str:
    columns = "; ".join(f"{name} ({100 * share:.0f} % of its variance)" for name, share in by.items())
    follows = (
        "since every replicate has one class only, differences between preparations may be mistaken for differences "
        "between classes"
        if follow
        else "each replicate has several classes and lies in one fold, so this alone cannot raise the score"
    )
    return f"most by {columns}; {follows}"


@dataclass(frozen=True)
class _Within:
    """Nuclei of one class in replicates with several of them: (n,) rows of the dataset, and (n,) replicate."""

    dataset: Dataset
    rows: NDArray[np.intp]
    member: NDArray[np.int64]

    @classmethod
    def of(cls, evidence: Evidence, label: str) -> _Within | None:
        dataset = evidence.dataset
        names, counts = np.unique(dataset.replicate[dataset.label == label], return_counts=True)
        chosen = names[counts >= FEWEST_IN_REPLICATE]
        rows = np.flatnonzero((dataset.label == label) & np.isin(dataset.replicate, chosen))
        member = np.searchsorted(chosen, dataset.replicate[rows])
        return cls(dataset, rows, member.astype(np.int64)) if len(chosen) > 1 else None

    @property
    def replicates(self) -> int:
        return int(self.member.max()) + 1

    def scores(self, values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
        """Mean recall of the replicates by a ridge classifier, cross-validated over random fifths of the nuclei.

        Parameters
        ----------
        values : (N, f) float64
            Of all nuclei of the dataset.
        seed : int
            Of the fifths and of the permutations.

        Returns
        -------
        (1 + PERMUTATIONS_OF_REPLICATES,) float64
            With the real replicates first, then with permuted ones.
        """
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
    """The columns of whose variance within a class the largest share lies between replicates, and this share."""
    between = np.zeros(values.shape[1])
    for part in parts:
        own = values.iloc[part.rows].fillna(values.iloc[part.rows].median()).fillna(0.0)
        means = own.groupby(part.member).transform("mean")
        total, explained = (((table - own.mean()) ** 2).sum().to_numpy() for table in (own, means))
        between += np.divide(explained, total, out=np.zeros(len(total)), where=total > 0)
    order = np.argsort(-between, kind="stable")[:SHOWN_FEATURES]
    return {str(values.columns[k]): float(between[k] / len(parts)) for k in order}


def _labels_follow_replicates(dataset: Dataset) -> bool:
    return bool(dataset.table.groupby("replicate")["label"].nunique().eq(1).all())


# --- words ------------------------------------------------------------------------------------------------------------


def _entry(audit: str, says: str, *, warning: bool = False) -> Audit:
    return {"audit": audit, "title": TITLES[audit], "says": says, "warning": bool(warning)}


def _interval(scores: Mapping[str, Any]) -> Interval:
    return Interval.of(scores[MAIN])


def _is_positive(gain: Interval) -> bool:
    return gain.low is not None and gain.low > 0


def _above_chance(scores: Mapping[str, Any], evidence: Evidence) -> bool:
    low = _interval(scores).low
    return low is not None and low > evidence.chance


def _rest(difference: Mapping[str, Any], network: str = "the network") -> str:
    """How a network compares with a classifier of confounders."""
    gain = _interval(difference)
    if _is_positive(gain):
        return f", and {network} is better by {gain}"
    return f", and {network} is not shown to be better: difference {gain}"
