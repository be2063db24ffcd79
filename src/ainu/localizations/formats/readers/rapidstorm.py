"""rapidSTORM localizations (`.txt`): a line of XML that names the columns and their units, then numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ainu.errors import AinuError
from ainu.files import HEAD_BYTES
from ainu.localizations.formats import delimited_text
from ainu.localizations.formats.builder import measured_columns, of_pairs, of_text, read_text, to_nm
from ainu.localizations.formats.raw import Raw

NAME = "rapidstorm"
VERSION = 1

SINGLE = {"x": "Position-0-0", "y": "Position-1-0", "frame": "ImageNumber-0-0"}
OPTIONAL = {"z": "Position-2-0", "photons": "Amplitude-0-0", "background": "LocalBackground-0-0"}
PRECISION = ("Position-0-0-uncertainty", "Position-1-0-uncertainty")
UNITS = {"nanometer": "nm", "micrometer": "um", "pixel": "px", "A/D count": "camera counts"}


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    return head.startswith(b"#") and "<localizations" in delimited_text.first_line(head)


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
    fields = _fields(path)
    source = SINGLE | {name: column for name, column in OPTIONAL.items() if column in fields}
    both = PRECISION if set(PRECISION) <= set(fields) else ()
    table, columns = read_text(path, list(fields), source, keep, both, delimiter=" ", quoted=False)
    columns |= of_pairs(table.numbers, {"precision": PRECISION})
    units = {
        name: fields[column] for name, column in (source | {"precision": PRECISION[0]}).items() if column in fields
    }
    units.pop("frame")
    pixel = pixel_size_nm if to_nm(columns, units, pixel_size_nm, path) else None
    return of_text(table, measured_columns(columns), keep, units=units, pixel_size_nm=pixel)


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    return list(_fields(path))


def _fields(path: str | Path) -> dict[str, str]:
    """Columns with their units, in order. The line is searched, not parsed: no XML entity is ever expanded."""
    with open(path, "rb") as file:
        line = delimited_text.first_line(file.read(HEAD_BYTES))
    found: dict[str, str] = {}
    for attributes in re.findall(r"<field\s([^<>]*)/?>", line):
        values: dict[str, str] = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        name = values.get("identifier", "")
        if not name or name in found:
            raise AinuError(f"the first line names the column {name!r} twice or not at all")
        unit = values.get("unit", "")
        found[name] = UNITS.get(unit) or unit
    return found
