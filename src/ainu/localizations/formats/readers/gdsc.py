"""GDSC SMLM results as text (`.xls`, `.txt`): comment lines with the calibration, then tab-separated columns.

After the program's own writer (`TextFilePeakResults.java`, `FilePeakResults.java`): the header is the last comment
line, and the comment `Calibration` holds the camera pixel as XML (`<nmPerPixel>`) or JSON (`nmPerPixel`). Names carry
their unit in round brackets, `X (px)`; where they carry none, positions and widths are in pixels, intensities in camera
counts. Frames count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ainu.localizations.formats import dialect
from ainu.localizations.formats.builder import measured_columns
from ainu.localizations.formats.column_names import NamedColumns, parts
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.named_text import described, need, read_named
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.units import LENGTHS, need_pixel_size

NAME = "gdsc"
VERSION = 1

TITLES = {
    "x": ("x",),
    "y": ("y",),
    "z": ("z",),
    "frame": ("frame", "peak"),
    "photons": ("signal", "intensity"),
    "background": ("background",),
    "precision": ("precision",),
    "sigma": ("s", "sd"),
    "channel": ("category",),
}
PAIRS = {"sigma": (("sx", "sy"), ("xsd", "ysd"))}
LENGTH_UNITS = {"x": "px", "y": "px", "z": "px", "sigma": "px", "precision": "nm"}
TITLE = "#Localisation Results File"
ORIGINAL = ("origX", "origY")
PIXEL = re.compile(r"nmPerPixel\W+([0-9.]+(?:[eE][+-]?[0-9]+)?)")


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    form = dialect.of(head)
    return form is not None and (head.startswith(TITLE.encode()) or form.has(*ORIGINAL, "Error", "Noise"))


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        Results of GDSC SMLM.
    pixel_size_nm : float, optional
        Camera pixel; overrides that of the file.
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
    need(path, form, ORIGINAL)
    named = _named(form)
    own = _pixel(form)
    given = own if pixel_size_nm is None else pixel_size_nm
    if "px" in named.units.values():
        need_pixel_size(given, f"{path}: no nmPerPixel in the file; x, y are")
    raw, _ = read_named(path, form, named, keep, pixel_size_nm=given, first_frame=1)
    units = raw.units | {name: raw.units.get(name) or "camera counts" for name in ("photons", "background")}
    notes = [f"the file's calibration says {own:g} nm per pixel; {given:g} nm were given and used"]
    told = (*form.notes(("\t",), comments=True), *(notes if own and given != own else ()))
    return described(raw, told, columns=measured_columns(raw.columns), units=units)


def _named(form: Dialect) -> NamedColumns:
    split = {parts(name)[0]: (name, parts(name)[1]) for name in reversed(form.names)}
    found = {target: next((split[own] for own in known if own in split), None) for target, known in TITLES.items()}
    single = {target: own[0] for target, own in found.items() if own is not None}
    units = {target: own[1] for target, own in found.items() if own is not None}
    pairs = {}
    for target, known in PAIRS.items():
        pair = next((pair for pair in known if set(pair) <= set(split)), None)
        if pair and target not in single:
            pairs[target] = (split[pair[0]][0], split[pair[1]][0])
            units[target] = split[pair[0]][1]
    lengths = {name: units[name] or unit for name, unit in LENGTH_UNITS.items() if name in units}
    if lengths.get("z") not in LENGTHS:
        lengths.pop("z", None)
        single.pop("z", None)
    return replace(NamedColumns(single, pairs), units=units | lengths)


def _pixel(form: Dialect) -> float | None:
    """Size of the camera pixel by the calibration, nm. The text is searched, not parsed as XML."""
    found = [PIXEL.search(line) for line in form.comments if line.startswith("#Calibration")]
    sizes = [float(match.group(1)) for match in found if match]
    return sizes[0] if sizes and sizes[0] > 0 else None


names = dialect.column_names
