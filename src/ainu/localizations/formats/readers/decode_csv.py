"""DECODE emitters as CSV: positions in the unit of the column `xy_unit`, or of a line of JSON before the header."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ainu.errors import AinuError
from ainu.localizations.formats import dialect
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.double import as_numbers, scaled
from ainu.localizations.formats.named_text import described, fixed, read_named
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.units import need_pixel_size

LEFT_EDGE = -0.5
"""Where the first pixel begins, its centre being 0."""
REQUIRED = ("x", "y", "phot", "frame_ix")
COLUMNS = {"x": "x", "y": "y", "z": "z", "frame": "frame_ix", "photons": "phot", "background": "bg"}
PAIRS = {"precision": ("x_sig", "y_sig")}
UNIT = "xy_unit"


def is_emitters(head: bytes) -> bool:
    """Whether a file with these first bytes is such a table."""
    form = dialect.of(head)
    return form is not None and form.has(*REQUIRED)


def read(path: str | Path, pixel_size_nm: float | None, keep: Sequence[str]) -> Raw:
    """Read emitters.

    Parameters
    ----------
    path : path
        CSV of DECODE.
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
        The unit is unknown, there is no pixel size, or the rows cannot be read.
    """
    form = dialect.of_file(path)
    described_by = _metadata(form)
    unit = _unit(path, form, described_by)
    pixel = _pixel(path, described_by, pixel_size_nm, unit)
    units = {"x": unit, "y": unit, "z": "nm", "precision": unit, "photons": "photon", "background": "photon"}
    raw, _ = read_named(path, form, fixed(form, COLUMNS, units, PAIRS), keep, pixel_size_nm=pixel[0])
    columns = dict(raw.columns)
    for axis, size in zip(("x", "y"), pixel, strict=True):
        own = scaled(columns[axis], size / pixel[0]) if unit == "px" else columns[axis]
        columns[axis] = as_numbers(own - own.dtype.type(LEFT_EDGE * size))
    notes = [] if pixel[0] else ["x, y count from the centre of the first pixel; pixel_size_nm shifts them to its edge"]
    columns = {name: values for name, values in columns.items() if name != "precision" or not np.isnan(values).all()}
    return described(raw, (*form.notes((",",), comments=True), *notes), columns=columns, pixel_size_nm=pixel[0] or None)


def _metadata(form: Dialect) -> dict[str, Any]:
    """What the lines of JSON before the header say."""
    found: dict[str, Any] = {}
    for line in form.comments:
        try:
            own = json.loads(line.lstrip("# "))
        except (ValueError, RecursionError):
            continue
        found |= own if isinstance(own, dict) else {}
    return found


def _unit(path: str | Path, form: Dialect, metadata: dict[str, Any]) -> str:
    place = form.names.index(own) if (own := form.column(UNIT)) else None
    told = {row[place] for row in form.sample} if place is not None else {str(metadata.get(UNIT, "px"))}
    if len(told) != 1 or told - {"px", "nm"}:
        raise AinuError(f"{path}: {UNIT} is {', '.join(sorted(map(repr, told)))}; known are, one for all rows: px, nm")
    return told.pop()


def _pixel(path: str | Path, metadata: dict[str, Any], given: float | None, unit: str) -> tuple[float, float]:
    """Size (x, y) of a pixel in nm; 0 where it is not known and not needed."""
    in_file = metadata.get("px_size")
    if given is None and isinstance(in_file, list) and len(in_file) == 2 and all(_is_length(size) for size in in_file):
        return float(in_file[0]), float(in_file[1])
    if given is None and unit == "nm":
        return 0.0, 0.0
    size = need_pixel_size(given, f"{path}: no px_size in the file; x, y are")
    return size, size


def _is_length(size: Any) -> bool:
    return isinstance(size, int | float) and np.isfinite(size) and size > 0
