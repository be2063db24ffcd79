"""Pictures of data and results: arrays in, a matplotlib `Figure` out, and one way to write it to a file.

Nothing here touches pyplot, so a figure belongs to its caller alone. The same arrays give the same bytes of SVG.
Sequential data are drawn in cividis or magma, classes in the colours of Okabe and Ito (2008, "Color universal
design"), signed attribution from orange (against) to purple (for): any colour vision tells these apart.
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from ainu.errors import AinuError
from ainu.files import whole

CLASS_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Okabe and Ito's colours, those that stand out on white first; more classes start again."""

MARKERS = "os^Dv<>P*X"
"""Shapes of points where colours run out."""

METHOD_NAMES = {
    "deep_lift": "DeepLift",
    "grad_cam": "Grad-CAM",
    "gradient_shap": "gradient SHAP",
    "guided_grad_cam": "guided Grad-CAM",
    "input_x_gradient": "input × gradient",
}

COUNTS = "magma"
SHARES = "cividis"
SIGNED = "PuOr"

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

_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "ModDate": None},
}
_LONGEST_NAME = 28
_SPRITE_LEVELS = 64
_SPRITE_GAP = 0

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorates a function that draws a figure: in the style of all of them."""

    @functools.wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return in_style


def encode(figure: Figure, kind: str, *, dpi: int = 150) -> bytes:
    """The bytes of a figure as an image file.

    Parameters
    ----------
    figure : Figure
        What to draw.
    kind : {"svg", "png", "pdf"}
        Format. The bytes hold no date: the same figure gives the same file.
    dpi : int
        Pixels per inch of `png`, and of images inside the others.

    Raises
    ------
    AinuError
        For any other format.
    """
    if kind not in _METADATA:
        raise AinuError(f"a figure cannot be written as {kind!r}; allowed: {', '.join(_METADATA)}")
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # SVG leaves the text to its reader, who has other fonts.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_METADATA[kind])
    return buffer.getvalue()


def save(figure: Figure, path: str | Path, *, dpi: int = 150) -> None:
    """Write a figure in the format that the name ends in (.svg, .png or .pdf); the file appears when it is whole.

    An SVG, for the screen, gets a PDF beside it, for papers.
    """
    path = Path(path)
    for name in (path, path.with_suffix(".pdf")) if path.suffix.lower() == ".svg" else (path,):
        content = encode(figure, name.suffix.removeprefix(".").lower(), dpi=dpi)
        with whole(name) as part:
            part.write_bytes(content)


def method_name(method: str) -> str:
    """The name of an attribution method as papers write it."""
    base = method.rpartition("-")[2]
    name = METHOD_NAMES.get(base, base.replace("_", " "))
    return name if base == method else f"SmoothGrad of {name}"


def short(name: str) -> str:
    """A name that leaves room for the picture beside it."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def class_colour(index: int) -> str:
    """The colour of a class by its place in the experiment's `classes`."""
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


# Scale bars ----------------------------------------------------------------------------------------------------------


def scale_bar_nm(width_nm: float) -> float:
    """Length of the scale bar of a picture: the largest 1, 2 or 5 times a power of ten in a quarter of its width."""
    if not width_nm > 0:
        raise AinuError(f"a picture {width_nm} nm wide has no scale bar")
    decade = 10.0 ** np.floor(np.log10(width_nm / 4))
    steps = decade * np.array([1.0, 2.0, 5.0])
    return float(steps[steps <= width_nm / 4 * (1 + 1e-9)].max())


def length_text(length_nm: float) -> str:
    """A length as one reads it: "200 nm", "5 µm"."""
    return f"{length_nm / 1000:g} µm" if length_nm >= 1000 else f"{length_nm:g} nm"


