"""Scale bars, and lengths as texts."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from ainu.errors import AinuError


def scale_bar_nm(width_nm: float) -> float:
    """Length of the scale bar of a picture.

    Parameters
    ----------
    width_nm : float
        Width of the picture, nm.

    Returns
    -------
    float
        The largest 1, 2 or 5 times a power of ten, nm, that is at most a quarter of the width.

    Raises
    ------
    AinuError
        The width is not above 0.
    """
    if not width_nm > 0:
        raise AinuError(f"a picture {width_nm} nm wide has no scale bar")
    decade = 10.0 ** np.floor(np.log10(width_nm / 4))
    steps = decade * np.array([1.0, 2.0, 5.0])
    return float(steps[steps <= width_nm / 4 * (1 + 1e-9)].max())


def length_text(length_nm: float) -> str:
    """A length in nm, or in µm from 1 µm on: "200 nm", "5 µm"."""
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
        Of bar and label; both get a rim, black around white and white around other colours, so that they are visible
        on any background.

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
