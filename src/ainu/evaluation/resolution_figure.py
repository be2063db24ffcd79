"""The picture of a resolution audit: score against blur."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ainu.evaluation.resolution import CHANCE, Curve, ResolutionAudit
from ainu.figures.colours import CLASS_COLOURS, MARKERS
from ainu.figures.style import absent, styled


@styled
def picture(found: ResolutionAudit | None) -> Figure:
    """Score against jitter, with the light microscope apart at the right, one line per curve.

    Parameters
    ----------
    found : ResolutionAudit, optional
        None: there is nothing to draw.

    Returns
    -------
    Figure
    """
    if found is None:
        figure = Figure(figsize=(4.8, 3.4), layout="constrained")
        absent(figure.add_subplot(), "not measured: audit.resolution is an empty list")
        return figure
    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    axis = figure.add_subplot()
    for index, curve in enumerate(found.curves.values()):
        _draw(axis, index, curve)
    axis.axhline(CHANCE, color="0.45", linestyle="--", linewidth=1, label="chance")
    if found.finding.scale_nm is not None:
        where = float(np.interp(found.finding.scale_nm, *_places(found.features)))
        axis.axvline(where, color=CLASS_COLOURS[0], linestyle=":", linewidth=1, label="halfway to chance")
    names = [point.level for point in found.features.jittered]
    axis.set_xticks(range(len(names) + 1), [*names, "light\nmicroscope"])
    axis.set(xlabel="jitter of localizations (sd, nm)", ylabel="AUROC, out of fold", ylim=(0, 1.02))
    axis.set_title("Score against blur")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _places(curve: Curve) -> tuple[list[float], list[int]]:
    """Jitters, and where they stand on the axis: at equal distances, since most levels lie below 50 nm."""
    return [point.jitter_nm or 0.0 for point in curve.jittered], list(range(len(curve.jittered)))


def _draw(axis: Axes, index: int, curve: Curve) -> None:
    """A line over the levels of jitter and a point for the light microscope, with 95 % band and bar."""
    colour, marker = CLASS_COLOURS[index], MARKERS[index]
    values = [point.auroc["value"] for point in curve.points]
    last = len(values) - 1
    style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 5.0}
    axis.plot(range(last), values[:-1], linestyle=("-", "--", "-.")[index], linewidth=1.6, label=curve.name, **style)
    axis.plot([last], values[-1:], linestyle="none", **style)
    ends = [point.auroc["ci"] for point in curve.points]
    if all(ends):
        low, high = np.array(ends).T
        axis.fill_between(range(last), low[:-1], high[:-1], color=colour, alpha=0.15, linewidth=0)
        axis.vlines([last], low[-1:], high[-1:], color=colour, alpha=0.5, linewidth=2)
