"""Leica SR GSD event lists (`.ascii`): comma-separated, positions in camera pixels.

The columns are known from programs that read them (fileIO of PALMsiever: stackID, frameID, eventID, x0, y0,
photon_count, z0, type, n_raw; fileConv of MIiSR), which scale x, y and z by the camera's pixel. Header names vary, so
that blanks, signs and case do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ainu.errors import AinuError
from ainu.localizations.formats import dialect
from ainu.localizations.formats.builder import measured_columns
from ainu.localizations.formats.column_names import NamedColumns, parts
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.named_text import described, read_named
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.units import LENGTH_COLUMNS

NAME = "leica_gsd"
VERSION = 1

TITLES = {
    "x": ("x0", "x", "xcoordinate", "xpos"),
    "y": ("y0", "y", "ycoordinate", "ypos"),
    "z": ("z0", "z", "zcoordinate", "zpos"),
    "frame": ("frameid", "frame"),
    "photons": ("photoncount", "photons", "intensity"),
}
IDS = {"frameid", "eventid"}


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    form = dialect.of(head)
    return form is not None and {parts(name)[0] for name in form.names} >= IDS and {"x", "y"} <= set(_single(form))


def _single(form: Dialect) -> dict[str, str]:
    bare = {parts(name)[0]: name for name in reversed(form.names)}
    found = {target: next((bare[own] for own in known if own in bare), "") for target, known in TITLES.items()}
    return {target: name for target, name in found.items() if name}


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        Event list of Leica.
    pixel_size_nm : float, optional
        Camera pixel, unless the header names a unit.
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
    single = _single(form)
    for name in ("x", "y"):
        if name not in single:
            raise AinuError(f"{path}: column {name!r} is missing; the columns are: {', '.join(form.names)}")
    units = {name: parts(own)[1] or "px" for name, own in single.items() if name in LENGTH_COLUMNS}
    raw, _ = read_named(path, form, NamedColumns(single, units=units), keep, pixel_size_nm=pixel_size_nm)
    return described(raw, form.notes((",",)), columns=measured_columns(raw.columns))


names = dialect.column_names
