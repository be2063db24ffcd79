"""Insight3 molecule lists exported as text: the fields of the binary list as columns, in camera pixels.

The first column is the category; its name is `Cas` and the number of molecules. Positions count as in the binary list:
the centre of the first pixel is 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ainu.localizations.formats import delimited_text, dialect
from ainu.localizations.formats.builder import correction_notes, kept_columns, measured_columns, own_correction
from ainu.localizations.formats.double import number_type, scaled
from ainu.localizations.formats.insight3_layout import LEFT_EDGE
from ainu.localizations.formats.named_text import need
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.units import need_pixel_size

CATEGORY = re.compile(r"Cas\d*", re.IGNORECASE)
REQUIRED = ("X", "Y", "Frame")
COLUMNS = {
    "x": "X",
    "y": "Y",
    "z": "Z",
    "frame": "Frame",
    "photons": "Area",
    "background": "BG",
    "sigma": "Width",
}
CORRECTED = {"x": "Xc", "y": "Yc", "z": "Zc"}
UNITS = {
    "x": "px",
    "y": "px",
    "z": "nm",
    "photons": "camera counts",
    "background": "camera counts",
    "sigma": "2 sd, nm",
}
Z_OUT_OF_RANGE = "9"


def is_list(head: bytes) -> bool:
    """Whether a file with these first bytes is such a list."""
    form = dialect.of(head)
    return form is not None and bool(CATEGORY.fullmatch(form.names[0])) and form.has(*REQUIRED)


def read(path: Path, pixel_size_nm: float | None, keep: Sequence[str], corrected: bool) -> Raw:
    """Read a list.

    Parameters
    ----------
    path : Path
        Text file of Insight3.
    pixel_size_nm : float
        Camera pixel.
    keep : sequence of str
        Further columns, under their own names.
    corrected : bool
        Take the positions that the file's own drift correction gave.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        A column is missing, there is text in a number, no rows, or no pixel size.
    """
    form = dialect.of_file(path)
    need(path, form, REQUIRED)
    pixel = need_pixel_size(pixel_size_nm, f"{path}: Insight3 positions are")
    sources = {name: own for name, title in COLUMNS.items() if (own := form.column(title)) is not None}
    moved = {axis: own for axis, title in CORRECTED.items() if (own := form.column(title)) is not None}
    if corrected:
        need(path, form, [CORRECTED[axis] for axis in CORRECTED if axis in sources])
    numbers: dict[str, type] = dict.fromkeys([*sources.values(), *moved.values()], number_type())
    numbers |= dict.fromkeys([sources["frame"], *keep], np.float64)
    table = delimited_text.read(path, form, numbers, code=form.names[0])
    scale = {axis: 1.0 if axis == "z" else pixel for axis in CORRECTED}
    shifts = [
        scaled(table.numbers[own] - table.numbers[sources[axis]], scale[axis])
        for axis, own in moved.items()
        if axis in sources
    ]
    correction = own_correction(", ".join(moved.values()), corrected, shifts) if shifts else {}
    columns = {name: table.numbers[own] for name, own in (sources | (moved if corrected else {})).items()}
    for axis in ("x", "y"):
        columns[axis] = scaled(columns[axis] - LEFT_EDGE, pixel)
    if "sigma" in columns:
        columns["sigma"] = columns["sigma"] / 2
    return Raw(
        columns=measured_columns(columns),
        rows=table.rows,
        units=UNITS,
        codes=table.codes,
        code_names=delimited_text.whole_codes(table.code_names),
        rejected={Z_OUT_OF_RANGE: "z out of range (category 9)"},
        extra=kept_columns(table.numbers, keep),
        first_frame=1,
        pixel_size_nm=pixel,
        correction=correction,
        notes=(*form.notes(("\t",)), *correction_notes(correction, "drift correction")),
    )


names = dialect.column_names
