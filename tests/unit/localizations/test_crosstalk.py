"""Crosstalk subtraction finds what leaked by the densities around it, and says what it could not."""

import numpy as np
import pytest

from ainu.errors import AinuError
from ainu.localizations.crosstalk import subtract_crosstalk
from ainu.localizations.settings import CrosstalkSettings
from ainu.localizations.table import Localizations

LEAK = 0.1


def two_structures(seed=0, n=20_000):
    """Two lines of clusters, A and B, 3 um apart; a tenth of A is found in channel B. Returns it with the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    centre = rng.integers(0, 20, n) * 400.0
    x = centre + rng.normal(0, 40, n)
    y = np.where(truth == 0, 0.0, 3000.0) + rng.normal(0, 40, n)
    channel = np.where((truth == 0) & (rng.random(n) < LEAK), 1, truth)
    return Localizations(x=x, y=y, channel=channel, channels=("A", "B"), extra={"truth": truth})


def test_leaked_localizations_go_and_genuine_ones_stay():
    table = two_structures()
    cleaned, record = subtract_crosstalk(table, CrosstalkSettings({"A": {"B": LEAK}}, radius_nm=100), 0)
    leaked_before = ((table.channel == 1) & (table.extra["truth"] == 0)).sum()
    leaked_after = ((cleaned.channel == 1) & (cleaned.extra["truth"] == 0)).sum()
    genuine = (table.extra["truth"] == 1).sum()
    assert leaked_after < 0.1 * leaked_before
    assert ((cleaned.channel == 1) & (cleaned.extra["truth"] == 1)).sum() > 0.99 * genuine
    assert record["A"] == {"found": record["A"]["found"], "dropped": 0, "residual": record["A"]["residual"]}
    assert abs(record["B"]["residual"]) < 0.02


def test_a_wrong_fraction_shows_in_the_residual_of_mixed_structures():
    _, right = subtract_crosstalk(two_structures(), CrosstalkSettings({"A": {"B": LEAK}}, radius_nm=100), 0)
    _, wrong = subtract_crosstalk(two_structures(), CrosstalkSettings({"A": {"B": 3 * LEAK}}, radius_nm=100), 0)
    assert abs(wrong["B"]["residual"]) > 5 * abs(right["B"]["residual"])


def test_no_fraction_drops_nothing():
    table = two_structures(n=500)
    cleaned, record = subtract_crosstalk(table, CrosstalkSettings({"A": {"B": 0.0}}, radius_nm=100), 0)
    np.testing.assert_array_equal(cleaned.x, table.x)
    assert record["B"]["dropped"] == 0


def test_the_choice_depends_on_the_seed_and_nothing_else():
    table = two_structures(n=2000)
    settings = CrosstalkSettings({"A": {"B": LEAK}}, radius_nm=100)
    first, again, other = (subtract_crosstalk(table, settings, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.x, again.x)
    assert len(first) != len(other) or not np.array_equal(first.x, other.x)


@pytest.mark.parametrize("fractions", [{"A": {"C": 0.1}}, {"A": {"A": 0.1}}, {"A": {"B": 0.5}}])
def test_fractions_that_say_no_clear_thing_are_refused(fractions):
    with pytest.raises(AinuError, match=r"ingest\.crosstalk\.fractions"):
        subtract_crosstalk(two_structures(n=100), CrosstalkSettings(fractions, radius_nm=100), 0)
