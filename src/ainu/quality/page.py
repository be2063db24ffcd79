"""Quality of one sample on one page: distributions of what was measured, with the limits that were applied.

Places of panels are given in inches, not computed by a layout engine, and histograms are single outlines, so that a
page takes a third of a second.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ainu.drift.correction import Drift
from ainu.figures.colours import CLASS_COLOURS, COUNTS, class_colour, count_limit
from ainu.figures.names import short
from ainu.figures.scale_bar import length_text, scale_bar
from ainu.figures.style import absent, styled
from ainu.localizations.fourier_ring import THRESHOLD
from ainu.nuclei.table import mask_outlines
from ainu.quality.filters import Quality, limited_values
from ainu.quality.frc import Resolution
from ainu.quality.nena import Precision
from ainu.quality.warnings import Sample

WIDTH = 12.0
HEADER = 1.3
LINE = 0.15
OVERVIEW = 4.2
ROW = 1.85
COLUMNS = 4
OVERVIEW_PIXELS = 200
GREY, BLUE, ORANGE, GREEN = "#999999", "#0072B2", "#D55E00", "#009E73"
TOLD = {"Drift": "drift_warning", "File": "file_notes"}
"""Lines of the header below the flags, and the columns of `qc/summary.tsv` that they show."""
PALE_GREY, PALE_BLUE = "#DDDDDD", "#A6D1EC"

Outlines = Sequence[NDArray[np.floating]]


@styled
def qc_page(sample: Sample, summary: Mapping[str, Any]) -> Figure:
    """Quality of one sample on one page.

    Parameters
    ----------
    sample : Sample
        Results of the stages. A missing column is named in place of its panel.
    summary : mapping
        Its row of `qc/summary.tsv`: `sample` is the title, with `flags`, `drift_warning` and `file_notes` below it.

    Returns
    -------
    Figure
    """
    further = list(_further(sample))
    page = _Page(2 + -(-len(further) // COLUMNS))
    _draw_header(page, summary)
    _draw_overviews(page, sample)
    table, quality = sample.table, sample.quality
    _draw_drift(page.panel(0, 0), sample.drifts)
    _draw_rate(page.panel(0, 1), sample)
    _draw_reasons(page.panel(0, 2), quality)
    _draw_precision(page.panel(0, 3), sample.precision)
    named = {"photons": table.photons, "precision": table.precision, "sigma": table.sigma}
    labels = ("photons", "precision (nm)", "PSF sigma (nm)")
    for column, (label, (name, values)) in enumerate(zip(labels, named.items(), strict=True)):
        _draw_histogram(page.panel(1, column), values, label, quality, name)
    _draw_resolution(page.panel(1, 3), sample.resolution)
    for number, (name, values) in enumerate(further):
        _draw_histogram(page.panel(2 + number // COLUMNS, number % COLUMNS), values, short(name), quality, name)
    return page.figure


def _further(sample: Sample) -> Iterator[tuple[str, NDArray[Any] | None]]:
    """Other columns that have limits."""
    table = sample.table
    for name in sample.quality.thresholds:
        if name not in ("frames", "photons", "precision", "sigma"):
            yield name, limited_values(table, name)


class _Page:
    """A figure whose panels have given places, in inches."""

    def __init__(self, rows: int) -> None:
        self.height = HEADER + OVERVIEW + rows * ROW
        self.figure = Figure(figsize=(WIDTH, self.height))

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes whose frame has this place, counted from the upper left corner."""
        bottom = self.height - top - height
        place = (left / WIDTH, bottom / self.height, width / WIDTH, height / self.height)
        return self.figure.add_axes(place)

    def panel(self, row: int, column: int) -> Axes:
        """Axes of a small panel below the overviews."""
        wide = WIDTH / COLUMNS
        return self.axes(column * wide + 0.72, HEADER + OVERVIEW + row * ROW + 0.22, wide - 0.92, ROW - 0.72)

    def text(self, left: float, top: float, text: str, **style: Any) -> None:
        """Text whose upper left corner has this place."""
        self.figure.text(left / WIDTH, 1 - top / self.height, text, va="top", ha="left", **style)


# Header and overviews ------------------------------------------------------------------------------------------------


def _draw_header(page: _Page, summary: Mapping[str, Any]) -> None:
    page.text(0.15, 0.1, short(str(summary.get("sample", ""))), fontsize=13, weight="bold")
    found = str(summary.get("flags", ""))
    place = 0.37
    told = [f"Flags: {found}." if found else "No flags."]
    told += [f"{title}: {summary[key]}." for title, key in TOLD.items() if summary.get(key)]
    for number, text in enumerate(map(_two_lines, told)):
        page.text(0.15, place, text, **_warning_style(bool(found) or number > 0))
        place += LINE * (1 + text.count("\n"))
    page.text(3.3, 0.13, "   ".join(_numbers(summary)), fontsize=9, color="0.25")


def _two_lines(text: str) -> str:
    lines = textwrap.wrap(text, 175)
    return "\n".join(lines[:2]) + (" …" if len(lines) > 2 else "")


