"""Columns that quality filters need beside the canonical ones: widths of the spot, and columns named in the config."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.table import COLUMNS, Localizations
from ainu.quality.settings import QualitySettings

WIDTHS = (
    ("sigma_x", "sigma_y"),
    ("sx", "sy"),
    ("sigma1", "sigma2"),
    ("xsigma", "ysigma"),
    ("PSFxnm", "PSFynm"),
    ("PSF Sigma X (pix)", "PSF Sigma Y (pix)"),
)
"""Names under which a file may carry the two widths of a spot."""

RATIOS = ("sigma_ratio", "ax", "Ax")
"""Names under which a file may carry the ratio of the two widths."""


def filtered_columns(quality: QualitySettings) -> tuple[str, ...]:
    """Columns that have to survive ingest, where a file has them, for the filters of the config's `quality`."""
    extra = [name for name, limits in quality.extra.items() if limits is not None and name not in COLUMNS]
    ratio = any(limit is not None for limit in quality.sigma_ratio)
    return (*extra, *((*RATIOS, *(name for pair in WIDTHS for name in pair)) if ratio else ()))


def asymmetry(localizations: Localizations) -> NDArray[np.float64] | None:
    """Larger over smaller width of each spot, at least 1; None without columns of widths or ratio.

    The files of a sample may name them differently: of each row the first that is a number counts.

    Parameters
    ----------
    localizations : Localizations
        (n,).

    Returns
    -------
    (n,) float64 or None
    """
    extra = localizations.extra
    ratios = [extra[name].astype(np.float64) for name in RATIOS if name in extra]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios += [extra[x].astype(np.float64) / extra[y] for x, y in WIDTHS if x in extra and y in extra]
        for other in ratios[1:]:
            ratios[0] = np.where(np.isfinite(ratios[0]), ratios[0], other)
        return np.maximum(ratios[0], 1 / ratios[0]) if ratios else None
