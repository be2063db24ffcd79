"""How much the logits of each view count."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spots import CLASSES, dataset, spots

from ainu.training.shares import comparable, fit_shares, parts_of

LABELS = np.arange(40) % 2


def says(strength: float, seed: int = 0, labels=LABELS, spread: float = 1.0) -> np.ndarray:
    """Logits of two classes whose margin tells the class by so many of its standard deviations."""
    margin = spread * (np.random.default_rng(seed).normal(0, 1, len(labels)) + strength * (2 * labels - 1))
    return np.stack([-margin / 2, margin / 2], axis=1)


def test_a_view_of_noise_counts_next_to_nothing_and_one_that_tells_the_classes_all():
    labels = np.arange(200) % 2
    for seed in range(5):
        logits = {"detail": says(4, seed, labels), "context": says(0, seed + 50, labels)}
        shares = fit_shares(logits, labels)
        assert 0 <= shares["context"] * logits["context"].std() < 0.1 * shares["detail"] * logits["detail"].std()
    wrong = fit_shares({"detail": says(4), "context": says(-1, 9)}, LABELS)
    assert wrong["context"] == 0 < wrong["detail"]


def test_a_view_that_learned_its_nuclei_by_heart_is_not_heard_however_sure_it_is():
    shares = fit_shares({"detail": says(2, 1), "context": says(0, 2, spread=50.0)}, LABELS)
    assert shares["context"] * 50 < 0.35 * shares["detail"]


def test_views_that_tell_the_classes_equally_well_both_count():
    shares = fit_shares({"detail": says(1.5, 1), "context": says(1.5, 2)}, LABELS)
    assert min(shares.values()) > 0.5 * max(shares.values())


def test_all_views_count_alike_and_little_where_none_says_anything_of_the_classes():
    shares = fit_shares({"detail": says(-2), "context": 7 * says(-2)}, LABELS)
    assert shares["detail"] == pytest.approx(7 * shares["context"], rel=0.01)
    assert 0 < shares["detail"] * np.abs(says(-2)).max() < 0.01
    nothing = fit_shares({"detail": np.zeros((40, 2)), "context": np.zeros((40, 2))}, LABELS)
    assert nothing["detail"] == nothing["context"] > 0
    assert np.isfinite(list(nothing.values())).all()


@pytest.mark.parametrize("spread", [0.1, 1.0, 20.0])
def test_the_sum_is_as_sure_as_it_has_a_right_to_be(spread):
    """A margin of N(±d, 1) has the log odds 2 d times itself, whatever the network's own scale."""
    labels = np.arange(2000) % 2
    logits = {"detail": says(0.8, 1, labels, spread), "context": says(0.5, 2, labels)}
    shares = fit_shares(logits, labels)
    assert shares["detail"] == pytest.approx(1.6 / spread, rel=0.1)
    assert shares["context"] == pytest.approx(1.0, rel=0.15)


@given(st.integers(0, 1000), st.sampled_from([0.01, 1.0, 300.0]))
def test_shares_undo_the_scale_of_a_views_logits(seed, scale):
    one = {"detail": says(1.2, seed), "context": says(1.5, seed + 1)}
    plain = fit_shares(one, LABELS)
    scaled = fit_shares({**one, "context": scale * one["context"]}, LABELS)
    ratio = (scaled["context"] * scale + 1e-9) / (scaled["detail"] + 1e-9)
    assert ratio == pytest.approx((plain["context"] + 1e-9) / (plain["detail"] + 1e-9), rel=0.02, abs=0.01)


def test_a_rare_class_decides_as_much_as_a_frequent_one():
    """Repeating the rare nuclei until classes are as frequent changes next to nothing but the weight of the penalty."""
    labels = np.array([0] * 36 + [1] * 4)
    rare = says(0, 1, labels)
    rare[labels == 1] = says(4, 2, labels)[labels == 1]
    balanced = fit_shares({"a": rare, "b": says(0, 3, labels)}, labels)
    repeated = np.concatenate([np.flatnonzero(labels == 0), np.tile(np.flatnonzero(labels == 1), 9)])
    again = fit_shares({"a": rare[repeated], "b": says(0, 3, labels)[repeated]}, labels[repeated])
    assert again["b"] / again["a"] == pytest.approx(balanced["b"] / balanced["a"], abs=0.1)


def test_replicates_do_not_straddle_the_halves_and_every_class_is_in_both():
    data, rows = dataset(*spots(48)), np.arange(1, 47)
    for seed in range(5):
        first, second = parts_of(data, rows, seed)
        assert sorted([*first, *second]) == sorted(rows)
        assert not set(data.replicate[first]) & set(data.replicate[second])
        assert set(data.label[first]) == set(data.label[second]) == set(CLASSES)
        assert np.array_equal(parts_of(data, rows, seed)[0], first)


def test_a_class_with_one_replicate_is_parted_by_nuclei():
    data = dataset(*spots(24))
    alone = replace(data, replicate=np.where(data.label == "dim", "r0", "r1"))
    first, second = parts_of(alone, np.arange(24), 1)
    assert sorted([*first, *second]) == list(range(24))
    assert np.bincount(alone.label[first] == "dim").tolist() == [6, 6]


@pytest.mark.parametrize(("per_class", "replicates", "parts"), [(8, 8, 2), (7, 7, 5), (5, 4, 4), (3, 3, 3), (5, 1, 5)])
def test_few_nuclei_are_parted_more_often_so_that_networks_see_most_of_them(per_class, replicates, parts):
    data, n = dataset(*spots(2 * per_class)), 2 * per_class
    repeats = np.char.add("r", (np.arange(n) // 2 % replicates).astype(str))
    data = replace(data, replicate=repeats)
    found = parts_of(data, np.arange(n), 1)
    assert len(found) == parts
    assert sorted(np.concatenate(found)) == list(range(n))
    for own in found:
        assert set(data.label[own]) == set(CLASSES)
        others = np.setdiff1d(np.arange(n), own)
        assert replicates == 1 or not set(repeats[own]) & set(repeats[others])


def test_a_class_with_a_single_nucleus_leaves_no_parts_of():
    data = dataset(*spots(9))
    rows = np.array([0, 2, 4, 6, 1])
    assert parts_of(data, rows, 1) == []


def test_networks_that_are_surer_or_lean_to_a_class_are_made_comparable():
    rng = np.random.default_rng(5)
    truth = np.array([0, 1] * 10)
    one = np.stack([np.where(truth == 0, 1.0, -1.0), np.zeros(20)], 1) + rng.normal(0, 0.1, (20, 2))
    other = 9 * one + np.array([5.0, -5.0])
    both = comparable([one, other], [truth, truth])
    assert np.allclose(both[:20], both[20:])
    assert (both.argmax(axis=1) == np.tile(truth, 2)).all()
