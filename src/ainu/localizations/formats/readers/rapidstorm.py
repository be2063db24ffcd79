"""rapidSTORM localizations (`.txt`): a line of XML that names the columns and their units, then numbers.

Files of tracks hold a second list of columns inside the first: a row has the mean values of a molecule, then those of
each of its localizations. The molecules are read. `PSFWidth` is a full width at half maximum.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ainu.errors import AinuError
from ainu.files import HEAD_BYTES
from ainu.localizations.formats import dialect
from ainu.localizations.formats.builder import measured_columns
from ainu.localizations.formats.column_names import NamedColumns
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.named_text import FWHM_PER_SD, described, fixed, need, read_named
from ainu.localizations.formats.raw import Raw

NAME = "rapidstorm"
VERSION = 1

SINGLE = {"x": "Position-0-0", "y": "Position-1-0", "frame": "ImageNumber-0-0"}
OPTIONAL = {"z": "Position-2-0", "photons": "Amplitude-0-0", "background": "LocalBackground-0-0"}
PRECISION = ("Position-0-0-uncertainty", "Position-1-0-uncertainty")
FWHM = ("PSFWidth-0-0", "PSFWidth-1-0")
TRACKS = "tracks: one row per molecule, whose localizations were joined over frames, is read"
UNITS = {"nanometer": "nm", "micrometer": "um", "pixel": "px", "A/D count": "camera counts"}


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    return head.startswith(b"#") and "<localizations" in dialect.first_line(head)


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        Text file of rapidSTORM.
    pixel_size_nm : float, optional
        Camera pixel, where positions are in pixels.
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
    form, fields, tracks = _described(path)
    need(path, form, list(SINGLE.values()))
    named = _named(form, fields)
    raw, _ = read_named(path, form, named, keep, pixel_size_nm=pixel_size_nm, quoted=False)
    columns = measured_columns(raw.columns)
    if "sigma" in columns:
        columns["sigma"] = columns["sigma"] / np.float32(FWHM_PER_SD)
    units = {name: fields[own] for name, own in _first_sources(named).items() if name != "frame"}
    notes = (TRACKS,) if tracks else ()
    return described(raw, notes, columns=columns, units=units)


def _named(form: Dialect, fields: dict[str, str]) -> NamedColumns:
    """The columns of the format that the file has, in its own units."""
    named = fixed(form, SINGLE | OPTIONAL, {}, {"precision": PRECISION, "sigma": FWHM})
    return replace(named, units={name: fields[own] for name, own in _first_sources(named).items()})


def _first_sources(named: NamedColumns) -> dict[str, str]:
    """Canonical column -> column of the file, the first one of a pair."""
    return named.single | {name: pair[0] for name, pair in named.pairs.items()}


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    return list(form_of(path).names)


def form_of(path: str | Path) -> Dialect:
    """How the file is written, with the columns that its first line names."""
    return _described(path)[0]


def _described(path: str | Path) -> tuple[Dialect, dict[str, str], bool]:
    """How the file is written, its columns with their units, and whether it holds tracks."""
    # The first line is searched, not parsed: no XML entity is ever expanded.
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    line = dialect.first_line(head)
    outer, _, inner = line.partition("<localizations")[2].partition("<localizations")
    found: dict[str, str] = {}
    for attributes in re.findall(r"<field\s([^<>]*)/?>", outer):
        values: dict[str, str] = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        name = values.get("identifier", "")
        if not name or name in found:
            raise AinuError(f"the first line names the column {name!r} twice or not at all")
        unit = values.get("unit", "")
        found[name] = UNITS.get(unit) or unit
    rows = dialect.of(head)
    runs = rows is not None and rows.runs
    filled = bool(head[len(line) :].strip())
    form = Dialect(tuple(found), dialect.BLANKS, runs=runs, filled=filled, leading=len(found) if inner else 0)
    return form, found, bool(inner)
