"""Blinks of one emitter are found, and merged without losing photons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ainu import Localizations, filter_quality
from ainu.quality.blinks import emitters as emitters_of
from ainu.quality.blinks import first_appearances, merge_blinks


def blinking(x, frame, channel=None, photons=None, **columns) -> Localizations:
    n = len(x)
    return Localizations(
        x=np.asarray(x, float),
        y=np.zeros(n),
        frame=np.asarray(frame),
        channel=np.zeros(n) if channel is None else channel,
        channels=("DNA", "PolII"),
        photons=np.full(n, 100.0) if photons is None else photons,
        **columns,
    )


def emitters(seed: int, n: int = 60) -> tuple[Localizations, np.ndarray]:
    """Emitters 300 nm apart that show once each for some frames in a row, and which emitter each localization shows."""
    random = np.random.default_rng(seed)
    length = random.integers(1, 6, n)
    start = random.integers(0, 40, n)
    emitter = np.repeat(np.arange(n), length)
    frame = np.concatenate([first + np.arange(count) for first, count in zip(start, length, strict=True)])
    order = random.permutation(len(emitter))
    x = (emitter * 300 + random.normal(0, 5, len(emitter)))[order]
    photons = random.uniform(50, 1000, len(emitter))
    return blinking(x, frame[order], photons=photons, precision=np.full(len(x), 5.0)), emitter[order]


@given(st.integers(0, 100))
def test_every_emitter_becomes_one_localization(seed):
    table, emitter = emitters(seed)
    first = first_appearances(table, radius_nm=50)
    for number in np.unique(emitter):
        own = np.flatnonzero(emitter == number)
        assert set(first[own]) == {own[np.argmin(table.frame[own])]}


@given(st.integers(0, 100))
def test_merging_keeps_the_total_photon_count(seed):
    table, _ = emitters(seed)
    quality = filter_quality(table, merge={"radius_nm": 50, "dark_frames": 0})
    assert quality.counts["merged"] > 0
    assert quality.apply(table).photons.sum(dtype=float) == pytest.approx(table.photons.sum(dtype=float), rel=1e-6)


@given(st.integers(0, 30))
def test_the_order_of_rows_plays_no_part(seed):
    table, _ = emitters(seed)
    order = np.random.default_rng(seed).permutation(len(table))
    settings = {"merge": {"radius_nm": 50, "dark_frames": 1}}
    once = filter_quality(table, **settings).apply(table)
    again = filter_quality(table[order], **settings).apply(table[order])
    assert np.sort(again.x) == pytest.approx(np.sort(once.x), abs=0.01)


def test_dark_frames_say_how_long_an_emitter_may_vanish():
    table = blinking([0, 1, 2], [0, 2, 5])
    assert [first_appearances(table, radius_nm=10, dark_frames=dark).tolist() for dark in (0, 1, 2)] == [
        [0, 1, 2],
        [0, 0, 2],
        [0, 0, 0],
    ]


def test_localizations_of_one_frame_are_never_merged():
    assert first_appearances(blinking([0, 1, 0.4], [0, 0, 1]), radius_nm=10).tolist() == [0, 1, 0]


def test_channels_are_never_merged_with_each_other():
    table = blinking([0, 0, 0, 0], [0, 1, 1, 2], channel=[0, 1, 0, 1])
    assert first_appearances(table, radius_nm=10).tolist() == [0, 1, 0, 1]


def test_the_last_frame_of_a_channel_is_not_followed_by_the_first_of_the_next():
    table = blinking([0, 0], [9, 0], channel=[0, 1])
    assert first_appearances(table, radius_nm=10, dark_frames=3).tolist() == [0, 1]


def test_the_merged_position_is_weighted_by_photons_and_its_precision_is_that_of_the_mean():
    table = blinking([0, 4], [3, 4], photons=[300, 100], precision=[10, 20], sigma=[100, 140], background=[8, 4])
    merged = filter_quality(table, merge={"radius_nm": 10, "dark_frames": 0}).apply(table)
    assert (merged.x.item(), merged.photons.item(), merged.frame.item()) == (1.0, 400.0, 3)
    assert (merged.sigma.item(), merged.background.item()) == (110.0, 7.0)
    assert merged.precision.item() == pytest.approx(np.hypot(0.75 * 10, 0.25 * 20))


def test_the_precision_of_a_merged_position_is_how_far_it_scatters():
    random = np.random.default_rng(0)
    n, photons = 4000, np.tile([400.0, 100.0, 900.0], 4000)
    precision = np.tile([10.0, 20.0, 7.0], n)
    x = np.repeat(np.arange(n) * 1000.0, 3) + random.normal(0, precision)
    table = blinking(x, np.tile([0, 1, 2], n), photons=photons, precision=precision)
    merged = merge_blinks(table, np.repeat(np.arange(n) * 3, 3)).apply(table)[np.arange(n) * 3]
    error = merged.x - np.arange(n) * 1000.0
    assert error.std() == pytest.approx(merged.precision[0], rel=0.05)


def test_without_photons_every_appearance_weighs_the_same():
    table = Localizations(x=[0, 4], y=[0, 0], frame=[0, 1], channel=[0, 0], channels=("a",))
    assert filter_quality(table, merge={"radius_nm": 10, "dark_frames": 0}).apply(table).x.tolist() == [2.0]


def test_merging_needs_frames_and_says_so():
    table = Localizations(x=[0, 4], y=[0, 0], channel=[0, 0], channels=("a",))
    assert filter_quality(table, merge={"radius_nm": 10, "dark_frames": 0}).not_applied == ("merge",)


def test_emitters_are_as_wide_as_three_precisions_of_their_channel_and_dark_for_three_frames():
    table = blinking(
        [0, 29, 100, 131, 200, 205, 300, 305, 400, 450],
        [0, 1, 0, 1, 0, 4, 0, 5, 0, 1],
        channel=[0] * 8 + [1] * 2,
        precision=np.array([10.0] * 8 + [20.0] * 2),
    )
    assert emitters_of(table).tolist() == [0, 0, 2, 3, 4, 4, 6, 7, 8, 8]


def test_without_frames_or_precision_no_emitter_is_known():
    given = {"y": np.zeros(2), "channel": np.array([0, 1]), "channels": ("DNA", "PolII")}
    precision = np.array([np.nan, 10.0])
    assert emitters_of(blinking([0, 5], [0, 1])).tolist() == [-1, -1]
    assert emitters_of(Localizations(x=np.array([0, 5.0]), precision=precision, **given)).tolist() == [-1, -1]
    partly = Localizations(x=np.array([0, 5.0]), frame=np.array([0, 1]), precision=precision, **given)
    assert emitters_of(partly).tolist() == [-1, 1]
