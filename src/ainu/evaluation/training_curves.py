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
    """Loss, validation score and learning rate over the steps: a row of panels per view, a line per model.

    Parameters
    ----------
    history : mapping of model name to DataFrame
        Columns `step`, `view`, `train_loss`, `validation_loss`, `validation_balanced_accuracy`, `learning_rate`; what
        was not measured in any training, as without validation replicates, gets no panel.

    Returns
    -------
    Figure
    """
    table = pd.concat([frame.assign(model=name) for name, frame in history.items()])
    known = [column for column in _CURVES if column in table and table[column].notna().any()]
    titles, views = list(dict.fromkeys(_CURVES[column][0] for column in known)), sorted(table["view"].unique())
    figure = Figure(figsize=(3.2 * len(titles), 2.6 * len(views) + 0.6), layout="constrained")
    axes = figure.subplots(len(views), len(titles), squeeze=False)
    for row, view in zip(axes, views, strict=True):
        for title, axis in zip(titles, row, strict=True):
            axis.set(xlabel="step", ylabel=title)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            if title == "balanced accuracy":
                axis.set_ylim(-0.02, 1.02)
        if len(views) > 1:
            row[0].set_title(view)
        for index, name in enumerate(history):
            own = table[(table["model"] == name) & (table["view"] == view)]
            for column in known:
                title, dashes = _CURVES[column]
                colour = _model_colour(index, len(history))
                row[titles.index(title)].plot(own["step"], own[column], dashes, color=colour, linewidth=1.2)
    _training_legend(figure, list(history), validated="validation_loss" in known)
    return figure


def _model_colour(index: int, n_models: int) -> str:
    return class_colour(index) if n_models <= len(CLASS_COLOURS) else "#0072B266"


def _training_legend(figure: Figure, names: list[str], *, validated: bool) -> None:
    handles, labels = [Line2D([], [], color="0.3", linestyle="--")], ["training"]
    if validated:
        handles, labels = [*handles, Line2D([], [], color="0.3")], [*labels, "validation"]
    if len(names) <= len(CLASS_COLOURS):
        handles += [Line2D([], [], color=_model_colour(index, len(names))) for index in range(len(names))]
        labels += names
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)))