def scale_bar(axis: Axes, voxel_nm: float, colour: str = "white") -> Line2D:
    """Draw a labelled scale bar into the lower left corner of an image.

    Parameters
    ----------
    axis : Axes
        Shows an image in pixel coordinates; its limits are final.
    voxel_nm : float
        Edge of one pixel, nm.
    colour : str
        Of bar and label; both get a dark or light rim so that they stand out anywhere.

    Returns
    -------
    Line2D
        The bar, as long in pixels as its label says.
    """
    left, right = axis.get_xlim()
    bottom, top = axis.get_ylim()
    length_nm = scale_bar_nm((right - left) * voxel_nm)
    rim = "black" if colour == "white" else "white"
    start, height = left + 0.05 * (right - left), bottom + 0.06 * (top - bottom)
    ends = [start, start + length_nm / voxel_nm]
    (bar,) = axis.plot(ends, [height] * 2, color=colour, linewidth=2.5, solid_capstyle="butt")
    bar.set_path_effects([withStroke(linewidth=4, foreground=rim)])
    axis.set(xlim=(left, right), ylim=(bottom, top))
    label = axis.text(start, bottom + 0.09 * (top - bottom), length_text(length_nm), color=colour, fontsize=8)
    label.set_path_effects([withStroke(linewidth=2.5, foreground=rim)])
    return bar


# Evaluation ----------------------------------------------------------------------------------------------------------


@styled
def confusion(matrix: NDArray[np.integer], classes: Sequence[str]) -> Figure:
    """Confusion matrix: counts, and coloured by the share of each true class.

    Parameters
    ----------
    matrix : (k, k) int
        Nuclei by true class (rows) and predicted class (columns).
    classes : sequence of k str
        Names in the order of the matrix.
    """
    counts, names = np.asarray(matrix), [short(name) for name in classes]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    edge = 2.2 + 0.75 * len(classes)
    figure = Figure(figsize=(edge + 0.9, edge), layout="constrained")
    axis = figure.add_subplot()
    image = axis.imshow(shares, cmap=SHARES, vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row, column]}\n{100 * share:.0f} %"
        axis.text(column, row, text, ha="center", va="center", color="black" if share > 0.55 else "white")
    positions = np.arange(len(classes))
    axis.set_xticks(positions, names, rotation=30 if len(classes) > 3 else 0)
    axis.set_yticks(positions, [f"{name}\n(n = {total})" for name, total in zip(names, counts.sum(1), strict=True)])
    axis.set(xlabel="predicted class", ylabel="true class")
    axis.spines[:].set_visible(False)
    figure.colorbar(image, ax=axis, label="share of the true class", shrink=0.8)
    return figure


_CURVES = {
    "train_loss": ("loss", "--"),
    "validation_loss": ("loss", "-"),
    "validation_balanced_accuracy": ("balanced accuracy", "-"),
    "learning_rate": ("learning rate", "-"),
}


@styled
def training_curves(history: Mapping[str, pd.DataFrame]) -> Figure:
    """Loss, validation score and learning rate over the epochs, a line per model.

    Parameters
    ----------
    history : mapping of model name to DataFrame
        Columns `epoch`, `train_loss`, `validation_loss`, `validation_balanced_accuracy`, `learning_rate`; a
        training without held-back replicates has no validation.
    """
    figure = Figure(figsize=(9.6, 3.2), layout="constrained")
    panels = dict(zip(("loss", "balanced accuracy", "learning rate"), figure.subplots(1, 3), strict=True))
    for title, axis in panels.items():
        axis.set(xlabel="epoch", ylabel=title)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    for index, frame in enumerate(history.values()):
        for column, (panel, dashes) in _CURVES.items():
            if column in frame:
                colour = _model_colour(index, len(history))
                panels[panel].plot(frame["epoch"], frame[column], dashes, color=colour, linewidth=1.2)
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


# Nuclei --------------------------------------------------------------------------------------------------------------


def flat(image: NDArray[Any]) -> NDArray[Any]:
    """The image of a nucleus as (C, Y, X): a volume (C, Z, Y, X) is summed along z."""
    return image.sum(axis=1) if image.ndim == 4 else image


def signed_limit(values: NDArray[np.floating]) -> float:
    """The symmetric limit of a signed colour scale: the 99.5th percentile of the absolute values, never 0."""
    limit = float(np.percentile(np.abs(values), 99.5))
    return limit if np.isfinite(limit) and limit > 0 else float(np.nanmax(np.abs(values), initial=0.0)) or 1.0


