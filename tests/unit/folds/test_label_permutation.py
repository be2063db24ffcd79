"""Labels are permuted as the experiment allows, and p-values count ties."""

import numpy as np
import pandas as pd
from audited import evidence
from hypothesis import given
from hypothesis import strategies as st

from ainu.evaluation.learning_curve import learning_curve
from ainu.evaluation.permutation_tests import permutations
from ainu.folds.label_permutation import PermutableLabels, p_value


def rows(pure: int = 6, mixed: int = 3, size: int = 4) -> pd.DataFrame:
    replicate = np.repeat([f"r{k}" for k in range(pure + mixed)], size)
    number = np.repeat(np.arange(pure + mixed), size)
    label = np.where(number < pure, number % 2, np.arange(len(number)) % 2)
    return pd.DataFrame({"replicate": replicate, "label": np.array(["a", "b"])[label], "fold": number % 3})


@given(st.integers(0, 6), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_permuted_labels_keep_the_structure_of_the_experiment(pure, mixed, seed):
    table = rows(2 * pure, mixed + (0 if pure > 1 else 3))
    made = PermutableLabels.of(table).permuted(seed=seed, draw=0)
    if made is None:
        return
    before, after = table, table.assign(label=made)
    kinds = before.groupby("replicate")["label"].nunique()
    assert (after.groupby("replicate")["label"].nunique() == kinds).all()
    several = table["replicate"].map(kinds) > 1
    counts = [own[several].groupby(["replicate", "label"]).size() for own in (before, after)]
    assert counts[0].equals(counts[1])
    for fold in range(3):
        assert set(made[table["fold"] != fold]) == {"a", "b"}


def test_the_scheme_is_described_in_words():
    assert PermutableLabels.of(rows(6, 0)).scheme == "between whole replicates, since labels follow replicates"
    assert PermutableLabels.of(rows(0, 6)).scheme == "within replicates"
    assert "and between" in PermutableLabels.of(rows(4, 2)).scheme


def test_a_draw_is_the_same_however_many_are_drawn():
    labels = PermutableLabels.of(rows())
    assert np.array_equal(labels.permutations(seed=1, draws=3)[2], labels.permutations(seed=1, draws=9)[2])
    assert np.array_equal(labels.permuted(seed=1, draw=2), labels.permutations(seed=1, draws=3)[2])


def test_folds_that_no_permutation_leaves_trainable_have_no_null():
    table = rows(2, 0).assign(fold=[0] * 4 + [1] * 4)
    assert PermutableLabels.of(table).permuted(seed=1, draw=0) is None
    assert len(PermutableLabels.of(table).permutations(seed=1, draws=3)) == 0


def test_p_counts_the_value_itself_and_ties():
    assert p_value(0.9, [0.5, 0.6, 0.9])["p"] == 2 / 4
    assert p_value(0.9, [])["p"] == 1


def test_p_is_small_where_there_is_something_and_uniform_where_there_is_nothing():
    assert permutations(evidence(strength=2, feature=3), [], 99)["p"] < 0.01
    found = [permutations(evidence(strength=0, seed=seed), [], 99) for seed in range(8)]
    for p in ([own["p"] for own in found], [own["baselines"]["features"]["p"] for own in found]):
        assert 0.2 < np.mean(p) < 0.8
        assert np.mean(np.array(p) < 0.05) < 0.4


def test_labels_of_whole_replicates_cannot_be_very_unlikely():
    """Six replicates, three of each class: one arrangement in twenty is the true one, however good the network."""
    found = permutations(evidence(strength=4, follow=True), [], 99)
    assert found["p"] > 0.02
    assert "whole replicates" in found["what"]


def test_retrained_networks_give_the_null_where_there_are_any():
    made = evidence(strength=3, controls={"unchanged": "same"})
    nothing = [evidence(strength=0, seed=seed).predictions for seed in range(5)]
    found = permutations(made, nothing, 10)
    assert len(found["null"]) == 5
    assert found["p"] == 1 / 6
    assert "retrained" in found["what"]


def test_more_replicates_to_learn_from_help_where_there_is_something_to_learn():
    points = learning_curve(evidence(feature=2))["points"]
    assert [point["replicates"] for point in points] == [1, 2, 3, 4]
    assert points[-1]["value"] > points[0]["value"]
    assert points[-1]["value"] > 0.75
