"""Precision measured by repeated localization agrees with the simulated truth."""

from dataclasses import replace

import numpy as np
import pytest

from ainu import Localizations, simulate
from ainu.quality.nena import BINS, _least_cost_without, _least_squares, repeated_localization
from ainu.simulation.conditions import CONDITIONS


def simulated(seed: int = 1, **changes) -> Localizations:
    return simulate(replace(CONDITIONS["somatic"], drift_nm=0.0, **changes), seed)[0]


def seen_twice(sigma_nm: float, n: int = 3000) -> Localizations:
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 20_000, (2, n))
    frame = random.integers(0, n, n)
    x, y = np.tile([x, y], 2) + random.normal(0, sigma_nm, (2, 2 * n))
    return Localizations(x=x, y=y, frame=np.concatenate([frame, frame + 1]), channel=np.zeros(2 * n), channels=("a",))


@pytest.mark.parametrize("sigma_nm", [2, 10, 35])
def test_one_precision_for_all_is_found(sigma_nm):
    found = repeated_localization(seen_twice(sigma_nm))
    assert found.sigma_nm == pytest.approx(sigma_nm, rel=0.05)
    assert found.error_nm < 0.05 * sigma_nm


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"photons": 300.0, "background": 60.0},
        {"photons": 20_000.0},
        {"clutch_emitters": 40.0, "cluster_emitters": 30.0},
    ],
    ids=["usual", "dim", "bright", "dense"],
)
@pytest.mark.parametrize("channel", ["PolII", "DNA"])
def test_the_precision_is_within_15_percent_of_the_simulated_one(changes, channel):
    own = simulated(**changes).of_channel(channel)
    assert repeated_localization(own).sigma_nm == pytest.approx(float(np.median(own.precision)), rel=0.15)


def test_the_precision_column_plays_no_part():
    own = simulated().of_channel("DNA")
    assert repeated_localization(replace(own, precision=None)).sigma_nm == repeated_localization(own).sigma_nm


def test_without_repeats_nothing_is_made_up():
    random = np.random.default_rng(0)
    n = 100_000
    x, y = random.uniform(0, 10_000, (2, n))
    found = repeated_localization(
        Localizations(x=x, y=y, frame=random.integers(0, 4000, n), channel=np.zeros(n), channels=("a",))
    )
    assert found.pairs > 1000
    assert found.sigma_nm is None


@pytest.mark.parametrize("n", [0, 1, 100])
def test_few_or_no_localizations_give_no_precision(n):
    own = simulated().of_channel("DNA")[:n]
    assert repeated_localization(own).sigma_nm is None
    assert repeated_localization(replace(own, frame=None)).pairs == 0


def test_the_fit_follows_the_histogram():
    found = repeated_localization(simulated().of_channel("PolII"))
    assert len(found.fitted) == len(found.counts) == len(found.edges) - 1
    assert np.abs(found.fitted - found.counts).mean() < 2 * np.sqrt(found.counts + 1).mean()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pairs", [400, 40_000, 4_000_000])
def test_the_grid_without_repeated_emitters_is_as_good_as_a_fit(seed, pairs):
    rng = np.random.default_rng(seed)
    around = np.abs(rng.normal(60, 15, 2 * pairs // 5))
    distances = np.concatenate([around, 250 * np.sqrt(rng.random(3 * pairs // 5))])
    counts, edges = np.histogram(distances, BINS, (0.0, 250.0))
    start = np.array([0, 10.0, len(around), 6.0, 1.5, pairs / 8000, 3.0])
    fitted = _least_squares(counts, edges, start, most_pairs=1e-6).cost
    assert 0.9 * fitted < _least_cost_without(counts, edges) < 1.1 * fitted
