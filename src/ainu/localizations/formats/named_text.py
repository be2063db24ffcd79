"""The rows of text files whose columns are told by their names: lengths in nm, pairs of axes, notes on guesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ainu.errors import AinuError
from ainu.localizations.formats import delimited_text
from ainu.localizations.formats.builder import Arrays, kept_columns, of_pairs, to_nm
from ainu.localizations.formats.column_names import NamedColumns
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.double import number_type
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.units import LENGTH_COLUMNS

FWHM_PER_SD = 2 * np.sqrt(2 * np.log(2))
CHANNEL = "channel"


def with_units(named: NamedColumns, lateral: str = "") -> tuple[NamedColumns, list[str]]:
    """The columns with a unit for each length.

    Parameters
    ----------
    named : NamedColumns
        As the names tell.
    lateral : str
        Unit of lengths in x and y that have none; empty: that of x, or else nm.

    Returns
    -------
    named : NamedColumns
        A length without a unit has that of x; z that of x, or nm where x is in pixels.
    guessed : list of str
        Lengths whose unit is a guess.
    """
    units, own = dict(named.units), named.units.get("x") or lateral or "nm"
    without = [name for name in LENGTH_COLUMNS if name in units and not units[name]]
    units |= {name: "nm" if name == "z" and own == "px" else own for name in without}
    guessed = [] if lateral else without
    return replace(named, units=units), guessed


def read_named(
    path: str | Path,
    form: Dialect,
    named: NamedColumns,
    keep: Sequence[str],
    *,
    pixel_size_nm: float | None = None,
    first_frame: int = 0,
    further: Sequence[str] = (),
    quoted: bool = True,
    end: int | None = None,
) -> tuple[Raw, delimited_text.Columns]:
    """Read the named columns of a text file.

    Parameters
    ----------
    path : path
        The text file.
    form : Dialect
        How it is written.
    named : NamedColumns
        Which columns are what, with a unit for each length.
    keep : sequence of str
        Further columns, under their own names.
    pixel_size_nm : float, optional
        Camera pixel, where a column is in px.
    first_frame : int
        Number of the first frame.
    further : sequence of str
        Columns that the reader computes others of.
    quoted, end :
        As for `delimited_text.read`.

    Returns
    -------
    raw : Raw
        The rows, in canonical units.
    table : delimited_text.Columns
        All columns that were read, as they are in the file.
    """
    single = {name: own for name, own in named.single.items() if name != CHANNEL}
    pairs = [own for pair in named.pairs.values() for own in pair]
    width = [named.fwhm] if named.fwhm else []
    numbers: dict[str, type] = dict.fromkeys([*single.values(), *pairs, *width, *further], number_type())
    numbers |= dict.fromkeys([*([single["frame"]] if "frame" in single else []), *keep], np.float64)
    code = named.single.get(CHANNEL)
    table = delimited_text.read(path, form, numbers, code=code, quoted=quoted, end=end)
    columns = canonical_columns(table.numbers, single, named)
    pixel = pixel_size_nm if to_nm(columns, named.units, pixel_size_nm, path) else None
    raw = Raw(
        columns=columns,
        rows=table.rows,
        units={name: named.units.get(name, "") for name in columns if name != "frame"},
        codes=table.codes,
        code_names=delimited_text.whole_codes(table.code_names),
        extra=kept_columns(table.numbers, keep),
        first_frame=first_frame,
        pixel_size_nm=pixel,
        unread=unread(form.names, named, further),
    )
    return raw, table


def fixed(
    form: Dialect,
    single: Mapping[str, str],
    units: Mapping[str, str],
    pairs: Mapping[str, tuple[str, str]] | None = None,
) -> NamedColumns:
    """The columns that a format names by fixed names, as far as a file has them, in any case.

    Parameters
    ----------
    form : Dialect
        Of the file.
    single : mapping of str to str
        Canonical column, or `channel`, -> name in the format.
    units : mapping of str to str
        Canonical column -> unit in the format.
    pairs : mapping of str to (str, str), optional
        `precision` or `sigma` -> names along x and y.

    Returns
    -------
    NamedColumns
    """
    found = {name: own for name, title in single.items() if (own := form.column(title)) is not None}
    both = {name: (form.column(x), form.column(y)) for name, (x, y) in (pairs or {}).items()}
    there = {name: (x, y) for name, (x, y) in both.items() if x is not None and y is not None and name not in found}
    return NamedColumns(found, there, {name: unit for name, unit in units.items() if name in found or name in there})


def need(path: str | Path, form: Dialect, names: Sequence[str]) -> None:
    """Refuse a file without some columns.

    Parameters
    ----------
    path : path
        The file, for the message.
    form : Dialect
        Of the file.
    names : sequence of str
        Columns in the format.

    Raises
    ------
    AinuError
        One of them is missing; the message lists the columns that are there.
    """
    for name in names:
        if form.column(name) is None:
            raise AinuError(f"{path}: column {name!r} is missing; the columns are: {', '.join(form.names)}")


def canonical_columns(numbers: Arrays, single: Mapping[str, str], named: NamedColumns) -> Arrays:
    """The canonical columns in the units of the file.

    Parameters
    ----------
    numbers : dict of str to (n,) array
        Columns of the file.
    single : mapping of str to str
        Canonical column, without the channel, -> column of the file.
    named : NamedColumns
        With the pairs and the full width that others are computed of.

    Returns
    -------
    dict of str to (n,) array
    """
    columns = {name: numbers[own] for name, own in single.items()}
    columns |= of_pairs(numbers, named.pairs)
    if named.fwhm:
        columns["sigma"] = numbers[named.fwhm] / np.float32(FWHM_PER_SD)
    return columns


def unread(names: Sequence[str], named: NamedColumns, further: Sequence[str] = ()) -> tuple[str, ...]:
    """Columns of the file that nothing comes from.

    Parameters
    ----------
    names : sequence of str
        All columns.
    named : NamedColumns
        Those that are read.
    further : sequence of str
        Those that the reader computes others of.

    Returns
    -------
    tuple of str
    """
    used = {*named.used(), *further}
    return tuple(name for name in names if name and name not in used)


def guess_notes(guessed: Sequence[str]) -> tuple[str, ...]:
    """A note of lengths whose unit is not in the file."""
    return (f"no unit in the file, taken for nm: {', '.join(guessed)}",) if guessed else ()


def pixel_note(guessed: Sequence[str], pixel_size_nm: float | None) -> tuple[str, ...]:
    """A note of a pixel size that was given for positions whose unit is a guess."""
    if pixel_size_nm is None or "x" not in guessed:
        return ()
    return (
        f"pixel_size_nm {pixel_size_nm:g} is not used; if x, y are in camera pixels, set format table and "
        "columns x=x[px],y=y[px],... in the sheet",
    )


def described(raw: Raw, notes: Sequence[str], **changes: Any) -> Raw:
    """The rows with further notes, before its own."""
    return replace(raw, notes=(*notes, *raw.notes), **changes)
