"""How trainings went: loss, validation score and learning rate over the steps."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ainu.figures.colours import CLASS_COLOURS, class_colour
from ainu.figures.style import styled

_CURVES = {
    "train_loss": ("loss", "--"),
    "validation_loss": ("loss", "-"),
    "validation_balanced_accuracy": ("balanced accuracy", "-"),
    "learning_rate": ("learning rate", "-"),
}


@styled
def training_curves(history: Mapping[str, pd.DataFrame]) -> Figure:
    """Loss, validation score and learning rate over the steps, a line per model and view.

    Parameters
    ----------
    history : mapping of model name to DataFrame
        Columns `step`, `train_loss`, `validation_loss`, `validation_balanced_accuracy`, `learning_rate`; a
        training without validation replicates lacks the columns of the validation.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9.6, 3.2), layout="constrained")
    panels = dict(zip(("loss", "balanced accuracy", "learning rate"), figure.subplots(1, 3), strict=True))
    for title, axis in panels.items():
        axis.set(xlabel="step", ylabel=title)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    for index, frame in enumerate(history.values()):
        colour = _model_colour(index, len(history))
        for _, view in frame.groupby("view") if "view" in frame else [("", frame)]:
            for column, (panel, dashes) in _CURVES.items():
                if column in view:
                    panels[panel].plot(view["step"], view[column], dashes, color=colour, linewidth=1.2)
    panels["balanced accuracy"].set_ylim(-0.02, 1.02)
    _training_legend(figure, list(history))
    return figure


def _model_colour(index: int, n_models: int) -> str:
    return class_colour(index) if n_models <= len(CLASS_COLOURS) else "#0072B266"


def _training_legend(figure: Figure, names: list[str]) -> None:
    handles = [Line2D([], [], color="0.3", linestyle="--"), Line2D([], [], color="0.3")]
    labels = ["training", "validation"]
    if len(names) <= len(CLASS_COLOURS):
        handles += [Line2D([], [], color=_model_colour(index, len(names))) for index in range(len(names))]
        labels += names
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)))
