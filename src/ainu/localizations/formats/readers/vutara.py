"""Bruker Vutara SRX localizations (`.csv`): lists and particle exports, positions in nm, a colour per `probe`.

The columns are those that public scripts write for SRX and read from it (fileIO of PALMsiever, CIMA, W-4PiSMS). The
photons of the two planes of a biplane camera are summed in `photon-count`; its background is the sum of `background11`
to `background22`. Rows with `valid` 0 are no measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.formats import dialect
from ainu.localizations.formats.builder import measured_columns
from ainu.localizations.formats.named_text import described, fixed, need, read_named
from ainu.localizations.formats.raw import Raw

NAME = "vutara"
VERSION = 1

SINGLE = {"x": "x", "y": "y", "z": "z", "frame": "frame", "photons": "photon-count", "channel": "probe"}
PAIRS = {"precision": ("precisionx", "precisiony"), "sigma": ("psfx", "psfy")}
UNITS = {"x": "nm", "y": "nm", "z": "nm", "precision": "nm", "sigma": "nm", "photons": "photon", "background": "photon"}
BACKGROUND = ("background11", "background12", "background21", "background22")
COUNTERS = ("cycle", "z-step", "time-point")
VALID = "valid"
TYPICAL = ("x", "y", "frame", "photon-count", "psfx")


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    form = dialect.of(head)
    return form is not None and form.has(*TYPICAL)


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        CSV of SRX.
    pixel_size_nm : float, optional
        Not needed: positions are in nm.
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
    need(path, form, ("x", "y", "frame"))
    named = fixed(form, SINGLE, UNITS, PAIRS)
    further = [own for name in (*BACKGROUND, *COUNTERS, VALID) if (own := form.column(name))]
    raw, table = read_named(path, form, named, keep, further=further)
    numbers = {name: table.numbers[own] for name in (*BACKGROUND, *COUNTERS, VALID) if (own := form.column(name))}
    columns = dict(raw.columns)
    if planes := [numbers[name] for name in BACKGROUND if name in numbers]:
        columns["background"] = np.add.reduce(planes).astype(np.float32)
    bad = {"not valid": numbers[VALID] == 0} if VALID in numbers else {}
    notes = (*form.notes((",",)), *_counters(numbers))
    return described(raw, notes, columns=measured_columns(columns), units=UNITS, bad=bad)


def _counters(numbers: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    """A note where frames start again in each cycle, step or time point."""
    several = [name for name in COUNTERS if name in numbers and (numbers[name] != numbers[name][0]).any()]
    return (f"holds several of {', '.join(several)}, whose frames may overlap",) if several else ()


names = dialect.column_names
