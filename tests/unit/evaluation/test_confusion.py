"""The confusion matrix: counts, shares and names."""

import numpy as np
import pytest
from figure_texts import CLASSES, texts

from ainu.evaluation.confusion import confusion


def test_confusion_shows_counts_shares_and_axes():
    shown = texts(confusion(np.array([[27, 3], [6, 24]]), CLASSES))
    for text in ("27", "90 %", "20 %", "true class", "predicted class", "(n = 30)", *CLASSES):
        assert text in shown


def test_a_class_without_nuclei_leaves_the_confusion_matrix_drawable():
    assert "0 %" in texts(confusion(np.array([[3, 0], [0, 0]]), CLASSES))


@pytest.mark.parametrize("name", ["<script>", "$x_1$", "a & b", "_hidden", "שלום"])
def test_names_are_drawn_as_they_are(name):
    shown = texts(confusion(np.eye(2, dtype=int), (name, "other")))
    assert name in shown


def test_an_overlong_name_is_cut_so_that_the_picture_keeps_its_room():
    shown = texts(confusion(np.eye(2, dtype=int), ("n" * 200, "other")))
    assert "n" * 27 + "…" in shown
    assert "n" * 28 not in shown
