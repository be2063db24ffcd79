"""The validation set holds whole replicates and every class, as near to its share as an exhaustive search can."""

import time
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from replicates import by_exhaustion, nuclei, small, unhurried

from ainu.errors import AinuError
from ainu.folds.partition import split_validation


@unhurried
@given(counts=small, fraction=st.sampled_from([0.1, 0.2, 0.35, 0.5]), seed=st.integers(0, 100))
def test_the_validation_set_is_that_of_an_exhaustive_search_or_empty_where_it_finds_none(counts, fraction, seed):
    table = nuclei(counts)
    share = Fraction(str(fraction))
    best = by_exhaustion(counts, [share, 1 - share])
    held_back = split_validation(table, fraction=fraction, seed=seed)
    assert held_back.dtype == bool
    assert len(held_back) == len(table)
    if best is None:
        assert not held_back.any()
        return
    assert not set(table["replicate"][held_back]) & set(table["replicate"][~held_back])
    assert set(table["label"][held_back]) == set(table["label"][~held_back]) == set(table["label"])
    off = [
        abs(Fraction(int(held_back[rows].sum()), len(rows)) - share) for rows in table.groupby("label").indices.values()
    ]
    assert max(off) == best[0]


def test_a_class_with_a_single_replicate_leaves_no_validation_set():
    assert not split_validation(nuclei([[4, 1], [4, 0], [4, 0]]), fraction=0.2, seed=0).any()


def test_a_fraction_of_zero_leaves_no_validation_set():
    assert not split_validation(nuclei([[4, 1]] * 4), fraction=0, seed=0).any()


@pytest.mark.parametrize("fraction", [-0.1, 1, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(AinuError, match="validation_fraction"):
        split_validation(nuclei([[4, 1]] * 4), fraction=fraction, seed=0)


def test_the_seed_chooses_the_validation_set_and_always_the_same():
    table = nuclei([[5, 5]] * 8)
    drawn = [split_validation(table, fraction=0.25, seed=seed) for seed in range(6)]
    assert all(mask.mean() == 0.25 for mask in drawn)
    assert len({mask.tobytes() for mask in drawn}) > 2
    assert (split_validation(table, fraction=0.25, seed=3) == drawn[3]).all()


def test_the_validation_set_of_a_hard_table_is_near_the_fraction_and_quick():
    table = nuclei(np.random.default_rng(0).integers(1, 41, (40, 7)))
    start = time.monotonic()
    held_back = split_validation(table, fraction=0.2, seed=0)
    assert time.monotonic() - start < 5
    shares_held = pd.Series(held_back).groupby(table["label"]).mean()
    assert shares_held.between(0.19, 0.21).all()
