"""Micro-Manager's localizations as text (the text form of the tagged spot file, TSF).

After the writer of its plugin "Localization Microscopy" and the description of TSF: a line of `key: value` pairs, the
header, then tab-separated rows. `location_units` and `intensity_units` give the units; channels and frames count
from 1. `width` is not read: neither says whether it is a standard deviation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ainu.errors import AinuError
from ainu.localizations.formats import dialect
from ainu.localizations.formats.builder import measured_columns
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.named_text import described, fixed, need, read_named
from ainu.localizations.formats.raw import Raw

NAME = "micro_manager"
VERSION = 1

SINGLE = {
    "x": "x",
    "y": "y",
    "z": "z",
    "frame": "frame",
    "photons": "intensity",
    "background": "background",
    "precision": "x_precision",
    "channel": "channel",
}
REQUIRED = ("molecule", "channel", "frame", "x", "y", "intensity")
LOCATION_UNITS = {"NM": "nm", "UM": "um", "PIXELS": "px", "0": "nm", "1": "um", "2": "px"}
INTENSITY_UNITS = {"PHOTONS": "photon", "COUNTS": "camera counts", "1": "photon", "0": "camera counts"}
TITLE = "application_id:"


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    form = dialect.of(head)
    return form is not None and dialect.first_line(head).startswith(TITLE) and form.has(*REQUIRED)


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        Text of Micro-Manager.
    pixel_size_nm : float, optional
        Camera pixel, where positions are in pixels; overrides that of the file.
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
    need(path, form, REQUIRED)
    told = _metadata(form)
    location = LOCATION_UNITS.get(told.get("location_units", "NM").upper())
    if location is None:
        raise AinuError(f"{path}: location_units is {told['location_units']!r}; known are: NM, UM, PIXELS")
    intensity = INTENSITY_UNITS.get(told.get("intensity_units", "PHOTONS").upper(), "as in the file")
    units = dict.fromkeys(("x", "y", "z", "precision"), location) | dict.fromkeys(("photons", "background"), intensity)
    pixel = _number(told.get("pixel_size")) if pixel_size_nm is None else pixel_size_nm
    raw, _ = read_named(path, form, fixed(form, SINGLE, units), keep, pixel_size_nm=pixel, first_frame=1)
    return described(raw, form.notes(("\t",), comments=True), columns=measured_columns(raw.columns))


def _metadata(form: Dialect) -> dict[str, str]:
    """The pairs before the header."""
    pairs = [part.partition(":") for line in form.comments for part in line.split("\t")]
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d+(\.\d+)?", text) else None


names = dialect.column_names