def count_limit(counts: NDArray[Any]) -> float:
    """The upper limit of a colour scale of counts: the 99.5th percentile of the voxels that hold any, at least 1."""
    filled = counts[counts > 0]
    return max(1.0, float(np.percentile(filled, 99.5))) if filled.size else 1.0


@styled
def nucleus_panel(
    image: NDArray[np.integer],
    maps: Mapping[str, NDArray[np.floating]],
    channels: Sequence[str],
    voxel_nm: float,
    title: str = "",
) -> Figure:
    """One nucleus: a row per channel with its counts and its attribution by each method.

    Parameters
    ----------
    image : (C, Y, X) or (C, Z, Y, X) int
        Localizations per voxel.
    maps : mapping of method to array of the image's shape
        Signed attribution. The limits of a method are shared by its channels, so that these can be compared.
    channels : sequence of C str
        Names.
    voxel_nm : float
        Edge of a voxel, nm.
    title : str
        Above everything.
    """
    counts, flat_maps = flat(np.asarray(image)), {name: flat(np.asarray(values)) for name, values in maps.items()}
    figure, axes = _grid(len(channels), 1 + len(maps))
    figure.suptitle(title, ha="left", x=0.01, fontsize=11)
    for row, channel in enumerate(channels):
        _draw_counts(axes[row, 0], counts[row], voxel_nm)
        axes[row, 0].set_ylabel(short(channel))
        for column, (method, values) in enumerate(flat_maps.items(), start=1):
            _draw_signed(axes[row, column], values[row], signed_limit(values), voxel_nm)
            axes[0, column].set_title(method_name(method))
    axes[0, 0].set_title("localizations")
    return figure


@styled
def class_mean_maps(
    maps: NDArray[np.floating],
    labels: Sequence[str] | NDArray[Any],
    classes: Sequence[str],
    channels: Sequence[str],
    voxel_nm: float,
) -> Figure:
    """Mean attribution of each class: a row per channel, a column per class, one colour scale.

    Parameters
    ----------
    maps : (N, C, Y, X) or (N, C, Z, Y, X) float
        Signed attribution.
    labels : (N,) str
        Class of each map.
    classes, channels : sequence of str
        Names, in the order in which to draw them. A class without maps stays empty.
    voxel_nm : float
        Edge of a voxel, nm.
    """
    of_class = [np.asarray(maps)[np.asarray(labels) == name] for name in classes]
    means = [flat(chosen.mean(axis=0)) if len(chosen) else None for chosen in of_class]
    limit = signed_limit(np.concatenate([mean.ravel() for mean in means if mean is not None] or [np.zeros(1)]))
    figure, axes = _grid(len(channels), len(classes), ConstrainedLayoutEngine(compress=True, w_pad=0.08, h_pad=0.08))
    for column, (name, mean) in enumerate(zip(classes, means, strict=True)):
        axes[0, column].set_title(short(name))
        for row in range(len(channels)):
            if mean is None:
                absent(axes[row, column], "no nuclei")
            else:
                _draw_signed(axes[row, column], mean[row], limit, voxel_nm, bar=False)
    for row, channel in enumerate(channels):
        axes[row, 0].set_ylabel(short(channel))
    scale = ScalarMappable(Normalize(-limit, limit), SIGNED)
    figure.colorbar(scale, ax=axes.ravel().tolist(), label="mean attribution per voxel", shrink=0.8)
    return figure


def _grid(n_rows: int, n_columns: int, layout: Any = "constrained") -> tuple[Figure, NDArray[Any]]:
    figure = Figure(figsize=(2.7 * n_columns + 0.6, 2.3 * n_rows + 0.5), layout=layout)
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure, axes


def _draw_counts(axis: Axes, counts: NDArray[Any], voxel_nm: float) -> None:
    image = axis.imshow(counts, cmap=COUNTS, norm=PowerNorm(0.5, vmin=0, vmax=count_limit(counts)))
    scale_bar(axis, voxel_nm)
    _figure_of(axis).colorbar(image, ax=axis, label="localizations per voxel", extend="max")


