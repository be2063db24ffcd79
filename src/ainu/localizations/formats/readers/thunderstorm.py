"""ThunderSTORM tables (`.csv`): the header names each column's unit, `"x [nm]"`.

Abbelight, ZOLA, Deep-STORM, Picasso and many scripts write tables of the same form, with names of their own among them
(`column_names`). Ids that begin with 0 show that frames do too: ThunderSTORM counts both from 1, Picasso both from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ainu.errors import AinuError
from ainu.localizations.formats import dialect
from ainu.localizations.formats.column_names import named_columns, parts
from ainu.localizations.formats.named_text import described, guess_notes, read_named, with_units
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.units import LENGTHS

NAME = "thunderstorm"
VERSION = 1

REQUIRED = ("x", "y", "frame")
TYPICAL = {"frame", "intensity", "uncertainty", "uncertaintyxy", "sigma", "sigma1", "offset", "bkgstd"}
ID = "id"


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    form = dialect.of(head)
    if form is None or not any("[" in name for name in form.names):
        return False
    units = dict(parts(name) for name in form.names)
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
    form = dialect.of_file(path)
    named = named_columns(form.names)
    for name in REQUIRED:
        if name not in named.single:
            raise AinuError(f"{path}: column {name!r} is missing; the columns are: {', '.join(form.names)}")
    named, guessed = with_units(named)
    for name in ("x", "y"):
        if name in guessed:
            raise AinuError(f"{path}: column {named.single[name]!r} has no unit, which ThunderSTORM's have: 'x [nm]'")
    from_zero = form.first(form.column(ID) or "") == "0"
    raw, _ = read_named(*(path, form, named, keep), pixel_size_nm=pixel_size_nm, first_frame=0 if from_zero else 1)
    counted = ("ids begin with 0: frames are taken as counted from 0 too",) if from_zero else ()
    return described(raw, (*form.notes((",",)), *guess_notes(guessed), *counted))


names = dialect.column_names
