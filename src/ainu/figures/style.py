"""The style that all figures share.

Nothing here touches pyplot, so a figure belongs to its caller alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLE: Any = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],
    "font.size": 9,
    "image.interpolation": "nearest",
    "legend.frameon": False,
    # Labels are the user's: a dollar sign in one is no formula.
    "text.parse_math": False,
    "svg.fonttype": "none",
    # Text in a PDF stays text to whoever edits it.
    "pdf.fonttype": 42,
    "svg.hashsalt": "ainu",
}
P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorate a function that draws a figure, so that it draws in the style that all share."""

    @functools.wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return in_style


def absent(axis: Axes, sentence: str) -> None:
    """Write a sentence in place of a panel."""
    axis.set_axis_off()
    axis.text(0.5, 0.5, sentence, ha="center", va="center", color="0.35", transform=axis.transAxes)


@styled
def sentence(text: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = Figure(figsize=(4.0, 1.0))
    absent(figure.add_axes((0, 0, 1, 1)), text)
    return figure
