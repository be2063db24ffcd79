"""PYME localizations (`.h5r`, `.hdf`): HDF5 with a table `FitResults`, whose fields are structures.

After PYME's own sources (`fresultdtype` in `PYME/localization/FitFactories`, `PYME/IO/tabular.py`): positions, widths
and their errors are in nm, frames (`tIndex`) count from 0, the amplitude is in camera counts and is not the number of
photons. An error of -5000 is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.formats import safe_hdf5
from ainu.localizations.formats.builder import kept_columns, measured_columns, root_mean_square
from ainu.localizations.formats.raw import Raw

NAME = "pyme"
VERSION = 1

TABLE, FRAME, FIT, ERROR = "FitResults", "tIndex", "fitResults", "fitError"
POSITION = {"x": "fitResults_x0", "y": "fitResults_y0", "z": "fitResults_z0"}
SIGMA = "fitResults_sigma"
ERRORS = ("fitError_x0", "fitError_y0")
UNITS = {"x": "nm", "y": "nm", "z": "nm", "sigma": "nm", "precision": "nm"}
AMPLITUDE = "the amplitude (fitResults_A, camera counts) is no number of photons and is not read"


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file is HDF5 with PYME's table."""
    return head.startswith(safe_hdf5.MAGIC) and safe_hdf5.has(path, TABLE)


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        HDF5 of PYME.
    pixel_size_nm : float, optional
        Not needed: positions are in nm.
    keep : sequence of str
        Further fields, such as `fitResults_A`.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        A field is missing or holds no numbers, the table is a link, or there are no rows.
    """
    found = _fields(path)
    for name in (FRAME, POSITION["x"], POSITION["y"], *keep):
        if name not in found:
            raise AinuError(f"{path}: field {name!r} is missing; the fields are: {', '.join(found)}")
    columns = {name: found[own] for name, own in POSITION.items() if own in found} | {"frame": found[FRAME]}
    if SIGMA in found:
        columns["sigma"] = np.abs(found[SIGMA])
    if set(ERRORS) <= set(found):
        errors = [np.where(found[name] < 0, np.nan, found[name]) for name in ERRORS]
        columns["precision"] = root_mean_square(*errors)
    columns = measured_columns(columns)
    return Raw(
        columns=columns,
        rows=len(found[FRAME]),
        units={name: unit for name, unit in UNITS.items() if name in columns},
        extra=kept_columns(found, keep),
        notes=(AMPLITUDE,),
    )


def names(path: str | Path) -> list[str]:
    """Names of the fields that hold numbers, those of structures behind the structure's name."""
    return list(_fields(path))


def _fields(path: str | Path) -> dict[str, NDArray[Any]]:
    """Every field of numbers: `tIndex`, `fitResults_x0`, `fitError_x0`, ..."""
    with h5py.File(path, "r") as file:
        rows = safe_hdf5.own_table(Path(path), file, TABLE)[()]
    found: dict[str, NDArray[Any]] = {}
    for name in rows.dtype.names:
        inner = rows[name].dtype.names or ()
        own = {f"{name}_{part}": rows[name][part] for part in inner} if inner else {name: rows[name]}
        found |= {
            title: np.ascontiguousarray(values)
            for title, values in own.items()
            if values.ndim == 1 and values.dtype.kind in "iufb"
        }
    return found
