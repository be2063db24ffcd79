"""Abberior MINFLUX localizations (`.npy`, `.mat`): final iterations of valid localizations, metres to nm.

Two layouts exist, after the readers of pyMINFLUX and SMAP. Up to Imspector m2205 a row is a localization, and `itr`
holds all its iterations; the last one is final. From m2410 on a row is an iteration, and `fnl` marks the final ones.
Photons are `eco`, the counts at the outer positions of the last pattern. There are no frames. NumPy files are read
without pickles, MATLAB's without objects.
"""

from __future__ import annotations

import tokenize
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu import files
from ainu.errors import AinuError
from ainu.localizations.formats import matlab5
from ainu.localizations.formats.builder import kept_columns, measured_columns
from ainu.localizations.formats.raw import Raw, need_rows

NAME = "minflux"
VERSION = 1

NUMPY = b"\x93NUMPY"
NM_PER_M = 1e9
UNITS = {"x": "m", "y": "m", "z": "m", "photons": "counts (eco)"}
ITERATIONS, LOCATION, VALID, FINAL, COUNTS = "itr", "loc", "vld", "fnl", "eco"
NO_Z_CORRECTION = "z is as in the file, not scaled for the mismatch of refractive indices"


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file is an array of NumPy, or MATLAB's, with these fields."""
    if head.startswith(NUMPY):
        start = head[:4096]
        return b"'vld'" in start and b"'loc'" in start
    return head.startswith(matlab5.MAGIC) and {VALID, ITERATIONS} <= set(matlab5.read_variables(path))


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        File of Imspector.
    pixel_size_nm : float, optional
        Not needed: positions are in metres.
    keep : sequence of str
        Further columns, under their own names.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        A field is missing or of another shape, no localization is valid, or the file holds Python objects.
    """
    fields = _fields(path)
    for name in (VALID, LOCATION):
        if name not in fields:
            raise AinuError(f"{path}: field {name!r} is missing; the fields are: {', '.join(fields)}")
    place = np.array(fields[LOCATION], np.float64)
    if place.ndim != 2 or place.shape[1] != 3:
        raise AinuError(f"{path}: {LOCATION!r} is of shape {place.shape}, expected (n, 3)")
    rows = len(place)
    need_rows(rows, path)
    _check_lengths(path, fields, rows)
    bad = {"not valid": ~fields[VALID].astype(bool)}
    if FINAL in fields:
        bad["not the final iteration"] = ~fields[FINAL].astype(bool)
    place[np.any([*bad.values()], axis=0)] = np.nan  # tried positions, perhaps far away
    columns = {name: place[:, axis] * NM_PER_M for axis, name in enumerate("xyz")}
    if COUNTS in fields:
        columns["photons"] = fields[COUNTS].astype(np.float32)
    columns = measured_columns(columns)
    return Raw(
        columns=columns,
        rows=rows,
        units={name: unit for name, unit in UNITS.items() if name in columns},
        extra=kept_columns(fields, keep),
        notes=(NO_Z_CORRECTION,) if "z" in columns else (),
        bad=bad,
    )


def names(path: str | Path) -> list[str]:
    """Names of the fields with a number per row, those of the final iteration included."""
    return [name for name, values in _fields(path).items() if values.ndim == 1]


def _check_lengths(path: str | Path, fields: Mapping[str, NDArray[Any]], rows: int) -> None:
    for name, values in fields.items():
        if len(values) != rows:
            raise AinuError(f"{path}: {name!r} has {len(values)} values, {LOCATION!r} has {rows}")


def _fields(path: str | Path) -> dict[str, NDArray[Any]]:
    """Fields with a value, or some, per row."""
    if files.head(path).startswith(NUMPY):
        return _of_numpy(path)
    return _of_matlab(path)


def _of_numpy(path: str | Path) -> dict[str, NDArray[Any]]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (SyntaxError, tokenize.TokenError) as error:
        raise AinuError(f"{path}: the header of the array is damaged ({' '.join(str(error).split())[:100]})") from None
    if rows.dtype.names is None or rows.ndim != 1:
        raise AinuError(f"{path}: an array of {rows.dtype} and shape {rows.shape}, expected a table with named fields")
    fields = {name: np.asarray(rows[name]) for name in rows.dtype.names if rows.dtype[name].kind in "iufb"}
    nested = rows.dtype[ITERATIONS] if ITERATIONS in rows.dtype.names else None
    if nested is not None and nested.base.names:
        last = rows[ITERATIONS][:, -1] if nested.shape else rows[ITERATIONS]
        fields |= {name: np.asarray(last[name]) for name in nested.base.names if last.dtype[name].base.kind in "iufb"}
    plain = {name: np.asarray(rows[name]) for name in rows.dtype.names if rows.dtype[name].base.kind in "iufb"}
    return plain | fields


def _of_matlab(path: str | Path) -> dict[str, NDArray[Any]]:
    """Variables of a MATLAB file; of the struct `itr`, the last iteration of each."""
    found = matlab5.read_variables(path)
    fields = {name: _by_row(values) for name, values in found.items() if isinstance(values, np.ndarray)}
    nested = found.get(ITERATIONS)
    if isinstance(nested, dict):
        fields |= {name: _last(values) for name, values in nested.items()}
    rows = len(fields[VALID]) if VALID in fields else 0
    return {name: values for name, values in fields.items() if len(values) == rows or name in (LOCATION, VALID)}


def _by_row(values: NDArray[Any]) -> NDArray[Any]:
    """A vector, whether it lies or stands; other matrices as they are."""
    return values.ravel() if values.ndim == 2 and 1 in values.shape else values


def _last(values: NDArray[Any]) -> NDArray[Any]:
    """The last iteration of (n, iterations) or (n, iterations, 3) values."""
    return values[:, -1] if values.ndim > 1 else values
