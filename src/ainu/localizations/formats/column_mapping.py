"""The sheet's `columns` text: which column of a table is which, and in what unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ainu.errors import AinuError
from ainu.localizations.formats.units import LENGTH_COLUMNS, LENGTHS
from ainu.localizations.table import COLUMNS

KEEP = "keep"
REQUIRED = ("x", "y")


@dataclass(frozen=True)
class ColumnMapping:
    """Columns of a table.

    Attributes
    ----------
    names : dict of str to str
        Canonical column -> column of the file.
    units : dict of str to str
        Canonical column -> unit, for lengths.
    keep : tuple of str
        Columns kept under their own names.
    first_frame : int
        Number of the first frame.
    """

    names: dict[str, str]
    units: dict[str, str]
    keep: tuple[str, ...] = ()
    first_frame: int = 0


def canonical(present: Sequence[str]) -> ColumnMapping:
    """The mapping of a table whose columns have canonical names already, in nm."""
    names = {name: name for name in COLUMNS if name in present}
    return ColumnMapping(names, {name: "nm" for name in LENGTH_COLUMNS if name in names})


def parse(text: str, present: Sequence[str]) -> ColumnMapping:
    """Read a mapping, `x=pos_x[px],y=pos_y[px],frame=t[1],keep=a+b`.

    Parameters
    ----------
    text : str
        Parts `canonical=column[suffix]`. The suffix is nm (default), um or px for a length, the number of the first
        frame for `frame`. A name that is a column as a whole (`x[nm]`) keeps its brackets, and they give its unit.
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
    units = {name: suffixes[name] or "nm" for name in LENGTH_COLUMNS if name in names}
    return ColumnMapping(names, units, keep, int(suffixes.get("frame") or 0))


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
