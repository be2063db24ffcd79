"""How trainings went, as a picture."""

import pandas as pd
import pytest
from figure_texts import texts

from ainu.evaluation.training_curves import training_curves


@pytest.mark.parametrize("n_models", [1, 3, 15])
def test_training_curves_hold_every_model_and_label_their_axes(n_models):
    frame = pd.DataFrame({"step": range(4), "train_loss": 0.5, "validation_loss": 0.6, "learning_rate": 0.001})
    frame["validation_balanced_accuracy"] = 0.7
    figure = training_curves({f"repeat0-fold{k}": frame for k in range(n_models)})
    assert [len(axis.lines) for axis in figure.axes] == [2 * n_models, n_models, n_models]
    for text in ("step", "loss", "balanced accuracy", "learning rate"):
        assert text in texts(figure)


def test_each_view_of_a_model_has_a_line_of_its_own():
    frame = pd.DataFrame({"step": [*range(4)] * 2, "view": ["detail"] * 4 + ["context"] * 4, "train_loss": 0.5})
    loss, *others = training_curves({"repeat0-fold0": frame}).axes
    assert [len(line.get_xdata()) for line in loss.lines] == [4, 4]
    assert [len(axis.lines) for axis in others] == [0, 0]
