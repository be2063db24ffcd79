"""The sheet's `columns` text: which column of a table is which, and in what unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ainu.errors import AinuError
from ainu.localizations.formats.column_names import NamedColumns, parts
from ainu.localizations.formats.units import LENGTH_COLUMNS, LENGTHS
from ainu.localizations.table import COLUMNS

KEEP = "keep"
REQUIRED = ("x", "y")


@dataclass(frozen=True)
class ColumnMapping:
    """Columns of a table.

    Attributes
    ----------
    named : NamedColumns
        Which columns are what, with a unit for each length.
    keep : tuple of str
        Columns kept under their own names.
    first_frame : int
        Number of the first frame.
    notes : tuple of str
        Units that were guessed, or that a name contradicts.
    guessed : bool
        Whether the unit of x and y is a guess.
    """

    named: NamedColumns
    keep: tuple[str, ...] = ()
    first_frame: int = 0
    notes: tuple[str, ...] = ()
    guessed: bool = False


def parse(text: str, present: Sequence[str]) -> ColumnMapping:
    """Read a mapping, `x=pos_x[px],y=pos_y[px],frame=t[1],keep=a+b`.

    Parameters
    ----------
    text : str
        Parts `canonical=column[suffix]`. The suffix is nm, um or px for a length (default: the unit in the column's
        name, else nm), the number of the first frame for `frame`. A name that is a column as a whole (`x[nm]`) keeps
        its brackets, and they give its unit.
    present : sequence of str
        The columns of the file.

    Returns
    -------
    ColumnMapping
        With x and y at least.

    Raises
    ------
    AinuError
        A part that is not of this form, an unknown canonical name or unit, or a part given twice.
    """
    names: dict[str, str] = {}
    suffixes: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        target, equals, source = (piece.strip() for piece in part.partition("="))
        if not equals or not source or target not in (*COLUMNS, KEEP) or target in names:
            raise AinuError(
                f"columns {text!r}: {part!r} is not name=column; names, once each: {', '.join((*COLUMNS, KEEP))}"
            )
        names[target], suffixes[target] = _column_and_suffix(target, source, present)
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise AinuError(f"columns {text!r}: {missing[0]} is missing")
    keep = tuple(filter(None, (name.strip() for name in names.pop(KEEP, "").split("+"))))
    lengths = [name for name in LENGTH_COLUMNS if name in names]
    own = {name: unit if (unit := parts(names[name])[1]) in LENGTHS else "" for name in lengths}
    units = {name: suffixes[name] or own[name] or "nm" for name in lengths}
    notes = tuple(
        f"column {names[name]!r} is read in {units[name]}, as `columns` says, not in {own[name]}"
        for name in lengths
        if own[name] and LENGTHS[own[name]] != LENGTHS[units[name]]
    )
    guessed = not (suffixes["x"] or own["x"])
    return ColumnMapping(NamedColumns(names, units=units), keep, int(suffixes.get("frame") or 0), notes, guessed)


def _column_and_suffix(target: str, source: str, present: Sequence[str]) -> tuple[str, str]:
    match = re.fullmatch(r"(.*?)\s*\[([^\[\]]*)\]", source)
    if match is None or target == KEEP:
        return source, ""
    name, suffix = match.group(1), match.group(2).strip()
    allowed = suffix in LENGTHS if target in LENGTH_COLUMNS else target == "frame" and suffix.isdecimal()
    if source in present:
        return source, suffix if allowed else ""
    if not allowed:
        known = {"frame": "the number of the first frame"} | dict.fromkeys(LENGTH_COLUMNS, "nm, um, px")
        raise AinuError(f"columns: suffix [{suffix}] in {target}={source}; allowed are: {known.get(target, 'none')}")
    return name, suffix
