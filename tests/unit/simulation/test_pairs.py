"""Pairs of conditions that differ in nothing but one thing."""

from dataclasses import replace

import numpy as np
import pytest

from ainu import AinuError, simulate
from ainu.simulation.pairs import PAIRS, pair

FIELDS = 8


def measured(condition, name):
    """Means over fields of what pairs differ in."""
    rows = []
    for seed in range(FIELDS):
        table, truth = simulate(replace(condition, labelling_sd=0), seed, name=name)
        pol_ii = (table.channel == 0) & (truth.cluster >= 0)
        nucleus, x, y = truth.nuclei[0], table.x[pol_ii], table.y[pol_ii]
        cluster = truth.cluster[pol_ii]
        number = np.bincount(cluster)
        middle = np.bincount(cluster, x.astype(float)) / np.maximum(number, 1)
        rows.append(
            {
                "nanoscale": np.sqrt(np.mean((x - middle[cluster]) ** 2)),
                "micrometre": np.any([shape.radius(x, y) < 1 for shape in truth.nucleoli[0]], axis=0).mean(),
                "precision": np.median(table.precision),
                "blinks": (truth.emitter >= 0).sum() / len(np.unique(truth.emitter)),
                "drift": np.abs(truth.drift).max(),
                "counts": len(table),
                "area": np.pi * nucleus.a * nucleus.b,
            }
        )
    return {key: np.mean([row[key] for row in rows]) for key in rows[0]}


@pytest.fixture(scope="module")
def plain():
    return measured(pair("none")[0], "first")


@pytest.mark.parametrize(
    ("kind", "factors"),
    [
        ("none", {}),
        ("nanoscale", {"nanoscale": 1.3}),
        ("micrometre", {"micrometre": 10}),
        ("two-scale", {"nanoscale": 1.3, "micrometre": 10}),
        ("precision", {"precision": 1.5}),
        ("blinks", {"blinks": 2}),
        ("counts", {"counts": 0.6}),
        ("area", {"area": 1.32, "counts": 1.32}),
    ],
)
def test_the_second_condition_differs_in_what_was_asked_for_and_in_nothing_else(plain, kind, factors):
    found = measured(pair(kind)[1], "second")
    assert found.pop("drift") == 0
    for key, value in found.items():
        if kind in ("precision", "blinks", "drift") and key == "nanoscale":
            continue
        tolerance = {"micrometre": 0.3, "blinks": 0.03}.get(key, 0.06)
        assert value / plain[key] == pytest.approx(factors.get(key, 1), rel=tolerance), key


def test_drift_is_all_that_the_pair_drift_adds(plain):
    found = measured(pair("drift")[1], "second")
    assert found["drift"] > 20
    assert found["counts"] == pytest.approx(plain["counts"], rel=0.06)


def test_an_unknown_pair_is_named():
    with pytest.raises(AinuError, match="no pair of conditions 'colour'; there are: none, nanoscale"):
        pair("colour")
    assert len(PAIRS) == 9
