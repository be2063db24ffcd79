"""Figures of attribution: checks of the methods, where the evidence lies, and nuclei with their maps and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ainu.figures.colours import COUNTS, SIGNED, class_colour, count_limit, signed_limit
from ainu.figures.maps import flat
from ainu.figures.names import method_name, short
from ainu.figures.scale_bar import scale_bar
from ainu.figures.style import absent, styled
from ainu.images.dataset import Dataset

MOST_DRAWN = 8
"""Methods with a curve of their own colour."""


def _titled(method: str, verdict: str | None) -> str:
    """The name of a method with its verdict."""
    return method_name(method) if verdict is None else f"{method_name(method)}: {verdict}"


@styled
def removal_curves(sanity: Mapping[str, Any], verdicts: Mapping[str, str | None]) -> Figure:
    """Deletion and insertion by each method, against a random and the brightest-first order.

    Parameters
    ----------
    sanity : mapping
        Of `sanity.examine`.
    verdicts : mapping of method to "passes" or "fails"
        Failing methods are dashed.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9.2, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    shares = 100 * np.asarray(sanity["shares"])
    for axis, kind in zip(axes, ("deletion", "insertion"), strict=True):
        words = "removed" if kind == "deletion" else "inserted into an empty nucleus"
        axis.set(xlabel=f"localizations {words} (%)", ylim=(-0.03, 1.03), title=kind)
        for name, dashes in (("random", ":"), ("brightest", "-.")):
            curve = sanity["orders"].get(f"{kind}_{name}_curve")
            if curve:
                label = "random order" if name == "random" else "brightest first"
                axis.plot(shares, curve, dashes, color="0.45", linewidth=1.4, label=label)
        for index, (method, row) in enumerate(list(sanity["methods"].items())[:MOST_DRAWN]):
            dashes = "--" if verdicts.get(method) == "fails" else "-"
            label = _titled(method, verdicts.get(method))
            axis.plot(shares, row[f"{kind}_curve"], dashes, color=class_colour(index), linewidth=1.6, label=label)
    axes[0].set_ylabel("confidence in the true class")
    if not sanity["methods"]:
        absent(axes[1], "no nuclei were checked")
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside right center")
    return figure


@styled
def compartment_bars(
    rows: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    channels: Sequence[str],
    method: str | None,
    verdict: str | None,
) -> Figure:
    """Evidence per area in each compartment over the rest of the nucleus, with 95 % intervals over replicates.

    Parameters
    ----------
    rows : sequence of mapping
        `compartment`, `channel`, `label`, `value`, `ci`, `p`, of one method.
    classes, channels : sequence of str
        In the order in which they are drawn.
    method, verdict : str, optional
        For the title.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(1.2 + 3.2 * len(channels), 3.4), layout="constrained")
    axes = figure.subplots(1, len(channels), squeeze=False, sharey=True)[0]
    for axis, channel in zip(axes, channels, strict=True):
        own = [row for row in rows if row["channel"] == channel]
        _bars(axis, own, classes)
        axis.set_title(short(channel))
    axes[0].set_ylabel("evidence per area,\nratio to the rest of the nucleus")
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside right center")
    if method:
        figure.suptitle(_titled(method, verdict), ha="left", x=0.01, fontsize=10)
    return figure


def _bars(axis: Axes, rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> None:
    names = list(dict.fromkeys(row["compartment"] for row in rows))
    width = 0.8 / max(len(classes), 1)
    for index, label in enumerate(classes):
        own = {row["compartment"]: row for row in rows if row["label"] == label and row["value"] is not None}
        places = [names.index(name) + (index - (len(classes) - 1) / 2) * width for name in own]
        values = np.array([row["value"] for row in own.values()])
        low, high = np.array([row["ci"] or [row["value"]] * 2 for row in own.values()]).reshape(-1, 2).T
        reach = np.clip([values - low, high - values], 0, None)
        axis.bar(places, values, width, color=class_colour(index), label=short(label))
        axis.errorbar(places, values, reach, fmt="none", ecolor="black", elinewidth=1, capsize=2)
    axis.axhline(1, color="0.45", linestyle="--", linewidth=1)
    axis.set_xticks(range(len(names)), names)


@styled
def radial_profiles(
    profiles: NDArray[np.floating], labels: NDArray[Any], classes: Sequence[str], channels: Sequence[str]
) -> Figure:
    """Mean attribution from the outline to the innermost place of nuclei, with the standard error over nuclei.

    Parameters
    ----------
    profiles : (N, C, bins) float
        As `compartments.radial_profile` gives them.
    labels : (N,) str
        Class of each nucleus.
    classes, channels : sequence of str
        In the order in which they are drawn.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(1.2 + 3.2 * len(channels), 3.2), layout="constrained")
    axes = figure.subplots(1, len(channels), squeeze=False)[0]
    depth = (np.arange(profiles.shape[2]) + 0.5) / profiles.shape[2]
    for c, (axis, channel) in enumerate(zip(axes, channels, strict=True)):
        for index, label in enumerate(classes):
            own = profiles[labels == label, c]
            if len(own):
                mean, error = own.mean(axis=0), own.std(axis=0) / np.sqrt(len(own))
                axis.plot(depth, mean, color=class_colour(index), linewidth=1.6, label=short(label))
                axis.fill_between(depth, mean - error, mean + error, color=class_colour(index), alpha=0.2, linewidth=0)
        axis.axhline(0, color="0.45", linestyle="--", linewidth=1)
        axis.set(title=short(channel), xlabel="depth (0: outline, 1: innermost)", xlim=(0, 1))
    axes[0].set_ylabel("mean attribution per voxel")
    axes[0].legend()
    return figure


