"""Audits find planted shortcuts, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from audited import CLASSES, evidence

from ainu.evaluation.audits import (
    all_audits,
    confounder_audit,
    equal_counts_audit,
    feature_audit,
    merged_blinks_audit,
    outline_audit,
    replicate_audit,
)
from ainu.evaluation.baselines import MODELS, confounders, cross_validated, ridge_calls
from ainu.evaluation.evidence import Evidence
from ainu.evaluation.metrics import evaluate_audited
from ainu.evaluation.permutation_tests import balanced_accuracies, permutations
from ainu.images.dataset import Points


def test_classes_that_differ_in_counts_are_warned_of():
    found = confounder_audit(evidence(counts=0.5))
    assert found["warning"]
    assert found["scores"]["balanced_accuracy"]["value"] > 0.9
    assert "may explain" in found["says"]


def test_classes_of_equal_counts_are_not():
    found = confounder_audit(evidence())
    assert not found["warning"]
    assert "not shown to distinguish the classes" in found["says"]


def test_what_the_data_lack_is_left_out_and_named():
    found = confounder_audit(evidence())
    assert found["left_out"] == ["acquisition length"]
    assert "Absent in these data: acquisition length." in found["says"]
    assert {"localizations of PolII", "area", "density of DNA", "background of PolII"} <= set(found["uses"])


@pytest.mark.parametrize(
    ("feature", "strength", "says"),
    [(0, 3, "The network is better"), (6, 0.3, "prefer them"), (2.5, 1.5, "is not shown to be better")],
)
def test_hand_made_features_are_compared_with_the_network_over_the_same_draws(feature, strength, says):
    found = feature_audit(evidence(feature=feature, strength=strength))
    assert says in found["says"]
    assert not found["warning"]
    assert set(found["models"]) == set(MODELS)
    assert found["scores"] == found["models"][found["model"]]


def test_a_network_that_needs_counts_is_warned_of_and_one_that_does_not_is_not():
    blind = equal_counts_audit(evidence(controls={"unchanged": 2.0, "equal_counts": 0.0}))
    assert blind["warning"]
    assert "counts may explain the result" in blind["says"]
    seeing = equal_counts_audit(evidence(controls={"unchanged": "same", "equal_counts": "same"}))
    assert not seeing["warning"]
    assert "no loss is shown" in seeing["says"]
    assert seeing["difference"]["balanced_accuracy"]["value"] == 0


def test_nothing_is_concluded_from_a_network_at_chance():
    found = equal_counts_audit(evidence(strength=0, controls={"unchanged": 0.0, "equal_counts": 0.0}))
    assert "nothing can be concluded about counts" in found["says"]


def test_densities_cannot_be_thinned_and_the_audit_says_so():
    made = evidence()
    made = replace(made, dataset=replace(made.dataset, image=made.dataset.image.astype(np.float32)))
    assert "Not done" in equal_counts_audit(made)["says"]


def linked(made: Evidence, emitters: int) -> Evidence:
    """The same nuclei with points: twelve localizations each, of so many emitters."""
    n = len(made.dataset)
    known = np.tile(np.arange(12) % emitters, n).astype(np.int32)
    start = np.arange(n + 1) * 12
    points = Points(np.zeros((12 * n, 2), np.float32), np.zeros(12 * n, np.uint8), None, start, known)
    return replace(made, dataset=replace(made.dataset, points=points))


def test_a_network_that_needs_blinks_is_warned_of_and_one_that_does_not_is_not():
    blind = merged_blinks_audit(linked(evidence(controls={"unchanged": 2.0, "merged_blinks": 0.0}), 5))
    assert blind["warning"]
    assert "how emitters blink may explain the result" in blind["says"]
    assert blind["localizations_per_emitter"] == 12 / 5
    assert "(2.40 on average)" in blind["says"]
    seeing = merged_blinks_audit(linked(evidence(controls={"unchanged": "same", "merged_blinks": "same"}), 5))
    assert not seeing["warning"]
    assert "no loss is shown" in seeing["says"]
    assert seeing["difference"]["balanced_accuracy"]["value"] == 0
    chance = linked(evidence(strength=0, controls={"unchanged": 0.0, "merged_blinks": 0.0}), 5)
    assert "nothing can be concluded about blinks" in merged_blinks_audit(chance)["says"]


def test_where_emitters_are_not_known_the_audit_of_blinks_says_so_and_is_none_where_it_was_not_asked_for():
    assert "Not done" in merged_blinks_audit(evidence())["says"]
    assert not merged_blinks_audit(evidence())["warning"]
    assert merged_blinks_audit(linked(evidence(), 5)) is None


@pytest.mark.parametrize(
    ("views", "told"),
    [
        (("detail",), "(crops: 0.2 of PolII and 0.4 of DNA per µm²)"),
        (("context",), "(1,200 of PolII and 2,000 of DNA)"),
        (("detail", "context"), "(1,200 of PolII and 2,000 of DNA; crops: 0.2 of PolII and 0.4 of DNA per µm²)"),
    ],
)
def test_what_is_left_is_told_per_nucleus_and_of_crops_per_area(views, told):
    made = evidence(controls={"equal_counts": "same"})
    n = len(made.dataset)
    image = np.tile(np.array([[1300, 0], [2100, 0]]), (n, 1, 1)).astype(np.uint16)
    image[3] = [[1200, 0], [2000, 0]]
    points = Points(np.zeros((12 * n, 2)), np.tile(np.arange(12) % 3 > 0, n).astype(int), None, np.arange(n + 1) * 12)
    area = np.r_[20.0, np.full(n - 1, 10.0)]
    dataset = replace(made.dataset, image=image[:, :, None], points=points, area_um2=area)
    found = equal_counts_audit(replace(made, dataset=dataset, views=views))
    assert told in found["says"]
    assert ("localizations" in found, "per_um2" in found) == ("context" in views, "detail" in views)


def recorded(made: Evidence, column: str, shift: float) -> Evidence:
    """The same nuclei, whose recordings of the second class differ in one property, in units of its spread."""
    code = (made.dataset.label == CLASSES[1]).astype(float)
    values = np.random.default_rng(5).normal(shift * code, 1)
    return replace(made, acquisition=made.acquisition.assign(**{column: values}))


@pytest.mark.parametrize("what", ["precision", "localizations per emitter", "drift error", "FRC at four precisions"])
def test_classes_that_were_recorded_differently_are_warned_of(what):
    found = confounder_audit(recorded(evidence(), f"{what} of DNA", 4.0))
    assert found["warning"]
    assert f"{what} of DNA" in found["uses"]
    assert not confounder_audit(recorded(evidence(), f"{what} of DNA", 0.0))["warning"]


def test_the_resolution_which_follows_the_structure_is_told_and_gives_no_warning():
    found = confounder_audit(recorded(evidence(), "FRC resolution of DNA", 4.0))
    assert not found["warning"]
    assert "FRC resolution of DNA" not in found["uses"]
    assert found["frc_resolution"]["scores"]["balanced_accuracy"]["value"] > 0.9
    assert "The FRC resolution alone, which follows the structure too, reaches" in found["says"]
    assert "frc_resolution" not in confounder_audit(evidence())


def test_the_permutation_test_of_confounders_leaves_the_resolution_out_too():
    made = evidence()
    whole, without = (permutations(own, [], 9) for own in (recorded(made, "FRC resolution of DNA", 4.0), made))
    assert whole["baselines"]["confounders"] == without["baselines"]["confounders"]


def test_an_outline_that_distinguishes_the_classes_gives_a_warning():
    assert outline_audit(evidence(controls={"outline": 2.0}))["warning"]
    assert not outline_audit(evidence(controls={"outline": 0.0}))["warning"]
    assert outline_audit(evidence()) is None


def test_a_signature_of_the_replicate_is_found_and_named():
    found = replicate_audit(evidence(signature=6.0))
    assert found["p"] < 0.05
    assert next(iter(found["separated_by"])) == "DNA: staining"
    assert not found["warning"]
    assert replicate_audit(evidence(signature=6.0, follow=True))["warning"]
    assert replicate_audit(evidence())["p"] > 0.05


def test_replicates_are_not_compared_within_a_class_that_has_one():
    made = evidence(n=6)
    assert "cannot be tested" in replicate_audit(made)["says"]


def test_the_whole_is_reproducible_and_its_warnings_are_those_of_the_audits():
    made = evidence(counts=0.5, controls={"outline": 2.0, "unchanged": "same", "equal_counts": "same"})
    by_count = made.predictions.assign(share=0.5)
    found = evaluate_audited(made, by_count, [], 20, None)
    assert found == evaluate_audited(made, by_count, [], 20, None)
    assert [audit["audit"] for audit in found["audits"]] == [
        "confounders",
        "features",
        "equal_counts",
        "merged_blinks",
        "outline",
        "replicate",
    ]
    for name in ("Counts, area and recording alone", "Network on the outline alone"):
        assert any(text.startswith(name) for text in found["warnings"])
    assert set(found["baselines"]) == {"confounders", "features"}
    assert found["score_by_count"]["points"][0]["share"] == 1
    assert found["test"] is None


def test_confounders_hold_counts_area_densities_and_the_recording():
    made = evidence()
    assert list(confounders(made.dataset, made.acquisition)) == [
        "localizations of PolII",
        "localizations of DNA",
        "area",
        "density of PolII",
        "density of DNA",
        "background of PolII",
        "acquisition length",
    ]


@pytest.mark.parametrize("name", list(MODELS))
def test_a_cheap_classifier_predicts_every_nucleus_once_and_is_the_same_every_time(name):
    made = evidence(feature=3)
    values = made.features.to_numpy(copy=True)
    values[::7, 0] = np.nan
    tables = [cross_validated(MODELS[name], values, made.dataset, made.folds, CLASSES, 1) for _ in range(2)]
    assert tables[0].equals(tables[1])
    assert sorted(tables[0]["nucleus"]) == sorted(made.dataset.nucleus)
    assert (tables[0]["predicted"] == tables[0]["label"]).mean() > 0.8


def test_the_ridge_classifier_gives_each_arrangement_what_it_would_alone():
    made = evidence(feature=3)
    code = made.dataset.codes(CLASSES)
    labels = np.stack([code, np.random.default_rng(0).permutation(code)])
    values = made.features.to_numpy()
    together = ridge_calls(values, labels, made.dataset.nucleus, made.folds)
    for own, called in zip(labels, together, strict=True):
        assert np.array_equal(ridge_calls(values, own[None], made.dataset.nucleus, made.folds)[0], called)
    told = balanced_accuracies(together, labels, 2)
    assert told[0] > 0.8
    assert told[1] < 0.7


def test_every_audit_is_made_in_the_order_of_the_page():
    audits = all_audits(evidence())
    assert [audit["audit"] for audit in audits] == ["confounders", "features", "merged_blinks", "replicate"]
    for audit in audits:
        assert audit["says"].endswith(".")
        assert isinstance(audit["warning"], bool)
