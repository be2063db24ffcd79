"""ViSP localizations (`.2d`, `.3d`, `.2dlp`, `.3dlp`): numbers without a header, in nm.

After public writers (`export_3d_visp` of Picasso, `SaveViSP.m` of SharpViSu, the batch scripts for ThunderSTORM): x, y
(, z), intensity, frame; the files with the localization precision have it along each axis before the intensity. Since
nothing else tells them, they are recognised by their ending and the number of their columns. The precision is not read:
some writers give a standard deviation, others a full width at half maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ainu.errors import AinuError
from ainu.localizations.formats import dialect
from ainu.localizations.formats.builder import measured_columns
from ainu.localizations.formats.column_names import NamedColumns
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.named_text import described, read_named
from ainu.localizations.formats.raw import Raw

NAME = "visp"
VERSION = 1

COLUMNS = {
    ".2d": ("x", "y", "intensity", "frame"),
    ".3d": ("x", "y", "z", "intensity", "frame"),
    ".2dlp": ("x", "y", "dx", "dy", "intensity", "frame"),
    ".3dlp": ("x", "y", "z", "dx", "dy", "dz", "intensity", "frame"),
}
UNITS = {"x": "nm", "y": "nm", "z": "nm", "photons": "as in the file"}
PRECISION = "dx"


def sniff(path: Path, head: bytes) -> bool:
    """Whether a file with this ending has the columns that belong to it, and no header."""
    columns = COLUMNS.get(path.suffix.lower(), ())
    form = dialect.of(head) if columns else None
    return form is not None and not form.headed and len(form.names) == len(columns)


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        File for ViSP.
    pixel_size_nm : float, optional
        Not needed: positions are in nm.
    keep : sequence of str
        Further columns, under the names in `COLUMNS`.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        Another ending or number of columns than ViSP has, text in a number, or no rows.
    """
    form = form_of(path)
    single = {"x": "x", "y": "y", "frame": "frame", "photons": "intensity"} | ({"z": "z"} if "z" in form.names else {})
    units = {name: unit for name, unit in UNITS.items() if name in single}
    raw, _ = read_named(path, form, NamedColumns(single, units=units), keep)
    notes = ["dx, dy are not read: writers give standard deviations or full widths"] if PRECISION in form.names else []
    told = (*form.notes(("\t", dialect.BLANKS), comments=True), *notes)
    return described(raw, told, columns=measured_columns(raw.columns), unread=())


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    return list(form_of(path).names)


def form_of(path: str | Path) -> Dialect:
    """How the file is written, with the names of the columns that belong to its ending.

    Parameters
    ----------
    path : path
        File for ViSP.

    Returns
    -------
    Dialect

    Raises
    ------
    AinuError
        The file has another ending, other columns, or a header.
    """
    form, ending = dialect.of_file(path), Path(path).suffix.lower()
    if form.headed or len(form.names) != len(COLUMNS.get(ending, ())):
        raise AinuError(
            f"{path}: {len(form.names)} columns and the ending {ending!r}; ViSP's files have no header and "
            + ", ".join(f"{len(columns)} columns ({end})" for end, columns in COLUMNS.items())
        )
    return replace(form, names=COLUMNS[ending])
