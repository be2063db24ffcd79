"""The windows on the strongest evidence of a nucleus."""

import numpy as np
import pytest

from ainu.attribution.detail_figure import OVERVIEW_NM, WINDOW_NM, WINDOWS, strongest

SIZE = round(WINDOW_NM / OVERVIEW_NM)


@pytest.mark.parametrize("shape", [(70, 90), (41, 61)])
def test_windows_lie_on_the_strongest_evidence_within_the_nucleus_and_do_not_overlap(shape):
    evidence = np.zeros(shape)
    evidence[0, 0], evidence[20, 45], evidence[-1, -1] = 3.0, 2.0, 1.0
    found = np.array(strongest(evidence))
    assert len(found) == WINDOWS
    assert (found >= SIZE // 2).all()
    assert (found + SIZE // 2 <= np.array(shape[::-1])).all()
    for place, (row, column) in zip(found, [(0, 0), (20, 45), (shape[0] - 1, shape[1] - 1)], strict=True):
        assert (np.abs(place - (column, row)) <= SIZE // 2).all()
    apart = np.abs(found[:, None] - found[None]).max(axis=2)
    assert (apart[~np.eye(WINDOWS, dtype=bool)] >= SIZE).all()


def test_a_nucleus_smaller_than_a_window_has_one_in_its_middle_and_one_without_evidence_none():
    evidence = np.zeros((9, 11))
    evidence[4, 5] = 1.0
    assert np.array(strongest(evidence)).tolist() == [[5, 4]]
    assert strongest(np.zeros((50, 50))) == []
