"""LAMA's Malk lists (`.txt`): two comment lines, then x and y in nm, frame and intensity.

As the writers of public scripts make them (`saveAsMALK.m`): no other columns, tab-separated; the second comment line
names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ainu.errors import AinuError
from ainu.localizations.formats import dialect
from ainu.localizations.formats.column_names import NamedColumns
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.named_text import described, read_named
from ainu.localizations.formats.raw import Raw

NAME = "malk"
VERSION = 1

TITLE = "localization file (Malk format)"
COLUMNS = ("x", "y", "frame", "intensity")


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    return TITLE.lower() in dialect.first_line(head).lower()


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        Malk list.
    pixel_size_nm : float, optional
        Not needed: positions are in nm.
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
    form = form_of(path)
    units = {"x": "nm", "y": "nm", "photons": "a.u."}
    single = {"x": "x", "y": "y", "frame": "frame", "photons": "intensity"}
    raw, _ = read_named(path, form, NamedColumns(single, units=units), keep)
    return described(raw, form.notes(("\t", dialect.BLANKS), comments=True))


def form_of(path: str | Path) -> Dialect:
    """How the file is written; the names are fixed, since programs write them with and without signs.

    Parameters
    ----------
    path : path
        Malk list.

    Returns
    -------
    Dialect

    Raises
    ------
    AinuError
        The file has another number of columns.
    """
    form = dialect.of_file(path)
    if len(form.names) != len(COLUMNS):
        raise AinuError(f"{path}: a Malk list has the columns {', '.join(COLUMNS)}; this has {len(form.names)} columns")
    return replace(form, names=COLUMNS)


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    return list(form_of(path).names)
