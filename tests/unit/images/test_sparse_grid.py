"""Localizations ordered by place, from which those near a place are taken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ainu.images.sparse_grid import CELL_NM, SparseGrid, order_by_place

places = st.builds(
    lambda n, seed, spread, middle: (
        np.random.default_rng(seed).uniform(middle - spread, middle + spread, (n, 2)).astype(np.float32)
    ),
    st.integers(0, 300),
    st.integers(0, 10**6),
    st.sampled_from([1.0, 300.0, 5000.0]),
    st.sampled_from([0.0, 390.0, -12_000.0]),
)


def rows_near(grid: SparseGrid, centre, reach_nm: float) -> np.ndarray:
    parts = [np.arange(part.start, part.stop) for part in grid.near(np.asarray(centre, float), reach_nm)]
    return np.concatenate(parts or [np.zeros(0, int)])


@given(places)
def test_the_order_holds_every_localization_once_and_orders_what_is_in_order_no_more(position):
    order = order_by_place(position)
    assert sorted(order.tolist()) == list(range(len(position)))
    assert np.array_equal(order_by_place(position[order]), np.arange(len(position)))


@given(places, st.floats(-6000, 6000), st.floats(-6000, 6000), st.floats(1, 3000))
def test_all_within_a_square_are_found_once_and_none_from_beyond_its_cells(position, x, y, reach):
    position = position[order_by_place(position)]
    found = rows_near(SparseGrid.of(position), (x, y), reach)
    away = np.abs(position.astype(float) - [x, y]).max(axis=1, initial=0)
    assert len(set(found.tolist())) == len(found)
    assert set(np.flatnonzero(away <= reach)) <= set(found.tolist())
    assert (away[found] < reach + CELL_NM + 1e-3).all()


@given(st.integers(-3, 3), st.integers(-3, 3))
def test_localizations_on_the_borders_of_cells_are_found_too(column, row):
    at = np.float32(CELL_NM) * np.array([[column, row]], np.float32)
    position = np.concatenate([np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.float32(np.inf))])
    position = position[order_by_place(position)]
    for centre in position:
        found = rows_near(SparseGrid.of(position), centre, 1e-9)
        assert any(np.array_equal(position[own], centre) for own in found)


def test_localizations_that_are_not_in_order_are_refused():
    position = np.array([[900, 0], [0, 0]], np.float32)
    with pytest.raises(ValueError, match="not ordered by place"):
        SparseGrid.of(position)
    assert SparseGrid.of(position[::-1]).offsets.tolist() == [0, 1, 1, 2]


def test_z_does_not_count():
    position = np.random.default_rng(0).uniform(-2000, 2000, (500, 3)).astype(np.float32)
    assert np.array_equal(order_by_place(position), order_by_place(position[:, :2]))


def test_without_localizations_none_are_near():
    grid = SparseGrid.of(np.zeros((0, 2), np.float32))
    assert len(rows_near(grid, (0, 0), 1000)) == 0
