"""ONI localizations (`.csv`) of the Nanoimager: of NimOS, with the short or the long header, and of CODI.

The columns of CODI are known from scripts that read its downloads (AlistairCurd/smlm-explore): `x-nm`, `var-x-nm2`, ...
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.formats import dialect
from ainu.localizations.formats.builder import measured_columns, of_pairs
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.named_text import described, fixed, need, read_named
from ainu.localizations.formats.raw import Raw

NAME = "oni"
VERSION = 1

CHANNEL = "Channel"
SINGLE = {"x": "X (nm)", "y": "Y (nm)", "frame": "Frame"}
OPTIONAL = {"z": "Z (nm)", "photons": "Photons", "background": "Background"}
PRECISION = ("X precision (nm)", "Y precision (nm)")
SIGMA = ("PSF Sigma X (pix)", "PSF Sigma Y (pix)")
IN_PIXELS = "X (pix)"
UNITS = {"x": "nm", "y": "nm", "z": "nm", "photons": "photon", "background": "photon", "precision": "nm", "sigma": "px"}


CODI = {
    "x": "x-nm",
    "y": "y-nm",
    "z": "z-nm",
    "frame": "frame",
    "photons": "intensity-mean-photons",
    "background": "bg-mean-photons",
    "channel": "channel",
}
CODI_SIGMA = {"sigma": ("sigma-x-mean-nm", "sigma-y-mean")}
CODI_VARIANCE = ("var-x-nm2", "var-y-nm2")
CODI_TYPICAL = ("intensity-mean-photons", "bg-mean-photons", "sigma-x-mean-nm")


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    form = dialect.of(head)
    return form is not None and (form.has(CHANNEL, *SINGLE.values()) or _is_codi(form))


def _is_codi(form: Dialect) -> bool:
    return form.has("x-nm", "y-nm", "frame") and any(map(form.column, CODI_TYPICAL))


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        CSV file of NimOS.
    pixel_size_nm : float, optional
        Camera pixel, for the width of the PSF; by default the file's own, from its positions in nm and in pixels.
    keep : sequence of str
        Further columns, under their own names.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        A column is missing, there is text in a number, or there are no rows.
    """
    form = dialect.of_file(path)
    if _is_codi(form):
        return _codi(path, form, keep)
    need(path, form, list(SINGLE.values()))
    named = fixed(form, SINGLE | OPTIONAL | {"channel": CHANNEL}, UNITS, {"precision": PRECISION})
    further = [own for name in (*SIGMA, IN_PIXELS) if (own := form.column(name))]
    raw, table = read_named(path, form, named, keep, further=further)
    title = {name: table.numbers[own] for name in (*SIGMA, IN_PIXELS, SINGLE["x"]) if (own := form.column(name))}
    columns = dict(raw.columns)
    pixel = _pixel(title) if pixel_size_nm is None else pixel_size_nm
    if pixel:
        in_pixels = of_pairs(title, {"sigma": SIGMA})
        columns |= {name: values * np.float32(pixel) for name, values in in_pixels.items()}
    used = pixel if "sigma" in columns else None
    return described(raw, form.notes((",",)), columns=measured_columns(columns), units=UNITS, pixel_size_nm=used)


def _codi(path: str | Path, form: Dialect, keep: Sequence[str]) -> Raw:
    """The rows of a file of CODI, whose precision is given as the variance of x and y."""
    named = fixed(form, CODI, {"x": "nm", "y": "nm", "z": "nm", "sigma": "nm"}, CODI_SIGMA)
    variances = [own for name in CODI_VARIANCE if (own := form.column(name))]
    raw, table = read_named(path, form, named, keep, further=variances)
    columns, units = dict(raw.columns), raw.units | {"photons": "photon", "background": "photon"}
    if len(variances) == len(CODI_VARIANCE):
        mean = sum(table.numbers[name].astype(np.float64) for name in variances) / 2
        columns["precision"], units["precision"] = np.sqrt(mean).astype(np.float32), "nm2"
    return described(raw, form.notes((",",)), columns=measured_columns(columns), units=units)


names = dialect.column_names


def _pixel(numbers: dict[str, NDArray[Any]]) -> float | None:
    """The camera pixel in nm by which NimOS scaled the positions."""
    if IN_PIXELS not in numbers:
        return None
    ratio = numbers[SINGLE["x"]] / numbers[IN_PIXELS]
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    return round(float(np.median(ratio)), 2) if len(ratio) else None