def _warning_style(warns: bool) -> dict[str, Any]:
    return {"fontsize": 9, "color": ORANGE if warns else GREEN}


def _numbers(summary: Mapping[str, Any]) -> Iterator[str]:
    if summary.get("nuclei") is not None:
        yield f"nuclei: {summary['nuclei']}"
    if summary.get("drift_nm") is not None:
        yield f"drift: {summary['drift_nm']:.0f} nm"
    if summary.get("drift_residual_nm") is not None:
        yield f"residual drift: {summary['drift_residual_nm']:.1f} nm"
    if summary.get("drift_verdict"):
        yield f"drift verdict: {short(str(summary['drift_verdict']))}"
    if summary.get("drift_verdict_z"):
        yield f"in z: {short(str(summary['drift_verdict_z']))}"
    if summary.get("not_applied"):
        yield f"limits not applied (no such column): {summary['not_applied']}"


def _draw_overviews(page: _Page, sample: Sample) -> None:
    kept, found = sample.kept, mask_outlines(sample.nuclei.mask, sample.nuclei.grid)
    wide = WIDTH / len(kept.channels)
    edge = min(wide - 0.3, OVERVIEW - 0.42)
    low, size = _field(kept.x, kept.y)
    pixel_nm = max(20.0, float(np.ceil(size.max() / OVERVIEW_PIXELS / 10) * 10))
    for index, name in enumerate(kept.channels):
        axis = page.axes(index * wide + (wide - edge) / 2, HEADER + 0.35, edge, edge)
        own = kept.channel == index
        count = _density(kept.x[own], kept.y[own], low, size, pixel_nm)
        _draw_density(axis, count, pixel_nm)
        scale = f"colours: 0 to {count_limit(count):.0f} per pixel of {length_text(pixel_nm)}"
        between = " " if len(kept.channels) < 3 else "\n"
        axis.set_title(f"{short(name)}: {own.sum()} localizations{between}({scale})", fontsize=9)
        _draw_outlines(axis, found, low, pixel_nm)


