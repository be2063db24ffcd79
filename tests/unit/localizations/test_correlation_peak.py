"""Peaks to a fraction of a pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ainu.localizations.correlation_peak import parabola_vertex


@given(st.floats(-0.9, 0.9), st.floats(0.01, 1e3), st.floats(-1e3, 1e3))
def test_the_vertex_of_a_parabola_is_found(place, steepness, height):
    values = [height - steepness * (at - place) ** 2 for at in (-1, 0, 1)]
    assert parabola_vertex(*values) == pytest.approx(place, abs=1e-6)


def test_a_vertex_is_at_most_one_pixel_away():
    assert parabola_vertex(0.0, 1.0, 1.9) == 1


def test_values_without_a_maximum_give_what_the_caller_wants():
    left, middle, right = np.array([[3.0, 1, 1], [1.0, 1, 3]]).T.reshape(3, 2)
    assert parabola_vertex(left, middle, right).tolist() == [0, 0]
    assert parabola_vertex(left, middle, right, otherwise=np.sign(right - left)).tolist() == [-1, 1]


def test_single_precision_stays_so():
    assert parabola_vertex(*np.float32([[0.1], [1], [0.2]])).dtype == np.float32
