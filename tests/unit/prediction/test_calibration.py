"""Whether probabilities and prediction sets reach the coverage that they guarantee."""

import numpy as np
import pytest

from ainu.prediction.calibration import (
    Calibration,
    CalibrationSet,
    calibrate,
    conformal_threshold,
    enough_replicates,
    fit_temperature,
    scaled,
)


def predictions(n: int, seed: int = 0, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities and true classes drawn from them."""
    rng = np.random.default_rng(seed)
    values = scaled(np.exp(rng.normal(0, 1.5, (n, classes))), 1.0)
    return values, (values.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)


def replicates(count: int, seed: int, nuclei: tuple[int, int] = (5, 30)) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the true class of nuclei of exchangeable replicates, which differ from each other; their names."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(*nuclei, count)
    member = np.repeat(np.arange(count), sizes)
    logits = rng.normal(1.5, 1, count)[member] + rng.normal(0, 1, len(member))
    return 1 / (1 + np.exp(-logits)), member


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_of_overconfident_or_timid_probabilities_is_found(temperature):
    values, truth = predictions(4000)
    assert fit_temperature(scaled(values, 1 / temperature), truth) == pytest.approx(temperature, rel=0.08)


def test_scaling_keeps_the_order_of_classes_and_the_sum():
    values, _ = predictions(50)
    flat = scaled(values, 3.0)
    assert np.allclose(flat.sum(axis=1), 1)
    assert (flat.argsort(axis=1) == values.argsort(axis=1)).all()
    assert (flat.max(axis=1) < values.max(axis=1)).all()
    assert np.allclose(scaled(values, 1.0), values)


def test_certainty_is_finite_where_every_nucleus_is_classified_correctly():
    values = np.tile([[0.9, 0.1], [0.1, 0.9]], (10, 1))
    calibration = calibrate(CalibrationSet(values, np.tile([0, 1], 10), np.repeat(["a", "b"], 10)), 0.9)
    assert 0.9 < calibration.probabilities(values).max() < 0.97


def test_probabilities_of_zero_and_one_stay_finite():
    assert np.isfinite(scaled(np.array([[0.0, 1.0]]), 0.1)).all()


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_of_new_replicates_cover_as_often_as_asked(coverage):
    covered = []
    for seed in range(600):
        right, member = replicates(15, seed)
        new = member == 14
        threshold = conformal_threshold(right[~new], member[~new], coverage)
        covered.append((right[new] >= threshold).mean())
    assert coverage - 0.015 <= np.mean(covered) <= coverage + 1 / 15 + 0.015


def test_a_large_replicate_weighs_as_much_as_a_small_one():
    right = np.concatenate([np.full(900, 0.2), np.full(10, 0.9), np.full(10, 0.9), np.full(10, 0.9)])
    replicate = np.repeat(["large", "a", "b", "c"], [900, 10, 10, 10])
    assert conformal_threshold(right, replicate, 0.6) == 0.9
    assert conformal_threshold(right, np.arange(len(right)), 0.6) == 0.2


def test_too_few_replicates_guarantee_nothing_for_new_ones_but_still_give_sets():
    assert [enough_replicates(count, 0.9) for count in (8, 9)] == [False, True]
    assert [enough_replicates(count, 0.8) for count in (3, 4)] == [False, True]
    right, member = replicates(4, 0, nuclei=(200, 300))
    threshold = conformal_threshold(right, member, 0.9)
    by_replicate = [(right[member == name] >= threshold).mean() for name in range(4)]
    assert np.mean(by_replicate) == pytest.approx(0.9, abs=0.01)


def test_a_coverage_that_cannot_be_reached_gives_sets_of_all_classes():
    calibration = calibrate(CalibrationSet(np.array([[0.9, 0.1]] * 3), np.zeros(3, int), np.array(list("abc"))), 0.99)
    assert calibration.threshold == 0
    assert calibration.sets(np.array([[0.99, 0.01]]), ["dim", "bright"]) == [("dim", "bright")]


def test_coverage_per_replicate_is_that_of_a_calibration_on_the_others():
    values, truth = predictions(400)
    replicate = np.repeat(list("abcd"), 100)
    calibration = calibrate(CalibrationSet(values, truth, replicate), 0.9)
    assert list(calibration.per_replicate) == list("abcd")
    rest = calibrate(CalibrationSet(values[100:], truth[100:], replicate[100:]), 0.9)
    own = rest.probabilities(values[:100])[np.arange(100), truth[:100]]
    assert calibration.per_replicate["a"] == (own >= rest.threshold).mean()
    assert np.mean(list(calibration.per_replicate.values())) == pytest.approx(0.9, abs=0.05)


def test_a_replicate_unlike_the_others_shows_in_its_coverage():
    values, truth = predictions(400, classes=2)
    replicate = np.repeat(list("abcd"), 100)
    values[replicate == "d"] = values[replicate == "d"][:, ::-1]
    found = calibrate(CalibrationSet(values, truth, replicate), 0.8).per_replicate
    assert found["d"] < 0.5 < min(found[name] for name in "abc")


def test_one_replicate_leaves_nothing_to_calibrate_on():
    values, truth = predictions(20)
    assert calibrate(CalibrationSet(values, truth, np.array(["a"] * 20)), 0.9).per_replicate == {}


def test_sets_hold_the_classes_above_the_threshold():
    calibration = Calibration(1.0, 0.4, 0.9, 9, {})
    assert calibration.sets(np.array([[0.5, 0.5], [0.7, 0.3]]), ["dim", "bright"]) == [("dim", "bright"), ("dim",)]
    assert Calibration(1.0, 0.8, 0.9, 9, {}).sets(np.array([[0.7, 0.3]]), ["dim", "bright"]) == [()]
