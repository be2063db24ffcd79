"""From columns of a file to its rows (`Raw`), as several readers need it: lengths in nm, widths, channel codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.formats import delimited_text
from ainu.localizations.formats.double import scaled
from ainu.localizations.formats.raw import Raw, measured
from ainu.localizations.formats.units import LENGTH_COLUMNS, nm_per_unit

Arrays = dict[str, NDArray[Any]]
ALWAYS = ("x", "y", "frame")
"""Columns that are measured even where all values are 0."""


# Columns of any format -----------------------------------------------------------------------------------------------


def measured_columns(columns: Mapping[str, NDArray[Any]]) -> Arrays:
    """The columns, (n,) each, without those that the format filled with 0 since nothing was measured."""
    return {name: values for name, values in columns.items() if name in ALWAYS or measured(values)}


def kept_columns(found: Mapping[str, NDArray[Any]], keep: Sequence[str]) -> Arrays:
    """The columns, (n,) each, that are kept under their own names."""
    return {name: as_extra(found[name]) for name in keep}


def as_extra(values: NDArray[Any]) -> NDArray[Any]:
    """A kept column, (n,), as it is stored: whole numbers as int32, whatever their type in the file."""
    whole = np.isfinite(values).all() and (np.floor(values) == values).all()
    small = values.size == 0 or (values.min() >= -(2**31) and values.max() < 2**31)
    return values.astype(np.int32) if whole and small else values


def of_pairs(found: Mapping[str, NDArray[Any]], pairs: Mapping[str, tuple[str, str]]) -> Arrays:
    """Precision and width of the PSF where a file gives them along both axes.

    Parameters
    ----------
    found : mapping of str to (n,) array
        Columns of the file.
    pairs : mapping of str to (str, str)
        `precision` or `sigma` -> its columns along x and y.

    Returns
    -------
    dict of str to (n,) array
        Those whose two columns are there, in the unit of the file.
    """
    return {name: MEANS[name](*(found[own] for own in pair)) for name, pair in pairs.items() if set(pair) <= set(found)}


def geometric_mean(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """(n,) width of a round spot as large as the elliptical one of two (n,) widths; NaN where one is negative."""
    return np.sqrt(first * second)


def root_mean_square(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float32]:
    """(n,) lateral precision of positions whose (n,) precisions along x and y are known."""
    return np.sqrt((np.square(first, dtype=np.float64) + np.square(second, dtype=np.float64)) / 2).astype(np.float32)


MEANS: dict[str, Callable[..., NDArray[Any]]] = {"precision": root_mean_square, "sigma": geometric_mean}


def to_nm(columns: Arrays, units: Mapping[str, str], pixel_size_nm: float | None, path: str | Path) -> bool:
    """Scale lengths to nm in place.

    Parameters
    ----------
    columns : dict of str to (n,) array
        Canonical columns, in the units of the file.
    units : mapping of str to str
        Canonical column -> unit.
    pixel_size_nm : float, optional
        Camera pixel.
    path : path
        Of the file, for messages.

    Returns
    -------
    bool
        Whether the camera pixel was needed.
    """
    lengths = [name for name in LENGTH_COLUMNS if name in columns]
    for name in lengths:
        factor = nm_per_unit(units[name], pixel_size_nm, f"{path}: column {name!r} is")
        if factor != 1:
            columns[name] = scaled(columns[name], factor)
    return any(units[name] == "px" for name in lengths)


def channel_codes(found: Mapping[str, NDArray[Any]], column: str) -> tuple[NDArray[np.intp] | None, tuple[str, ...]]:
    """(n,) index of each row's channel code, and the codes as text; None where the file has no such column."""
    if column not in found:
        return None, ()
    codes, index = np.unique(as_extra(found[column]), return_inverse=True)
    return index, tuple(str(code) for code in codes)


# Columns of delimited text -------------------------------------------------------------------------------------------


def of_text(table: delimited_text.Columns, columns: Arrays, keep: Sequence[str], **described: Any) -> Raw:
    """The rows of a text file.

    Parameters
    ----------
    table : delimited_text.Columns
        As read.
    columns : dict of str to (n,) array
        Canonical columns in canonical units.
    keep : sequence of str
        Columns to keep.
    **described
        Other attributes of `Raw`.

    Returns
    -------
    Raw
        Channel codes that are whole numbers are named in their shortest form: 1.0 is 1.
    """
    return Raw(
        columns=columns,
        rows=table.rows,
        codes=table.codes,
        code_names=delimited_text.whole_codes(table.code_names),
        extra=kept_columns(table.numbers, keep),
        **described,
    )


# The drift correction that a file carries ----------------------------------------------------------------------------


def own_correction(columns: str, used: bool, shifts: Sequence[NDArray[Any]]) -> dict[str, Any]:
    """What is recorded of a file's own correction.

    Parameters
    ----------
    columns : str
        Names of the file's columns that hold the correction.
    used : bool
        Whether the corrected positions are read.
    shifts : sequence of (n,) float
        Of the localizations along each axis, nm.

    Returns
    -------
    dict
        `columns`, `used`, `rms_nm`, `max_nm`; empty where all shifts are 0.
    """
    squares = np.sum([np.square(shift, dtype=np.float64) for shift in shifts], axis=0)
    squares = squares[np.isfinite(squares)]
    if not squares.any():
        return {}
    rms, largest = np.sqrt(squares.mean()), np.sqrt(squares.max())
    return {"columns": columns, "used": used, "rms_nm": round(float(rms), 3), "max_nm": round(float(largest), 3)}


def correction_notes(correction: dict[str, Any], what: str) -> tuple[str, ...]:
    """Notes for the user of a file that carries a correction of its own."""
    if not correction:
        return ()
    taken = "used, as the settings say" if correction["used"] else "not used: the raw positions are"
    return (f"file carries its own {what} ({correction['columns']}; {correction['rms_nm']:g} nm rms); {taken}",)
