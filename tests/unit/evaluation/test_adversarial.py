"""Simulated experiments made to fool an evaluation: each has to be seen through, by networks that are really trained.

(Copies of one file under two names have to stop the run before anything is trained: tests/workflow/test_run.py.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from defaults import design
from scipy.stats import binom

from ainu import Render, find_nuclei, simulate, voxelize
from ainu.evaluation.audits import Audit
from ainu.evaluation.evidence import Evidence
from ainu.evaluation.features import Window, nucleus_features
from ainu.evaluation.metrics import evaluate_audited
from ainu.evaluation.recording import Recording, acquisition
from ainu.folds.assign import assign_folds
from ainu.folds.label_permutation import PermutableLabels
from ainu.images.dataset import Dataset
from ainu.localizations.table import Localizations
from ainu.simulation.conditions import Condition
from ainu.training.controls import control_dataset
from ainu.training.cross_validation import CrossValidation
from ainu.training.held_out import predict_held_out

pytestmark = pytest.mark.slow

CLASSES = ["somatic", "hiPSC"]
CELL = Condition(clutches=160, clusters=90, frames=1500, axes_nm=(3200.0, 2700.0), nucleolus_nm=(600.0, 800.0))
RENDER = Render(400, 9600)
TRAINING = {"steps": 60, "batch_size": 8, "learning_rate": 0.005, "weight_decay": 0.01, "patience": 8}
TRAINING |= {"validation_fraction": 0, "device": "cpu"}
AUGMENTATION = {"flip": True, "rotate": "right"}
Make = Callable[[str, int, int], Localizations]
Measured = tuple[Dataset, pd.DataFrame, pd.DataFrame]


def measured(
    layout: list[tuple[str, int]], per_replicate: int, make: Make
) -> tuple[Dataset, pd.DataFrame, pd.DataFrame]:
    """Nuclei, their hand-made features and recordings: so many nuclei for each (label, replicate) of the layout."""
    rows, images, features, recorded, areas = [], [], [], [], []
    for label, replicate in layout:
        for k in range(per_replicate):
            table = make(label, replicate, k)
            found = find_nuclei(table, area_um2=(5, 400))
            own = table[found.label == 1]
            rows.append((f"{label}-{replicate}-{k}/1", f"{label}-{replicate}-{k}", f"r{replicate}", label))
            images.append(voxelize(own, RENDER, channels=("PolII", "DNA")))
            features.append(nucleus_features(own, Window.of(found, 1), np.random.default_rng(k)))
            recorded.append(acquisition(replace(Recording.of(own), frames=table.n_frames), np.random.default_rng(k)))
            areas.append(found.table["area_um2"].iloc[0])
    image = np.stack(images)
    names = dict(zip(("nucleus", "sample", "replicate", "label"), np.array(rows).T, strict=True))
    data = Dataset(
        image=image,
        **names,
        localizations=image.sum(axis=(2, 3)).astype(np.uint32),
        area_um2=np.array(areas, np.float32),
        origin_nm=np.zeros((len(rows), 2)),
        angle_rad=np.zeros(len(rows)),
        channels=("PolII", "DNA"),
        voxel_size_nm=400.0,
    )
    return data, pd.DataFrame(features), pd.DataFrame(recorded)


def predicted(data: Dataset, folds: pd.DataFrame, intensity: str) -> pd.DataFrame:
    """Out-of-fold predictions of ainu-small."""
    own = design(CLASSES, intensity=intensity, training=TRAINING, augmentation=AUGMENTATION)
    validation = CrossValidation(data, folds, own, seed=1, threads=1)
    parts = [predict_held_out(validation.fit(0, fold), validation.held_out(0, fold)) for fold in validation.first_folds]
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


def evaluated(
    data: Dataset, features: pd.DataFrame, recorded: pd.DataFrame, *, intensity: str = "share", equal: bool = False
) -> tuple[dict, dict[str, Audit]]:
    """The content of metrics.json, and its audits by name."""
    folds = assign_folds(data.table, folds=3, repeats=1, seed=1).table
    controls = pd.DataFrame({"control": []})
    if equal:
        controls = predicted(control_dataset(data, "equal_counts", {}, 1), folds, intensity).assign(
            control="equal_counts"
        )
    evidence = Evidence(
        predictions=predicted(data, folds, intensity),
        dataset=data,
        folds=folds,
        features=features,
        acquisition=recorded,
        controls=controls,
        classes=CLASSES,
        network="ainu-small",
        control_network="ainu-small",
        seed=1,
    )
    found = evaluate_audited(evidence, pd.DataFrame(), [], 200, None)
    return found, {audit["audit"]: audit for audit in found["audits"]}


def holds_chance(found: dict) -> bool:
    low, high = found["metrics"]["balanced_accuracy"]["ci"]
    return low <= 0.5 <= high


def is_chance(found: dict) -> None:
    assert holds_chance(found)
    assert found["permutation"]["p"] > 0.05
    assert all(own["p"] > 0.05 for own in found["permutation"]["baselines"].values())
    assert any("no difference is shown" in text for text in found["warnings"])


@pytest.fixture(scope="module")
def counted() -> Measured:
    """One kind of cell; of those called hiPSC four localizations in ten are lost. Every replicate has both."""

    def make(label: str, replicate: int, k: int) -> Localizations:
        seed = 1000 * replicate + 10 * k + (label == "hiPSC")
        table, _ = simulate(replace(CELL, labelling_sd=0.05), seed, replicate=f"r{replicate}")
        kept = 1.0 if label == "somatic" else 0.6
        return table[np.random.default_rng(seed).random(len(table)) < kept]

    return measured([(label, replicate) for replicate in range(6) for label in CLASSES], 4, make)


def test_classes_that_differ_only_in_counts_are_warned_of(counted):
    found, audits = evaluated(*counted, intensity="log", equal=True)
    assert found["metrics"]["balanced_accuracy"]["ci"][0] > 0.8
    assert audits["confounders"]["warning"]
    assert audits["confounders"]["scores"]["balanced_accuracy"]["value"] > 0.9
    assert audits["equal_counts"]["warning"]
    assert audits["equal_counts"]["scores"]["balanced_accuracy"]["ci"][0] <= 0.5
    for name in ("Counts, area and recording alone", "Network on equal counts"):
        assert any(text.startswith(name) for text in found["warnings"])


def test_permuted_labels_give_chance_level(counted):
    """Of twenty draws no more are called different than chance calls, which is one in twenty."""
    data, features, recorded = counted
    rows = data.table.assign(fold=[int(name[1:]) % 3 for name in data.replicate])
    labels = [PermutableLabels.of(rows).permuted(seed=5, draw=draw) for draw in range(20)]
    found, audits = zip(
        *(evaluated(replace(data, label=own), features, recorded, intensity="log") for own in labels), strict=True
    )
    most = binom.ppf(0.99, len(labels), 0.05)
    assert sum(not holds_chance(own) for own in found) <= most
    assert sum(own["permutation"]["p"] <= 0.05 for own in found) <= most
    assert sum(bool(own["confounders"]["warning"]) for own in audits) <= most
    told = [any("no difference is shown" in text for text in own["warnings"]) for own in found]
    assert all(text or not held for text, held in zip(told, map(holds_chance, found), strict=True))


def test_the_signature_of_replicates_is_not_taken_for_one_of_classes():
    """Eight replicates that look each their own way, four called somatic and four hiPSC, eight cells in each: 64
    nuclei that fall into two groups, were it not for where they come from."""
    rng = np.random.default_rng(3)
    looks = [
        replace(CELL, cluster_nm=rng.uniform(30, 120), rim_excess=rng.uniform(0, 8), clutch_nm=rng.uniform(30, 90))
        for _ in range(8)
    ]

    def make(label: str, replicate: int, k: int) -> Localizations:
        return simulate(looks[replicate], 100 * replicate + k, replicate=f"r{replicate}")[0]

    layout = [(CLASSES[replicate % 2], replicate) for replicate in range(8)]
    found, audits = evaluated(*measured(layout, 8, make))
    is_chance(found)
    assert audits["replicate"]["p"] < 0.05
    assert audits["replicate"]["warning"]
    assert any("Every replicate has one class only" in text for text in found["warnings"])
