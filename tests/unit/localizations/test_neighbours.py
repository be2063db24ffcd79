"""Who is near whom, against all pairwise distances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from ainu.localizations.neighbours import has_neighbours, local_counts, nearest_in_frame


def points(seed, n=80, width=100.0):
    return np.random.default_rng(seed).uniform(0, width, (n, 2)).astype(np.float32)


@given(st.integers(0, 50), st.integers(1, 5), st.floats(1, 40))
def test_having_neighbours_agrees_with_all_pairwise_distances(seed, least, radius):
    xy = points(seed)
    others = (cdist(xy, xy) <= radius).sum(axis=1) - 1
    assert has_neighbours(xy, radius, least).tolist() == (others >= least).tolist()


@given(st.integers(0, 50), st.floats(1, 40))
def test_local_counts_count_the_block_of_squares_around_each_point(seed, radius):
    xy = points(seed)
    cell = np.floor((xy - xy.min(axis=0)).astype(float) / (radius * np.sqrt(np.pi) / 3))
    expected = (np.abs(cell[:, None] - cell[None]).max(axis=2) <= 1).sum(axis=1) - 1
    assert local_counts(xy, radius).tolist() == expected.tolist()


def test_local_counts_of_a_uniform_field_are_its_density_times_the_area():
    xy = points(1, 40_000, 2000.0)
    inner = ((xy > 200) & (xy < 1800)).all(axis=1)
    assert local_counts(xy, 100.0)[inner].mean() == pytest.approx(0.01 * np.pi * 100**2, rel=0.03)


@given(st.integers(0, 50))
def test_nearest_in_frame_agrees_with_all_pairwise_distances(seed):
    xy, frame = points(seed), np.random.default_rng(seed + 1).integers(0, 6, 80)
    away = cdist(xy, xy)
    away[(frame[None] != frame[:, None] + 1) | (away >= 20)] = np.inf
    index, distance = nearest_in_frame(xy, frame + 1, xy, frame, 20.0)
    found = np.isfinite(away.min(axis=1))
    assert distance[found] == pytest.approx(away.min(axis=1)[found])
    assert index[found].tolist() == away.argmin(axis=1)[found].tolist()
    assert (index[~found] == len(xy)).all()


def test_no_points_have_no_neighbours():
    none = np.zeros((0, 2), np.float32)
    assert len(has_neighbours(none, 10, 1)) == len(local_counts(none, 10)) == 0
    assert nearest_in_frame(none, np.zeros(0, int), none, np.zeros(0, int), 5.0)[0].size == 0
