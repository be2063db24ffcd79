"""ONI NimOS localizations (`.csv`) of the Nanoimager, with the short or the long header."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.files import HEAD_BYTES
from ainu.localizations.formats import delimited_text as text
from ainu.localizations.formats.raw import Raw, as_extra, geometric_mean, measured, root_mean_square

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
    return {CHANNEL, *SINGLE.values()} <= set(text.header(text.first_line(head), ","))


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
    pixel_size_nm : float, optional
        Camera pixel, for the width of the PSF; by default the file's own, from its positions in nm and in pixels.
    keep : sequence of str
        Further columns, under their own names.

    Raises
    ------
    AinuError
        A column is missing, there is text in a number, or there are no rows.
    """
    there = names(path)
    source = SINGLE | {name: column for name, column in OPTIONAL.items() if column in there}
    further = [name for name in (*PRECISION, *SIGMA, IN_PIXELS) if name in there]
    numbers: dict[str, type] = dict.fromkeys([*source.values(), *further], np.float32)
    numbers |= dict.fromkeys([SINGLE["frame"], *keep], np.float64)
    table = text.read(path, there, numbers, code=CHANNEL)
    columns = {name: table.numbers[column] for name, column in source.items()}
    if set(PRECISION) <= set(further):
        columns["precision"] = root_mean_square(*(table.numbers[name] for name in PRECISION))
    pixel = _pixel(table.numbers) if pixel_size_nm is None else pixel_size_nm
    if set(SIGMA) <= set(further) and pixel:
        columns["sigma"] = geometric_mean(*(table.numbers[name] for name in SIGMA)) * np.float32(pixel)
    return Raw(
        columns={name: values for name, values in columns.items() if name in SINGLE or measured(values)},
        rows=table.rows,
        units=UNITS,
        codes=table.codes,
        code_names=text.whole_codes(table.code_names),
        extra={name: as_extra(table.numbers[name]) for name in keep},
        pixel_size_nm=pixel if "sigma" in columns else None,
    )


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    with open(path, "rb") as file:
        return text.header(text.first_line(file.read(HEAD_BYTES)), ",")


def _pixel(numbers: dict[str, NDArray[Any]]) -> float | None:
    """The camera pixel in nm by which NimOS scaled the positions."""
    if IN_PIXELS not in numbers:
        return None
    ratio = numbers[SINGLE["x"]] / numbers[IN_PIXELS]
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    return round(float(np.median(ratio)), 2) if len(ratio) else None
