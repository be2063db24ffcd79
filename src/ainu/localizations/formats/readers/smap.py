"""SMAP localizations (`_sml.mat`): MATLAB's `saveloc.loc`, one array per property, in HDF5 (v7.3) or the older v5.

Its CSV (`saveLocalizationsCSV.m`) has the same properties as columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu import files
from ainu.errors import AinuError
from ainu.localizations.formats import dialect, matlab5, safe_hdf5
from ainu.localizations.formats.builder import channel_codes, geometric_mean, kept_columns, measured_columns
from ainu.localizations.formats.double import as_numbers
from ainu.localizations.formats.named_text import described, fixed, read_named
from ainu.localizations.formats.raw import Raw, need_rows

NAME = "smap"
VERSION = 1

VARIABLE, TABLE = "saveloc", "loc"
V7_3 = b"MATLAB 7.3 MAT-file"
SINGLE = {"x": "xnm", "y": "ynm", "frame": "frame"}
OPTIONAL = {"z": "znm", "photons": "phot", "background": "bg", "precision": "locprecnm"}
SIGMA = ("PSFxnm", "PSFynm")
CHANNEL, FILE_NUMBER = "channel", "filenumber"
UNITS = {"x": "nm", "y": "nm", "z": "nm", "photons": "photon", "background": "photon", "precision": "nm", "sigma": "nm"}


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file is MATLAB's with SMAP's variable in it, or a CSV of its properties."""
    if _is_csv(head):
        return True
    if head.startswith(V7_3):
        return safe_hdf5.has(path, f"{VARIABLE}/{TABLE}")
    return head.startswith(matlab5.MAGIC) and path.name.endswith("_sml.mat")


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        MATLAB file of SMAP.
    pixel_size_nm : float, optional
        Not needed: positions are in nm.
    keep : sequence of str
        Further properties, under their own names.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        A property is missing, of another length than the others, a link or empty; or the file is no MATLAB file.
    """
    if _is_csv(files.head(path)):
        return _from_csv(path, keep)
    wanted = [*SINGLE.values(), *keep]
    optional = [*OPTIONAL.values(), *SIGMA, CHANNEL, FILE_NUMBER]
    found = _from_v5(path, wanted, optional) if _is_v5(path) else _from_hdf5(path, wanted, optional)
    rows = len(found[SINGLE["x"]])
    need_rows(rows, path)
    for name, values in found.items():
        if len(values) != rows:
            raise AinuError(f"{path}: {name!r} has {len(values)} values, {SINGLE['x']!r} has {rows}")
    columns = {name: _narrow(found[own]) for name, own in (SINGLE | OPTIONAL).items() if own in found}
    columns |= _width(found)
    codes, names = channel_codes(found, CHANNEL)
    return Raw(
        columns=measured_columns(columns),
        rows=rows,
        units=UNITS,
        codes=codes,
        code_names=names,
        extra=kept_columns(found, keep),
        first_frame=1,
        notes=_notes(found),
    )


def names(path: str | Path) -> list[str]:
    """Names of the properties."""
    if _is_csv(files.head(path)):
        return list(dialect.of_file(path).names)
    if _is_v5(path):
        return list(_struct(path))
    with h5py.File(path, "r") as file:
        table = safe_hdf5.own(path, file, f"{VARIABLE}/{TABLE}")
        return list(table) if isinstance(table, h5py.Group) else []


def _is_csv(head: bytes) -> bool:
    form = dialect.of(head)
    return form is not None and form.has(*SINGLE.values()) and any(map(form.has, OPTIONAL.values()))


def _from_csv(path: str | Path, keep: Sequence[str]) -> Raw:
    form = dialect.of_file(path)
    named = fixed(form, SINGLE | OPTIONAL | {"channel": CHANNEL}, UNITS, {"sigma": SIGMA})
    raw, _ = read_named(path, form, named, keep, first_frame=1)
    return described(raw, form.notes((",",)), columns=measured_columns(raw.columns))


def _is_v5(path: str | Path) -> bool:
    with open(path, "rb") as file:
        return file.read(matlab5.HEADER_BYTES).startswith(matlab5.MAGIC)


def _struct(path: str | Path) -> dict[str, matlab5.Element]:
    try:
        return matlab5.read_struct(path, VARIABLE, TABLE)
    except AinuError as error:
        raise AinuError(f"{path}: {error}") from None


def _from_hdf5(path: str | Path, wanted: Sequence[str], optional: Sequence[str]) -> dict[str, NDArray[Any]]:
    with h5py.File(path, "r") as file:
        table = safe_hdf5.own(path, file, f"{VARIABLE}/{TABLE}")
        there = set(table) if isinstance(table, h5py.Group) else set()
        names = dict.fromkeys([*wanted, *(name for name in optional if name in there)])
        found = {name: safe_hdf5.numbers(path, table, name) for name in names}
        empty = {name for name in names if "MATLAB_empty" in table[name].attrs}
    return {name: np.zeros(0) if values is None or name in empty else values.ravel() for name, values in found.items()}


def _from_v5(path: str | Path, wanted: Sequence[str], optional: Sequence[str]) -> dict[str, NDArray[Any]]:
    table = _struct(path)
    missing = [name for name in wanted if name not in table]
    if missing:
        raise AinuError(f"{path}: has no {missing[0]!r} in '{VARIABLE}.{TABLE}'; it holds: {', '.join(table)}")
    try:
        return {name: matlab5.values(table[name]) for name in dict.fromkeys([*wanted, *optional]) if name in table}
    except AinuError as error:
        raise AinuError(f"{path}: {error}") from None


def _width(found: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The width of the PSF where it was fitted: a fit with a PSF model writes the same value everywhere."""
    widths = [found[name] for name in SIGMA if name in found]
    if not widths or (len(found[SINGLE["x"]]) > 1 and all((width == width[0]).all() for width in widths)):
        return {}
    return {"sigma": geometric_mean(widths[0], widths[-1]).astype(np.float32)}


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """float32, but for frames, whose numbers may need more."""
    return values if values.dtype.kind in "iu" or values.max(initial=0) >= 2**24 else as_numbers(values)


def _notes(found: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    files = np.unique(found.get(FILE_NUMBER, np.zeros(1)))
    return (f"joins {len(files)} files, whose frames overlap: give each a row of the sheet",) if len(files) > 1 else ()