def _field(x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corner and size of what an overview shows, nm."""
    if not len(x):
        return np.zeros(2), np.full(2, 1000.0)
    low = np.array([np.min(x), np.min(y)], float)
    size = np.maximum(np.array([np.max(x), np.max(y)]) - low, 1000.0)
    margin = 0.06 * size.max()
    return low - margin, size + 2 * margin


def _density(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    low: NDArray[np.float64],
    size: NDArray[np.float64],
    pixel_nm: float,
) -> NDArray[np.int64]:
    """(Y, X) localizations per pixel."""
    columns, rows = (int(n) for n in np.ceil(size / pixel_nm))
    column, row = ((x - low[0]) / pixel_nm).astype(np.intp), ((y - low[1]) / pixel_nm).astype(np.intp)
    return np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns)


def _draw_density(axis: Axes, count: NDArray[np.int64], pixel_nm: float) -> None:
    share = np.sqrt(np.minimum(count / count_limit(count), 1))
    colours = (255 * matplotlib.colormaps[COUNTS](np.linspace(0, 1, 256))).astype(np.uint8)
    axis.imshow(colours[(255 * share).astype(np.uint8)])
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    scale_bar(axis, pixel_nm)


def _draw_outlines(axis: Axes, found: Outlines, low: NDArray[np.float64], pixel_nm: float) -> None:
    """All of them as one line, interrupted in between."""
    gap = np.full((1, 2), np.nan)
    parts = [part for outline in found for part in (outline, outline[:1], gap)]
    if parts:
        line = (np.concatenate(parts) - low) / pixel_nm - 0.5
        axis.plot(*line.T, color="#56B4E9", linewidth=1.2, scalex=False, scaley=False)


# Panels --------------------------------------------------------------------------------------------------------------


def _draw_drift(axis: Axes, drifts: Sequence[Drift]) -> None:
    if not any(len(drift.shift) for drift in drifts):
        return absent(axis, "no drift estimated")
    for number, drift in enumerate(drifts):
        # The panel cannot resolve more than 400 points.
        step = max(len(drift.shift) // 400, 1)
        for values, colour in zip(drift.shift[::step].T, CLASS_COLOURS, strict=False):
            frames = drift.frame[::step]
            axis.plot(frames, values, color=colour, linewidth=1.2, linestyle=("-", "--", ":", "-.")[number % 4])
    dimensions = "xyz"[: max(drift.shift.shape[1] for drift in drifts)]
    _name_colours(axis, dict(zip(dimensions, CLASS_COLOURS, strict=False)))
    _label(axis, "frame", "drift (nm)")


def _draw_rate(axis: Axes, sample: Sample) -> None:
    table, keep = sample.table, sample.quality.keep
    if table.frame is None or not len(table):
        return absent(axis, "no frames in the file")
    edges = np.linspace(0, table.n_frames, min(150, table.n_frames) + 1)
    for frames, colour in ((table.frame, GREY), (table.frame[keep], BLUE)):
        axis.stairs(np.histogram(frames, edges)[0] / np.diff(edges), edges, color=colour)
    _draw_limits(axis, sample.quality.thresholds.get("frames", ()))
    _name_colours(axis, {"all": GREY, "kept": BLUE})
    axis.set_ylim(0, 1.3 * axis.get_ylim()[1])
    _label(axis, "frame", "per frame")


def _draw_reasons(axis: Axes, quality: Quality) -> None:
    """A bar for the kept localizations and one per reason for which any were dropped."""
    bars = {name: count for name, count in quality.counts.items() if count or name == "kept"}
    colours = [PALE_BLUE if name == "kept" else PALE_GREY for name in bars]
    places = np.arange(len(bars))
    axis.barh(places, list(bars.values()), color=colours)
    for place, (name, count) in enumerate(bars.items()):
        axis.text(0, place, f" {short(name)}: {count}", va="center", fontsize=8)
    axis.set(yticks=[], ylim=(len(bars) - 0.4, -0.6))
    _label(axis, "localizations kept and dropped", "")


def _draw_precision(axis: Axes, measured: Mapping[str, Precision]) -> None:
    shown = {name: found for name, found in measured.items() if found.pairs}
    if not shown:
        return absent(axis, "no emitter localized in\ntwo successive frames")
    for index, (name, found) in enumerate(measured.items()):
        if name in shown:
            density = found.counts / max(found.counts.sum(), 1) / np.diff(found.edges)
            axis.stairs(density, found.edges, color=class_colour(index), linewidth=0.8, alpha=0.6)
            if len(found.fitted):
                middle, scale = (found.edges[:-1] + found.edges[1:]) / 2, density.sum() / found.counts.sum()
                axis.plot(middle, found.fitted * scale, color=class_colour(index), linewidth=1.4)
    numbers = {name: found.sigma_nm for name, found in measured.items()}
    _name_colours(axis, _numbered(numbers))
    axis.set(yticks=[])
    _label(axis, "distance to next frame (nm)", "")
    axis.set_title("precision (NeNA)", fontsize=9)


def _draw_resolution(axis: Axes, measured: Mapping[str, Resolution]) -> None:
    if not any(len(found.frequency) for found in measured.values()):
        return absent(axis, "too few localizations or no\nframes for FRC")
    for index, found in enumerate(measured.values()):
        axis.plot(1000 * found.frequency, found.correlation, color=class_colour(index), linewidth=1.2)
    axis.axhline(THRESHOLD, color=ORANGE, linestyle="--", linewidth=1.0)
    _name_colours(axis, _numbered({name: found.frc_nm for name, found in measured.items()}))
    axis.set(ylim=(-0.1, 1.02), yticks=[0, 0.5, 1])
    _label(axis, "spatial frequency (1/µm)", "")
    axis.set_title("resolution (FRC)", fontsize=9)


def _numbered(numbers: Mapping[str, float | None]) -> dict[str, str]:
    """Legend: name and number of each channel, and its colour."""
    texts = [f"{short(name)} {f'{nm:.1f} nm' if nm else 'not measurable'}" for name, nm in numbers.items()]
    return {text: class_colour(index) for index, text in enumerate(texts)}


def _draw_histogram(axis: Axes, values: NDArray[Any] | None, label: str, quality: Quality, name: str) -> None:
    """Distribution of all and of the kept localizations, with the limits that were applied."""
    finite = np.zeros(0, bool) if values is None else np.isfinite(values)
    if values is None or not finite.any():
        return absent(axis, f"no {label.split(' (')[0]} in the file")
    low, high = np.percentile(values[finite], [0.2, 99.5])
    spread = low > 0 and high > 8 * low
    edges = np.geomspace(low, high, 61) if spread else np.linspace(low, max(high, low + 1e-6 * abs(low) + 1e-9), 61)
    for chosen, colour in ((finite, GREY), (finite & quality.keep, BLUE)):
        axis.stairs(np.histogram(values[chosen], edges)[0], edges, color=colour)
    if spread:
        axis.set_xscale("log")
        _plain_ticks(axis, low, high)
    _draw_limits(axis, quality.thresholds.get(name, ()))
    axis.set(yticks=[])
    _label(axis, label, "")


def _plain_ticks(axis: Axes, low: float, high: float) -> None:
    """Ticks of a logarithmic axis at 1, 2 and 5 times powers of ten, or at powers alone where those would be many."""
    steps = [1, 2, 5] if high < 100 * low else [1]
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.unique(np.outer(decades, steps))
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)


def _draw_limits(axis: Axes, limits: Sequence[float | None]) -> None:
    for limit in limits:
        if limit is not None:
            axis.axvline(limit, color=ORANGE, linestyle="--", linewidth=1.2)


def _name_colours(axis: Axes, names: Mapping[str, str]) -> None:
    """A legend of coloured words, one below the other in the upper right corner."""
    for line, (name, colour) in enumerate(names.items()):
        axis.text(
            0.99, 0.98 - 0.13 * line, name, color=colour, fontsize=8, ha="right", va="top", transform=axis.transAxes
        )


def _label(axis: Axes, x: str, y: str) -> None:
    axis.tick_params(labelsize=8)
    axis.set_xlabel(x, fontsize=8)
    axis.set_ylabel(y, fontsize=8)
