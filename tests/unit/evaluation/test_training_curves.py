"""How trainings went, as a picture."""

import pandas as pd
import pytest
from figure_texts import texts

from ainu.evaluation.training_curves import training_curves


@pytest.mark.parametrize("n_models", [1, 3, 15])
def test_training_curves_hold_every_model_and_label_their_axes(n_models):
    frame = pd.DataFrame({"step": range(4), "view": "image", "train_loss": 0.5, "validation_loss": 0.6})
    frame = frame.assign(learning_rate=0.001, validation_balanced_accuracy=0.7)
    figure = training_curves({f"repeat0-fold{k}": frame for k in range(n_models)})
    assert [len(axis.lines) for axis in figure.axes] == [2 * n_models, n_models, n_models]
    for text in ("step", "loss", "balanced accuracy", "learning rate", "validation"):
        assert text in texts(figure)


def test_each_view_of_a_model_has_panels_of_its_own():
    frame = pd.DataFrame({"step": [*range(4)] * 2, "view": ["detail"] * 4 + ["context"] * 4, "train_loss": 0.5})
    figure = training_curves({"repeat0-fold0": frame.assign(learning_rate=0.001)})
    assert [len(line.get_xdata()) for axis in figure.axes for line in axis.lines] == [4] * 4
    assert [axis.get_title("left") for axis in figure.axes] == ["context", "", "detail", ""]


def test_what_was_not_measured_gets_no_panel():
    frame = pd.DataFrame({"step": range(4), "view": "image", "train_loss": 0.5, "learning_rate": 0.001})
    frame = frame.assign(validation_loss=float("nan"), validation_balanced_accuracy=float("nan"))
    figure = training_curves({"repeat0-fold0": frame})
    assert [axis.get_ylabel() for axis in figure.axes] == ["loss", "learning rate"]
    assert "validation" not in texts(figure)
