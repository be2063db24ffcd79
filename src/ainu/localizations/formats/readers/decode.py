"""DECODE emitters: HDF5 (`.h5`) with one array per property under `data` and the pixel's size under `meta`, or CSV.

DECODE puts 0 at the centre of the first pixel (its frames begin at -0.5), and calls the first axis of an image x. The
CSV is read by `decode_csv`.
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
from ainu.localizations.formats import dialect, safe_hdf5
from ainu.localizations.formats.builder import kept_columns, measured_columns, root_mean_square
from ainu.localizations.formats.double import as_numbers
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.readers import decode_csv
from ainu.localizations.formats.units import need_pixel_size

NAME = "decode"
VERSION = 1

OPTIONAL = {"photons": "phot", "background": "bg"}


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file is HDF5 with emitters in it, or their CSV."""
    if decode_csv.is_emitters(head):
        return True
    return head.startswith(safe_hdf5.MAGIC) and safe_hdf5.has(path, "data/xyz", "data/frame_ix")


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read emitters.

    Parameters
    ----------
    path : path
        HDF5 of DECODE.
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
        An array is missing, of the wrong shape, a link or empty; or there is no pixel size.
    """
    if decode_csv.is_emitters(files.head(path)):
        return decode_csv.read(path, pixel_size_nm, keep)
    with h5py.File(path, "r") as file:
        data, meta = safe_hdf5.own(path, file, "data"), safe_hdf5.own(path, file, "meta").attrs
        xyz, frame = (safe_hdf5.numbers(path, data, name) for name in ("xyz", "frame_ix"))
        if xyz is None or frame is None or not xyz.size or not frame.size:
            raise AinuError(f"{path}: holds a header but no rows")
        further = {name: _own(path, data, name, len(frame)) for name in (*OPTIONAL.values(), *keep)}
        there = {name: values for name, values in further.items() if values is not None}
        spread = _own(path, data, "xyz_sig", len(frame), columns=3)
        unit = str(meta.get("xy_unit", "px"))
        in_file = np.asarray(meta.get("px_size", []), np.float64).ravel()
    if xyz.shape != (len(frame), 3):
        raise AinuError(f"{path}: 'xyz' is of shape {xyz.shape}, expected ({len(frame)}, 3)")
    pixel, own_pixel = _pixel(path, in_file, pixel_size_nm, unit)
    scale = pixel if unit == "px" else np.ones(2)
    lateral = xyz[:, :2] * scale - decode_csv.LEFT_EDGE * pixel
    columns = {"x": lateral[:, 0], "y": lateral[:, 1], "z": xyz[:, 2], "frame": frame}
    columns |= {name: there[own] for name, own in OPTIONAL.items() if own in there}
    if spread is not None:
        columns["precision"] = root_mean_square(*(spread[:, :2] * scale).T)
    return Raw(
        columns={name: _narrow(values) for name, values in measured_columns(columns).items()},
        rows=len(frame),
        units={"x": unit, "y": unit, "z": "nm", "photons": "photon", "background": "photon", "precision": unit},
        extra=kept_columns(there, [name for name in keep if name in there]),
        pixel_size_nm=own_pixel,
    )


def names(path: str | Path) -> list[str]:
    """Names of the arrays with a value per emitter."""
    if decode_csv.is_emitters(files.head(path)):
        return list(dialect.of_file(path).names)
    with h5py.File(path, "r") as file:
        data = safe_hdf5.own(path, file, "data")
        arrays = [name for name in data if isinstance(data.get(name, getlink=True), h5py.HardLink)]
        return [name for name in arrays if isinstance(data[name], h5py.Dataset) and data[name].ndim == 1]


def _own(path: str | Path, data: h5py.Group, name: str, rows: int, columns: int | None = None) -> NDArray[Any] | None:
    """An array with a value, or some, per emitter; None where the file has none."""
    if data.get(name, getlink=True) is None:
        return None
    values = safe_hdf5.numbers(path, data, name)
    expected = (rows,) if columns is None else (rows, columns)
    if values is not None and values.shape != expected:
        raise AinuError(f"{path}: {name!r} is of shape {values.shape}, expected {expected}")
    return values


def _pixel(
    path: str | Path, in_file: NDArray[np.float64], given: float | None, unit: str
) -> tuple[NDArray[np.float64], float | None]:
    """Size (x, y) of a pixel in nm, and what to record of it."""
    if unit not in ("px", "nm"):
        raise AinuError(f"{path}: xy_unit is {unit!r}; known are: px, nm")
    if given is None and in_file.size == 2 and (in_file > 0).all() and np.isfinite(in_file).all():
        return in_file, float(in_file[0])
    if given is None and unit == "nm":
        return np.zeros(2), None
    size = need_pixel_size(given, f"{path}: no px_size in the file; x, y are")
    return np.full(2, size), size


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    return as_numbers(values) if values.dtype.kind == "f" else values
