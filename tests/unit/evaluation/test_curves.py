"""Curves of an evaluation: what is drawn is what was given."""

import numpy as np
import pytest
from figure_texts import CLASSES, texts

from ainu.evaluation import curves
from ainu.evaluation.bootstrap import Draws
from ainu.figures.saving import encode


def test_two_classes_have_one_roc_curve_with_its_area_beside_chance():
    truth = np.array([0, 0, 1, 1])
    positive = np.array([0.1, 0.4, 0.35, 0.8])
    figure = curves.roc(truth, np.stack([1 - positive, positive], axis=1), CLASSES)
    assert len(figure.axes[0].lines) == 2
    shown = texts(figure)
    for text in ("hiPSC against somatic", "AUROC 0.750", "chance", "false positive rate", "true positive rate"):
        assert text in shown


def test_several_classes_have_a_curve_each_against_the_rest():
    truth = np.arange(30) % 3
    shown = texts(curves.roc(truth, np.eye(3)[truth], ("a", "b", "_c")))
    for name in ("a", "b", "_c"):
        assert f"{name} against rest" in shown
    assert shown.count("AUROC 1.000") == 3


def test_a_class_that_never_occurs_has_no_curve_and_says_so():
    truth = np.array([0, 1, 0, 1])
    assert "c against rest: one class only, no curve" in texts(curves.roc(truth, np.eye(3)[truth], ("a", "b", "c")))


def judged(n: int = 80, strength: float = 1.5):
    rng = np.random.default_rng(4)
    truth = np.arange(n) % 2
    p = 1 / (1 + np.exp(-(strength * (2 * truth - 1) + rng.normal(0, 1, n))))
    draws = Draws.of(np.arange(n) // 2 % 8, truth, 2, seed=1, draws=200)
    return truth, np.stack([1 - p, p], 1), draws


@pytest.mark.parametrize("name", ["roc", "precision_recall", "reliability"])
def test_a_curve_has_a_band_and_the_same_bytes_every_time(name):
    truth, p, draws = judged()
    draw = getattr(curves, name)
    figure = draw(truth, p, CLASSES, draws)
    bands = [len(own.axes[0].collections) for own in (figure, draw(truth, p, CLASSES))]
    assert bands[0] == bands[1] + 1
    assert encode(figure, "svg") == encode(draw(truth, p, CLASSES, draws), "svg")


def test_the_band_of_a_roc_holds_the_curve():
    truth, p, draws = judged()
    axis = curves.roc(truth, p, CLASSES, draws).axes[0]
    line = axis.lines[0].get_xydata()
    band = axis.collections[0].get_paths()[0].vertices
    for x in (0.1, 0.3, 0.6):
        edges = band[np.isclose(band[:, 0], x)][:, 1]
        assert edges.min() - 0.05 <= np.interp(x, *line.T) <= edges.max() + 0.05


def test_probabilities_that_are_frequencies_lie_on_the_diagonal():
    rng = np.random.default_rng(0)
    score = rng.random(20_000)
    place, share, low, high = curves.reliability_curve(rng.random(20_000) < score, score)
    assert np.abs(place - share).max() < 0.03
    assert low is high is None


def test_a_null_distribution_shows_p_and_every_baseline():
    entry = {"null": [0.4, 0.5, 0.6], "value": 0.9, "p": 0.25, "statistic": "balanced accuracy", "title": "network"}
    shown = texts(curves.null_distribution(entry | {"baselines": {"counts": entry | {"title": "counts", "null": []}}}))
    for text in ("network", "p = 0.25", "balanced accuracy", "no permutation keeps every class in training"):
        assert text in shown


def test_what_was_not_measured_is_said():
    assert "cannot be thinned" in texts(curves.score_against(None, "share", "share kept", 0.5))
