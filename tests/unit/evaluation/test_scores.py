"""Scores of predictions and their intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from ainu.evaluation.bootstrap import Draws, differences, interval, with_intervals
from ainu.evaluation.scores import per_class, scores, weighted_scores


def test_perfect_and_inverted_predictions():
    truth = np.array([0, 0, 1, 1])
    perfect = np.eye(2)[truth]
    best = dict.fromkeys(("balanced_accuracy", "weighted_accuracy", "auroc", "average_precision", "mcc", "f1"), 1)
    assert scores(truth, perfect) == best | dict.fromkeys(("brier", "log_loss", "ece"), 0)
    inverted = scores(truth, 1 - perfect)
    assert (inverted["auroc"], inverted["mcc"], inverted["brier"]) == (0, -1, 2)


def test_overconfidence_is_the_calibration_error():
    truth = np.array([0, 1] * 50)
    always = np.tile([0.9, 0.1], (100, 1))
    assert scores(truth, always)["ece"] == pytest.approx(0.4)


def _by_class(truth, called):
    return metrics.precision_recall_fscore_support(truth, called, zero_division=0)[:3]


@pytest.mark.parametrize("k", [2, 3, 5])
def test_scores_agree_with_scikit_learn_also_with_ties(k):
    rng = np.random.default_rng(k)
    truth = np.concatenate([np.arange(k), rng.integers(0, k, 90)])
    p = np.round(rng.dirichlet(np.ones(k), len(truth)) + 0.3 * np.eye(k)[truth], 1)
    p /= p.sum(axis=1, keepdims=True)
    found = scores(truth, p)
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, p.argmax(1)))
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(truth, p.argmax(1)))
    assert found["weighted_accuracy"] == pytest.approx(metrics.accuracy_score(truth, p.argmax(1)))
    assert found["f1"] == pytest.approx(metrics.f1_score(truth, p.argmax(1), average="macro"))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, p))
    each = [metrics.roc_auc_score(truth == c, p[:, c]) for c in range(k)]
    assert found["auroc"] == pytest.approx(np.mean(each))
    areas = [metrics.average_precision_score(truth == c, p[:, c]) for c in range(k)]
    assert found["average_precision"] == pytest.approx(np.mean(areas))
    own = {name: values[0] for name, values in per_class(truth, p, np.ones((1, len(truth)))).items()}
    for name, values in zip(("precision", "recall", "f1"), _by_class(truth, p.argmax(1)), strict=True):
        assert own[name] == pytest.approx(values)


def test_a_weight_of_two_is_the_same_as_a_second_copy():
    rng = np.random.default_rng(0)
    truth = np.arange(40) % 3
    p = rng.dirichlet(np.ones(3), 40)
    twice = rng.integers(1, 3, 40)
    weighted = weighted_scores(truth, p, twice[None].astype(float))
    copied = scores(np.repeat(truth, twice), np.repeat(p, twice, axis=0))
    assert {name: values[0] for name, values in weighted.items()} == pytest.approx(copied)


def test_the_interval_includes_the_value_and_widens_with_fewer_replicates():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 240)
    effect = rng.normal(0, 1.5, 24)

    def width(replicates):
        replicate = np.arange(240) % replicates
        p = 1 / (1 + np.exp(-(2 * truth - 1 + effect[replicate] + rng.normal(0, 1, 240))))
        found = with_intervals(truth, np.stack([1 - p, p], 1), replicate, seed=1, draws=300)["auroc"]
        assert found["ci"][0] <= found["value"] <= found["ci"][1]
        return found["ci"][1] - found["ci"][0]

    assert width(4) > width(24)


def test_several_classes_are_scored_one_against_the_rest():
    truth = np.arange(60) % 3
    p = np.full((60, 3), 0.1)
    p[np.arange(60), truth] = 0.8
    assert scores(truth, p)["auroc"] == 1
    found = with_intervals(truth, p, np.arange(60) % 5, seed=1, draws=50)
    assert found["balanced_accuracy"]["ci"] == [1.0, 1.0]


@given(st.integers(0, 2**32 - 1))
def test_a_difference_of_equal_predictions_is_nothing_in_every_draw(seed):
    rng = np.random.default_rng(seed)
    truth, replicate = np.arange(24) % 2, np.arange(24) % 4
    p = rng.dirichlet([1, 1], 24)
    found = differences(truth, p, p, replicate, seed=1, draws=50)
    assert all(own == {"value": 0, "ci": [0, 0]} for own in found.values())


def test_a_paired_difference_is_narrower_than_two_intervals_suggest():
    rng = np.random.default_rng(2)
    truth, replicate = np.arange(240) % 2, np.arange(240) // 2 % 8
    effect = rng.normal(0, 1.5, 8)[replicate]
    one, other = (1 / (1 + np.exp(-((2 * truth - 1) * (0.4 + shift + effect)))) for shift in (0.5, 0.0))
    tables = [np.stack([1 - p, p], 1) for p in (one, other)]
    gain = differences(truth, *tables, replicate, seed=1)["brier"]["ci"]
    own = [with_intervals(truth, table, replicate, seed=1)["brier"]["ci"] for table in tables]
    assert gain[1] - gain[0] < sum(high - low for low, high in own)


@pytest.mark.parametrize("replicates", [6, 12])
def test_an_interval_covers_the_truth_as_often_as_promised_also_with_few_replicates(replicates):
    rng = np.random.default_rng(replicates)
    held = {"interval": 0, "percentiles": 0}
    for _ in range(600):
        values = rng.normal(0, 1, replicates)
        drawn = values[rng.integers(0, replicates, (1000, replicates))].mean(axis=1)
        for name, (low, high) in {
            "interval": interval(drawn, replicates),
            "percentiles": np.percentile(drawn, [2.5, 97.5]),
        }.items():
            held[name] += low <= 0 <= high
    assert held["interval"] / 600 > held["percentiles"] / 600 + 0.015
    assert held["interval"] / 600 > 0.92


def test_a_class_without_two_replicates_has_no_interval():
    truth, p = np.array([0, 0, 1, 1]), np.eye(2)[[0, 0, 1, 1]]
    assert with_intervals(truth, p, np.array(["a"] * 4), seed=1, draws=5)["auroc"]["ci"] is None
    assert with_intervals(truth, p, np.array(["a", "b", "c", "c"]), seed=1, draws=5)["auroc"]["ci"] is None
    assert with_intervals(truth, p, np.array(["a", "b", "c", "d"]), seed=1, draws=50)["auroc"]["ci"] == [1, 1]
    assert not Draws.of(np.array(["a"]), truth[:1], 2, seed=1, draws=5)
