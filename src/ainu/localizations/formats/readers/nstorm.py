"""Nikon N-STORM molecule lists exported as text (`.txt`): 24 columns (2-D), 26 (3-D), those of version 5, or fewer.

All columns but X, Y and Frame are optional. Version 5 has no photons: `Area`, in camera counts, is read in their place.
The columns carry over Insight3's fields, with positions in nm. That `Width` is twice the standard deviation follows
from the files themselves: for a molecule of one frame, Area = 2 pi Height (sd / pixel)^2 holds with sd = Width / 2 and
with the camera's pixel of 160 nm; Photons is Area times a constant factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.formats import delimited_text, dialect
from ainu.localizations.formats.builder import (
    correction_notes,
    kept_columns,
    measured_columns,
    own_correction,
)
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.double import number_type
from ainu.localizations.formats.named_text import need
from ainu.localizations.formats.raw import Raw, measured
from ainu.localizations.formats.readers import picasso_text

NAME = "nstorm"
VERSION = 1

CHANNELS = ("Channel Name", "Channel")
REQUIRED = ("X", "Y", "Frame")
TYPICAL = ("Xc", "Yc", "Xw", "Yw", "Area", "Width", "Phi", "Height", "BG", "Length", "Link", "Valid")
FEWEST_TYPICAL = 4
AREA = "Area"
COLUMNS = {
    "x": "X",
    "y": "Y",
    "z": "Z",
    "frame": "Frame",
    "photons": "Photons",
    "background": "BG",
    "precision": "Lateral Localization Accuracy",
    "sigma": "Width",
}
UNITS = {"x": "nm", "y": "nm", "z": "nm", "photons": "photon", "precision": "nm", "sigma": "2 sd, nm"}
REJECTED = {"Z Rejected": "z rejected", "Non Specific Activation": "non-specific activation"}
CORRECTED = {"x": "Xc", "y": "Yc", "z": "Zc"}
WARPED = ("Xw", "Yw")
OWN_CORRECTION = True


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    if dialect.first_line(head).startswith(f"{CHANNELS[0]}\t"):
        return True
    form = dialect.of(head)
    if form is None or picasso_text.is_export(head):  # which imitates these lists, with other units
        return False
    return form.has(*REQUIRED) and sum(form.has(name) for name in TYPICAL) >= FEWEST_TYPICAL


def read(
    path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = (), corrected: bool = False
) -> Raw:
    """Read a molecule list.

    Parameters
    ----------
    path : path
        Text file of Nikon's program.
    pixel_size_nm : float, optional
        Not needed: positions are in nm.
    keep : sequence of str
        Further columns, under their own names.
    corrected : bool
        Take the positions that the file's own drift correction gave (`Xc`, `Yc`, `Zc`).

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
    need(path, form, REQUIRED)
    sources = {name: own for name, title in COLUMNS.items() if (own := form.column(title)) is not None}
    if corrected:
        need(path, form, [CORRECTED[axis] for axis in CORRECTED if axis in sources])
    code = next((own for name in CHANNELS if (own := form.column(name))), None)
    titles = [*COLUMNS.values(), AREA, *CORRECTED.values(), *WARPED]
    own_names = {title: own for title in titles if (own := form.column(title)) is not None}
    numbers: dict[str, type] = dict.fromkeys(own_names.values(), number_type())
    numbers |= dict.fromkeys([sources["frame"], *keep], np.float64)
    table = delimited_text.read(path, form, numbers, code=code, quoted=_quoted(form))
    found = {title: table.numbers[own] for title, own in own_names.items()}
    correction = _correction(found, corrected)
    taken = {name: title for name, title in COLUMNS.items() if title in found}
    moved = {axis: own for axis, own in CORRECTED.items() if corrected and axis in taken}
    columns, units = _canonical(found, taken | moved)
    counts = () if "photons" in taken or "photons" not in columns else (f"no photons: {AREA} (camera counts) is read",)
    return Raw(
        columns=columns,
        rows=table.rows,
        units=units,
        codes=table.codes,
        code_names=delimited_text.whole_codes(table.code_names),
        rejected=REJECTED,
        extra=kept_columns(table.numbers, keep),
        first_frame=1,
        correction=correction,
        notes=(*form.notes(("\t",)), *counts, *correction_notes(correction, "drift correction"), *_warped(found)),
        unread=tuple(name for name in form.names if name and name not in numbers and name != code),
    )


names = dialect.column_names


def _quoted(form: Dialect) -> bool:
    """Whether cells are in quotation marks, which Nikon's program does not write."""
    return any(cell.startswith('"') for row in form.sample for cell in row)


def _canonical(
    numbers: dict[str, NDArray[Any]], sources: dict[str, str]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    columns = measured_columns({name: numbers[own] for name, own in sources.items()})
    units = {name: UNITS[name] for name in columns if name in UNITS}
    if "sigma" in columns:
        columns["sigma"] = columns["sigma"] / 2
    if "photons" not in sources and AREA in numbers and measured(numbers[AREA]):
        columns["photons"], units["photons"] = numbers[AREA], "camera counts"
    if "background" in columns:
        factor = _photons_per_count(numbers)
        columns["background"] = columns["background"] * np.float32(factor)
        units["background"] = f"camera counts ({factor:.4g} photons each)"
    return columns, units


def _photons_per_count(numbers: dict[str, NDArray[Any]]) -> float:
    """The factor with which Nikon's program turned camera counts (Area) into photons."""
    if AREA not in numbers or COLUMNS["photons"] not in numbers:
        return 1.0
    area, photons = numbers[AREA].astype(np.float64), numbers[COLUMNS["photons"]]
    known = (area > 0) & (photons > 0) & np.isfinite(area) & np.isfinite(photons)
    return round(float(np.median(photons[known] / area[known])), 6) if known.any() else 1.0


def _correction(numbers: dict[str, NDArray[Any]], used: bool) -> dict[str, Any]:
    """What the file's own drift correction did; z counts only in a 3-D file, whose Z is not all 0."""
    there = [axis for axis in CORRECTED if COLUMNS[axis] in numbers]
    axes = [axis for axis in there if axis != "z" or measured(numbers[COLUMNS["z"]])]
    pairs = {CORRECTED[axis]: COLUMNS[axis] for axis in axes if CORRECTED[axis] in numbers}
    shifts = [numbers[own] - numbers[raw] for own, raw in pairs.items()]
    return own_correction(", ".join(pairs), used, shifts) if shifts else {}


def _warped(numbers: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    shifts = [numbers[own] - numbers[raw] for own, raw in zip(WARPED, ("X", "Y"), strict=True) if own in numbers]
    warp = own_correction(", ".join(WARPED), False, shifts) if shifts else {}
    return correction_notes(warp, "chromatic correction")
