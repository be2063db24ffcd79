"""ONI NimOS localizations (`.csv`) of the Nanoimager, with the short or the long header."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.formats import delimited_text
from ainu.localizations.formats.builder import measured_columns, of_pairs, of_text, read_text
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


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    return {CHANNEL, *SINGLE.values()} <= set(delimited_text.header(delimited_text.first_line(head), ","))


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
    there = names(path)
    source = SINGLE | {name: column for name, column in OPTIONAL.items() if column in there}
    further = [name for name in (*PRECISION, *SIGMA, IN_PIXELS) if name in there]
    table, columns = read_text(path, there, source, keep, further, code=CHANNEL)
    columns |= of_pairs(table.numbers, {"precision": PRECISION})
    pixel = _pixel(table.numbers) if pixel_size_nm is None else pixel_size_nm
    if pixel:
        in_pixels = of_pairs(table.numbers, {"sigma": SIGMA})
        columns |= {name: values * np.float32(pixel) for name, values in in_pixels.items()}
    pixel_used = pixel if "sigma" in columns else None
    return of_text(table, measured_columns(columns), keep, units=UNITS, pixel_size_nm=pixel_used)


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    return delimited_text.column_names(path)


def _pixel(numbers: dict[str, NDArray[Any]]) -> float | None:
    """The camera pixel in nm by which NimOS scaled the positions."""
    if IN_PIXELS not in numbers:
        return None
    ratio = numbers[SINGLE["x"]] / numbers[IN_PIXELS]
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    return round(float(np.median(ratio)), 2) if len(ratio) else None
