"""ThunderSTORM tables (`.csv`): the header names each column's unit, `"x [nm]"`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ainu.errors import AinuError
from ainu.files import HEAD_BYTES
from ainu.localizations.formats import delimited_text
from ainu.localizations.formats.builder import geometric_mean, of_text, read_text, to_nm
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.units import LENGTHS

NAME = "thunderstorm"
VERSION = 1

SOURCES = {
    "x": ("x",),
    "y": ("y",),
    "z": ("z",),
    "frame": ("frame",),
    "photons": ("intensity",),
    "background": ("offset",),
    "precision": ("uncertainty_xy", "uncertainty"),
    "sigma": ("sigma",),
}
"""Canonical column -> names without the unit, the preferred one first."""
REQUIRED = ("x", "y", "frame")
TYPICAL = {"frame", "intensity", "uncertainty", "uncertainty_xy", "sigma", "sigma1", "offset", "bkgstd"}
CHANNEL = "channel"


def header(line: str) -> list[str]:
    """Column names of a header line; one that a spreadsheet quoted a second time is one field that holds the others."""
    names = delimited_text.header(line, ",")
    return delimited_text.header(names[0], ",") if len(names) == 1 and "," in names[0] else names


def parts(name: str) -> tuple[str, str]:
    """Name and unit of a column: `"x [nm]"` is x in nm, `"frame"` has no unit."""
    match = re.fullmatch(r"(.*?)\s*\[(.*)\]", name)
    return (match.group(1), match.group(2).strip()) if match else (name, "")


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    units = dict(parts(name) for name in header(delimited_text.first_line(head)))
    return units.get("x") in LENGTHS and "y" in units and bool(TYPICAL & set(units))


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read a table.

    Parameters
    ----------
    path : path
        CSV file of ThunderSTORM.
    pixel_size_nm : float, optional
        Camera pixel, where a column is in px.
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
    source = _sources(path, there)
    astigmatic = _column(there, "sigma1"), _column(there, "sigma2")
    further = [name for name in astigmatic if name]
    table, columns = read_text(path, there, source, keep, further, code=CHANNEL if CHANNEL in there else None)
    if "sigma" not in source and astigmatic[0] and astigmatic[1]:
        source["sigma"] = astigmatic[0]
        columns["sigma"] = geometric_mean(table.numbers[astigmatic[0]], table.numbers[astigmatic[1]])
    units = {name: parts(column)[1] for name, column in source.items() if name != "frame"}
    pixel = pixel_size_nm if to_nm(columns, units, pixel_size_nm, path) else None
    return of_text(table, columns, keep, units=units, first_frame=1, pixel_size_nm=pixel)


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    with open(path, "rb") as file:
        return header(delimited_text.first_line(file.read(HEAD_BYTES)))


def _sources(path: str | Path, names: list[str]) -> dict[str, str]:
    """Canonical column -> column of the file, for those it has."""
    found = {name: next(filter(None, (_column(names, short) for short in SOURCES[name])), None) for name in SOURCES}
    missing = [name for name in REQUIRED if found[name] is None]
    if missing:
        raise AinuError(f"{path}: column {missing[0]!r} is missing; the columns are: {', '.join(names)}")
    return {name: column for name, column in found.items() if column is not None}


def _column(names: list[str], short: str) -> str | None:
    return next((name for name in names if parts(name)[0] == short), None)
