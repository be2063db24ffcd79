"""Fourier ring correlation agrees with what is expected of a known blur."""

import numpy as np
import pytest

from ainu import Localizations
from ainu.quality.frc import correlation_at, ring_correlation


def blurred(sigma_nm: float, repeats: float, n: int = 4000, width_nm: float = 8000.0, seed: int = 0) -> Localizations:
    """Emitters at random, each localized a Poisson number of times with mean `repeats` in either half of the frames."""
    random = np.random.default_rng(seed)
    emitter = np.repeat(np.arange(n), random.poisson(2 * repeats, n))
    place = random.uniform(0, width_nm, (n, 2))[emitter] + random.normal(0, sigma_nm, (len(emitter), 2))
    zeros = np.zeros(len(emitter))
    frame = random.integers(0, 1000, len(emitter))
    return Localizations(x=place[:, 0], y=place[:, 1], frame=frame, channel=zeros, channels=("a",))


def expected(sigma_nm: float, repeats: float) -> float:
    """Of random emitters FRC(q) = k e / (1 + k e), k repeats, e = exp(-4 π² σ² q²): 1/7 where e = 1 / (6 k)."""
    return 2 * np.pi * sigma_nm / np.sqrt(np.log(6 * repeats))


@pytest.mark.parametrize(("sigma_nm", "repeats"), [(3, 5), (5, 5), (10, 1), (10, 5), (20, 5), (30, 10)])
def test_the_resolution_of_a_known_blur_is_within_10_percent(sigma_nm, repeats):
    found = ring_correlation(blurred(sigma_nm, repeats))
    assert found.frc_nm == pytest.approx(expected(sigma_nm, repeats), rel=0.1)


def test_a_field_of_many_tiles_gives_the_same():
    found = ring_correlation(blurred(20, 5, n=60_000, width_nm=30_000))
    assert found.frc_nm == pytest.approx(expected(20, 5), rel=0.05)


def test_the_place_of_the_field_plays_no_part():
    near = blurred(20, 5)
    far = Localizations(x=near.x + 40_000, y=near.y - 9000, frame=near.frame, channel=near.channel, channels=("a",))
    assert ring_correlation(far).frc_nm == pytest.approx(ring_correlation(near).frc_nm, rel=0.02)


def test_drift_left_in_the_data_makes_the_resolution_worse():
    sharp = blurred(10, 5)
    drifted = Localizations(
        x=sharp.x + 0.1 * sharp.frame, y=sharp.y, frame=sharp.frame, channel=sharp.channel, channels=("a",)
    )
    assert ring_correlation(drifted).frc_nm > 1.3 * ring_correlation(sharp).frc_nm


def test_emitters_localized_once_have_no_detail():
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 10_000, (2, 20_000))
    once = Localizations(x=x, y=y, frame=random.integers(0, 999, 20_000), channel=np.zeros(20_000), channels=("a",))
    found = ring_correlation(once)
    assert found.frc_nm is None or found.frc_nm > 500


@pytest.mark.parametrize("n", [0, 1, 400])
def test_few_localizations_have_no_resolution(n):
    found = ring_correlation(blurred(10, 5)[:n])
    assert found.frc_nm is None
    assert len(found.frequency) == 0


def test_without_frames_there_are_no_halves():
    own = blurred(10, 5)
    assert ring_correlation(Localizations(x=own.x, y=own.y, channel=own.channel, channels=("a",))).frc_nm is None


@pytest.mark.parametrize(("repeats", "sigma_nm"), [(1, 10), (4, 10), (4, 15)])
def test_the_correlation_at_a_detail_is_that_of_theory(repeats, sigma_nm):
    """Of random emitters FRC(q) = k e / (1 + k e), as above; pixels of a fifth of the detail blur a little."""
    found = correlation_at(blurred(sigma_nm, repeats, n=20_000), 50)
    near = np.linspace(0.9, 1.1, 21) / 50
    again = repeats * np.exp(-4 * np.pi**2 * (sigma_nm**2 + 10**2 / 12) * near**2)
    assert found == pytest.approx((again / (1 + again)).mean(), rel=0.1, abs=0.01)


def test_few_localizations_have_no_correlation():
    assert np.isnan(correlation_at(blurred(10, 5)[:400], 50))
