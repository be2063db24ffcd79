"""rapidSTORM localizations (`.txt`): a line of XML that names the columns and their units, then numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ainu.errors import AinuError
from ainu.files import HEAD_BYTES
from ainu.localizations.formats import delimited_text as text
from ainu.localizations.formats.raw import Raw, as_extra, measured, root_mean_square
from ainu.localizations.formats.units import nm_per_unit

NAME = "rapidstorm"
VERSION = 1

SINGLE = {"x": "Position-0-0", "y": "Position-1-0", "frame": "ImageNumber-0-0"}
OPTIONAL = {"z": "Position-2-0", "photons": "Amplitude-0-0", "background": "LocalBackground-0-0"}
PRECISION = ("Position-0-0-uncertainty", "Position-1-0-uncertainty")
UNITS = {"nanometer": "nm", "micrometer": "um", "pixel": "px", "A/D count": "camera counts"}


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    return head.startswith(b"#") and "<localizations" in text.first_line(head)


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
    pixel_size_nm : float, optional
        Camera pixel, where positions are in pixels.
    keep : sequence of str
        Further columns, under their own names.

    Raises
    ------
    AinuError
        A column is missing, there is text in a number, or there are no rows.
    """
    fields = _fields(path)
    source = SINGLE | {name: column for name, column in OPTIONAL.items() if column in fields}
    both = PRECISION if set(PRECISION) <= set(fields) else ()
    numbers: dict[str, type] = dict.fromkeys([*source.values(), *both], np.float32)
    numbers |= dict.fromkeys([SINGLE["frame"], *keep], np.float64)
    table = text.read(path, list(fields), numbers, delimiter=" ", quoted=False)
    columns = {name: table.numbers[column] for name, column in source.items()}
    if both:
        columns["precision"] = root_mean_square(*(table.numbers[name] for name in both))
    units = {
        name: fields[column] for name, column in (source | {"precision": PRECISION[0]}).items() if column in fields
    }
    for name in [name for name in ("x", "y", "z", "precision") if name in columns]:
        columns[name] = columns[name] * np.float32(nm_per_unit(units[name], pixel_size_nm, f"{path}: {name} is"))
    return Raw(
        columns={name: values for name, values in columns.items() if name in SINGLE or measured(values)},
        rows=table.rows,
        units={name: unit for name, unit in units.items() if name != "frame"},
        extra={name: as_extra(table.numbers[name]) for name in keep},
        pixel_size_nm=pixel_size_nm if "px" in units.values() else None,
    )


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    return list(_fields(path))


def _fields(path: str | Path) -> dict[str, str]:
    """Columns with their units, in order. The line is searched, not parsed: no XML entity is ever expanded."""
    with open(path, "rb") as file:
        line = text.first_line(file.read(HEAD_BYTES))
    found: dict[str, str] = {}
    for attributes in re.findall(r"<field\s([^<>]*)/?>", line):
        values: dict[str, str] = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        name = values.get("identifier", "")
        if not name or name in found:
            raise AinuError(f"the first line names the column {name!r} twice or not at all")
        unit = values.get("unit", "")
        found[name] = UNITS.get(unit) or unit
    return found
