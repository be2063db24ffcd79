"""Coincidences: what counts as evidence for a correction, and what does not."""

import numpy as np
import pytest

from ainu.drift.coincidences import BLOCKS, Gain, gain_of, stretches_of_time, thinned
from ainu.drift.stretches import common_offset, stretches


def gain(place, change, held=10.0):
    place, change = np.asarray(place), np.asarray(change, float)
    return Gain(change, np.full(len(place), held), place, np.arange(len(place)) % BLOCKS)


def test_many_localizations_in_one_place_are_one_witness():
    assert gain(np.zeros(5000, int), np.ones(5000)).score == 0


def test_places_that_agree_are_many_witnesses():
    change = np.random.default_rng(0).normal(1, 1, 200)
    assert gain(np.arange(200), change).score > 8
    assert gain(np.arange(200), -change).score < -8
    assert abs(gain(np.arange(200), change - change.mean()).score) < 0.1


def test_one_bead_does_not_outvote_the_field():
    place = np.concatenate([np.arange(100), np.full(1000, 100)])
    change = np.concatenate([np.random.default_rng(1).normal(-1, 0.5, 100), np.full(1000, 0.3)])
    assert gain(place, change).score < 1


def seen_again(moved_nm):
    """400 places that are seen in all stretches of time, moved after half of them."""
    rng = np.random.default_rng(2)
    block = np.tile(np.arange(BLOCKS), 400)
    at = np.repeat(rng.uniform(0, 10_000, (400, 2)), BLOCKS, axis=0) + rng.normal(0, 8, (400 * BLOCKS, 2))
    moved = at + np.where(block < BLOCKS // 2, 0, moved_nm)[:, None]
    place = np.floor(at / 500).astype(np.int64) @ np.array([1000, 1])
    return gain_of(list(moved.T), list(at.T), block, place, (30.0, 30.0), (True, True))


def test_a_drift_that_is_taken_back_is_a_gain_and_none_is_none():
    assert seen_again(60.0).score > 10
    assert seen_again(0.0).score == 0


def test_neighbouring_stretches_of_time_and_repeated_rows_do_not_coincide():
    at = np.zeros(60)
    still = gain_of([at, at], [at, at], np.repeat([3, 4], 30), np.zeros(60, int), (30.0, 30.0), (True, True))
    assert still.held.sum() == 0


def test_a_bead_keeps_as_many_rows_as_other_places_wherever_they_lie():
    place, block = np.concatenate([np.arange(100), np.zeros(10_000, int)]), np.zeros(10_100, int)
    kept = thinned(place, block)
    assert 99 <= np.count_nonzero(kept < 100) <= 100
    assert np.count_nonzero(kept >= 100) <= 8


def test_stretches_of_time_hold_as_many_localizations_each():
    rank = np.sort(np.random.default_rng(3).exponential(100, 24_000).astype(int))
    assert np.bincount(stretches_of_time(rank), minlength=BLOCKS).max() < 2500


@pytest.mark.parametrize("offset", [(0.0, 0.0), (120.0, -60.0)])
def test_a_common_structure_tells_the_offset(offset):
    rng = np.random.default_rng(4)
    places = rng.uniform(0, 10_000, (400, 2))
    first, second = (places[rng.integers(0, 400, 4000)] + rng.normal(0, 15, (4000, 2)) for _ in range(2))
    found = common_offset(first, second + offset, 500.0)
    if any(offset):
        np.testing.assert_allclose(found[0], offset, atol=4)
    else:
        assert found is None  # nothing is gained by moving it


def test_structures_of_their_own_have_no_common_offset():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        first, second = (rng.uniform(0, 10_000, (400, 2))[rng.integers(0, 400, 4000)] for _ in range(2))
        assert common_offset(first, second, 500.0) is None


def test_channels_follow_each_other_or_alternate():
    frame = np.arange(1000)
    assert stretches(frame, (frame >= 400).astype(int)) == [(0, [0]), (400, [1])]
    assert stretches(frame, frame % 2) == [(0, [0, 1])]
    astray = np.where(frame == 700, 0, (frame >= 400).astype(int))
    assert stretches(frame, astray) == [(0, [0]), (400, [1])]