def _draw_signed(axis: Axes, values: NDArray[np.floating], limit: float, voxel_nm: float, *, bar: bool = True) -> None:
    image = axis.imshow(values, cmap=SIGNED, vmin=-limit, vmax=limit)
    scale_bar(axis, voxel_nm, colour="black")
    if bar:
        _figure_of(axis).colorbar(image, ax=axis, label="attribution per voxel", extend="both")


def _figure_of(axis: Axes) -> Figure:
    figure = axis.get_figure(root=True)
    assert figure is not None
    return figure


@dataclass(frozen=True)
class Sprite:
    """A nucleus as one small PNG, with the upper limits of its colour scales.

    Attributes
    ----------
    png : bytes
        8-bit indices: half the bytes of full colour, and 64 levels per colour map are all that an eye can tell.
    count_limits : tuple of C float
        Localizations per pixel at the top of each channel's square-root scale.
    signed_limits : tuple of float
        Attribution per pixel at the ends of each method's scale.
    """

    png: bytes
    count_limits: tuple[float, ...]
    signed_limits: tuple[float, ...]


def sprite(image: NDArray[np.integer], maps: Mapping[str, NDArray[np.floating]], edge: int) -> Sprite:
    """Draw a nucleus without any text: rows are channels, columns the counts and each method's map.

    Parameters
    ----------
    image : (C, Y, X) or (C, Z, Y, X) int
        Localizations per voxel.
    maps : mapping of method to array of the image's shape
        Signed attribution.
    edge : int
        Longest edge of one tile in pixels; larger images are summed over a whole number of voxels.
    """
    counts, *signed = [_binned(flat(np.asarray(values)), edge) for values in (image, *maps.values())]
    count_limits = tuple(count_limit(channel) for channel in counts)
    signed_limits = tuple(signed_limit(values) for values in signed)
    columns = [_count_levels(counts, count_limits)]
    columns += [_signed_levels(values, limit) for values, limit in zip(signed, signed_limits, strict=True)]
    tiles = np.pad(np.stack(columns, axis=1), ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=_SPRITE_GAP)
    pixels = tiles.transpose(0, 2, 1, 3).reshape(tiles.shape[0] * tiles.shape[2], -1)[:-1, :-1]
    return Sprite(_indexed_png(pixels), count_limits, signed_limits)


def _binned(values: NDArray[Any], edge: int) -> NDArray[np.float64]:
    step = -(-max(values.shape[1:]) // edge)
    n_channels, *shape = values.shape
    height, width = (-(-length // step) for length in shape)
    padded = np.zeros((n_channels, height * step, width * step))
    padded[:, : shape[0], : shape[1]] = np.nan_to_num(values)
    return padded.reshape(n_channels, height, step, width, step).sum(axis=(2, 4))


def _count_levels(counts: NDArray[np.float64], limits: Sequence[float]) -> NDArray[np.uint8]:
    share = np.sqrt(np.clip(counts / np.reshape(limits, (-1, 1, 1)), 0, 1))
    return (1 + np.rint(share * (_SPRITE_LEVELS - 1))).astype(np.uint8)


def _signed_levels(values: NDArray[np.float64], limit: float) -> NDArray[np.uint8]:
    share = (np.clip(values / limit, -1, 1) + 1) / 2
    # One level less, an odd number: zero gets a colour of its own.
    return (1 + _SPRITE_LEVELS + np.rint(share * (_SPRITE_LEVELS - 2))).astype(np.uint8)


def _indexed_png(pixels: NDArray[np.uint8]) -> bytes:
    counts = matplotlib.colormaps[COUNTS](np.linspace(0, 1, _SPRITE_LEVELS))
    signed = matplotlib.colormaps[SIGNED](np.linspace(0, 1, _SPRITE_LEVELS - 1))
    palette = np.rint(255 * np.concatenate([[[0.5, 0.5, 0.5, 1]], counts, signed])[:, :3]).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(pixels)).convert("P")
    picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def absent(axis: Axes, sentence: str) -> None:
    """A sentence in place of a panel."""
    axis.set_axis_off()
    axis.text(0.5, 0.5, sentence, ha="center", va="center", color="0.35", transform=axis.transAxes)
