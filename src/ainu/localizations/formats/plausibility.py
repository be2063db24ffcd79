"""What about the values of a file is so unusual that its unit, its metadata or its columns may be misread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST_FIELD_NM = 2000.0
"""A nucleus is larger in both directions; a field of camera pixels or micrometres taken for nm is smaller."""
WIDEST_NM = 250_000.0
"""From where positions are counted: float32 holds what is closer to 0.01 nm."""
HIGHEST_Z_NM = 20_000.0
"""Single molecules are localized over a micrometre or two, or over a nucleus in several planes, not over more."""
RETRY = "set the unit in the sheet's `columns` (x=...[px],y=...[px], or [um])"


def value_notes(columns: Mapping[str, NDArray[Any]], units: Mapping[str, str], guessed: bool = False) -> Iterator[str]:
    """Notes on values that hint at a wrong unit.

    Parameters
    ----------
    columns : mapping of str to (n,) array
        Canonical columns in canonical units, of the usable rows.
    units : mapping of str to str
        Unit that each column has in the file.
    guessed : bool
        Whether the unit of x and y is a guess.

    Yields
    ------
    str
    """
    yield from _small_field(columns, units, guessed)
    if note := reach_note(columns["x"], columns["y"]):
        yield note
    if "z" in columns and (span := _span(columns["z"])) > HIGHEST_Z_NM:
        yield (
            f"z spans {span / 1000:.0f} µm, more than an objective sees: is its unit wrong "
            "(z in nm that a program multiplied by the pixel size, say)?"
        )


def small_field(x: NDArray[Any], y: NDArray[Any]) -> str:
    """The extent of a field too small for a nucleus, in words; empty for a larger one or one without localizations.

    Parameters
    ----------
    x, y : (n,) array
        Positions, nm.

    Returns
    -------
    str
    """
    width, height = _span(x), _span(y)
    if len(x) < 2 or max(width, height) >= SMALLEST_FIELD_NM:
        return ""
    return f"{_um(width)} x {_um(height)} µm"


def reach_note(x: NDArray[Any], y: NDArray[Any], middle: str = "their middle") -> str:
    """What is said of positions too far from where they are counted; empty for others.

    Parameters
    ----------
    x, y : (n,) array
        Positions, nm.
    middle : str
        From where they are counted, in words.

    Returns
    -------
    str
    """
    reach = max(float(np.abs(values).max(initial=0)) for values in (x, y))
    if reach <= WIDEST_NM:
        return ""
    return f"positions reach {reach / 1000:.0f} µm from {middle}; beyond 250 µm they are less exact than 0.01 nm"


def _um(span_nm: float) -> str:
    return f"{span_nm / 1000:.3g}"


def _small_field(columns: Mapping[str, NDArray[Any]], units: Mapping[str, str], guessed: bool) -> Iterator[str]:
    extent = small_field(columns["x"], columns["y"])
    if extent:
        yield f"the localizations cover {extent}, less than a nucleus: {_cause(units.get('x', 'nm'), guessed)}"


def _cause(unit: str, guessed: bool) -> str:
    if guessed:
        return f"x, y have no unit in the file and were taken for nm; if they are in camera pixels or µm, {RETRY}"
    if unit == "px":
        return "is the pixel size right?"
    return f"they are read in {unit}; if they are in camera pixels or µm, {RETRY}"


def _span(values: NDArray[Any]) -> float:
    """Largest less smallest value; 0 for none."""
    return float(values.max()) - float(values.min()) if len(values) else 0.0