@styled
def examples(
    dataset: Dataset,
    rows: Sequence[int],
    maps: Mapping[str, NDArray[np.floating]],
    verdicts: Mapping[str, str | None],
    masks: Sequence[Mapping[str, NDArray[np.bool_]]],
) -> Figure:
    """Nuclei with their counts and their maps, nucleoli outlined; a failing method is drawn with its verdict.

    Parameters
    ----------
    dataset : Dataset
        Gives the images.
    rows : sequence of n int
        Nuclei of the dataset.
    maps : mapping of method to (n, C, ...) float
        Of these nuclei.
    verdicts : mapping of method to "passes" or "fails"
        For the titles.
    masks : sequence of n mapping
        (Y, X) masks of the compartments of each.

    Returns
    -------
    Figure
    """
    lines = [(k, c) for k in range(len(rows)) for c in range(len(dataset.channels))]
    figure = Figure(figsize=(2.1 * (1 + len(maps)) + 0.4, 2.1 * len(lines) + 0.4), layout="constrained")
    axes = figure.subplots(len(lines), 1 + len(maps), squeeze=False)
    for line, (k, c) in enumerate(lines):
        counts = flat(dataset.image[rows[k]])[c]
        axes[line, 0].imshow(counts, cmap=COUNTS, vmin=0, vmax=count_limit(counts))
        scale_bar(axes[line, 0], dataset.voxel_size_nm)
        axes[line, 0].set_ylabel(f"{short(str(dataset.label[rows[k]]))}, {short(dataset.channels[c])}")
        for column, values in enumerate(maps.values(), start=1):
            limit = signed_limit(flat(values[k]))
            axes[line, column].imshow(flat(values[k])[c], cmap=SIGNED, vmin=-limit, vmax=limit)
            scale_bar(axes[line, column], dataset.voxel_size_nm, colour="black")
        for axis in axes[line]:
            axis.set(xticks=[], yticks=[])
            if masks[k]["nucleoli"].any():
                axis.contour(masks[k]["nucleoli"], [0.5], colors="0.5", linewidths=0.8)
    axes[0, 0].set_title("localizations")
    for column, method in enumerate(maps, start=1):
        axes[0, column].set_title(_titled(method, verdicts.get(method)))
    return figure
