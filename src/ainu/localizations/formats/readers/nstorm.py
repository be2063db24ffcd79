"""Nikon N-STORM molecule lists exported as text (`.txt`), with 24 columns (2-D) or 26 (3-D).

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

from ainu.localizations.formats import delimited_text
from ainu.localizations.formats.builder import (
    correction_notes,
    kept_columns,
    measured_columns,
    own_correction,
    read_text,
)
from ainu.localizations.formats.raw import Raw, measured

NAME = "nstorm"
VERSION = 1

CHANNEL = "Channel Name"
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
    return delimited_text.first_line(head).startswith(f"{CHANNEL}\t")


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
    there = names(path)
    checks = [name for name in (*CORRECTED.values(), *WARPED) if corrected or name in there]
    further = ["Area", *checks]
    table, _ = read_text(path, there, COLUMNS, keep, further, code=CHANNEL, delimiter="\t", quoted=False)
    correction = _correction(table.numbers, corrected)
    columns, units = _canonical(table.numbers, COLUMNS | (CORRECTED if corrected else {}))
    return Raw(
        columns=columns,
        rows=table.rows,
        units=units,
        codes=table.codes,
        code_names=table.code_names,
        rejected=REJECTED,
        extra=kept_columns(table.numbers, keep),
        first_frame=1,
        correction=correction,
        notes=correction_notes(correction, "drift correction") + _warped(table.numbers),
    )


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    return delimited_text.column_names(path, "\t", quoted=False)


def _canonical(
    numbers: dict[str, NDArray[Any]], sources: dict[str, str]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    columns = measured_columns({name: numbers[own] for name, own in sources.items()})
    units = {name: UNITS[name] for name in columns if name in UNITS}
    if "sigma" in columns:
        columns["sigma"] = columns["sigma"] / 2
    if "background" in columns:
        factor = _photons_per_count(numbers)
        columns["background"] = columns["background"] * np.float32(factor)
        units["background"] = f"camera counts ({factor:.4g} photons each)"
    return columns, units


def _photons_per_count(numbers: dict[str, NDArray[Any]]) -> float:
    """The factor with which Nikon's program turned camera counts (Area) into photons."""
    area, photons = numbers["Area"].astype(np.float64), numbers[COLUMNS["photons"]]
    known = (area > 0) & (photons > 0) & np.isfinite(area) & np.isfinite(photons)
    return round(float(np.median(photons[known] / area[known])), 6) if known.any() else 1.0


def _correction(numbers: dict[str, NDArray[Any]], used: bool) -> dict[str, Any]:
    """What the file's own drift correction did; z counts only in a 3-D file, whose Z is not all 0."""
    axes = [axis for axis in CORRECTED if axis != "z" or measured(numbers[COLUMNS["z"]])]
    pairs = {CORRECTED[axis]: COLUMNS[axis] for axis in axes if CORRECTED[axis] in numbers}
    shifts = [numbers[own] - numbers[raw] for own, raw in pairs.items()]
    return own_correction(", ".join(pairs), used, shifts) if shifts else {}


def _warped(numbers: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    shifts = [numbers[own] - numbers[raw] for own, raw in zip(WARPED, ("X", "Y"), strict=True) if own in numbers]
    warp = own_correction(", ".join(WARPED), False, shifts) if shifts else {}
    return correction_notes(warp, "chromatic correction")
