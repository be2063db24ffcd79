"""Picasso localizations: HDF5 with a structured dataset `locs`; its metadata in a YAML file beside it, or inside.

Picasso's exports as text are read by `picasso_text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu import files
from ainu.errors import AinuError
from ainu.localizations.formats import pandas_hdf5, safe_hdf5
from ainu.localizations.formats.builder import channel_codes, kept_columns, of_pairs
from ainu.localizations.formats.double import as_numbers, scaled
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.readers import picasso_text
from ainu.localizations.formats.readers.picasso_metadata import PIXEL_SIZE, PixelSize, pixel_size
from ainu.localizations.formats.units import need_pixel_size

NAME = "picasso"
VERSION = 1

DATASET = "locs"
CHANNEL = "channel"
SINGLE = {"x": "x", "y": "y", "z": "z", "frame": "frame", "photons": "photons", "background": "bg"}
PAIRS = {"sigma": ("sx", "sy"), "precision": ("lpx", "lpy")}
UNITS = {"x": "px", "y": "px", "z": "nm", "photons": "photon", "background": "photon", "sigma": "px", "precision": "px"}


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file is HDF5 with anything named `locs` at its top, or text that Picasso exports."""
    if picasso_text.is_export(head):
        return True
    return head.startswith(safe_hdf5.MAGIC) and safe_hdf5.has(path, DATASET)


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        HDF5 file of Picasso.
    pixel_size_nm : float, optional
        Camera pixel; overrides that of the YAML file.
    keep : sequence of str
        Further fields, under their own names.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        No dataset `locs` in the file itself, a missing field, no rows, or no pixel size.
    """
    path = Path(path)
    if picasso_text.is_export(files.head(path)):
        return picasso_text.read(path, pixel_size_nm, keep)
    own = pixel_size(path)
    pixel = need_pixel_size(
        own.nm if pixel_size_nm is None else pixel_size_nm,
        f"{path}: no {PIXEL_SIZE} in a YAML file beside it, nor in the file; x, y are",
    )
    locs = _dataset(path, keep)
    columns = {name: locs[field] for name, field in SINGLE.items() if field in locs}
    columns |= of_pairs(locs, PAIRS)
    in_pixels = [name for name in ("x", "y", *PAIRS) if name in columns]
    columns |= {name: scaled(as_numbers(columns[name]), pixel) for name in in_pixels}
    codes, code_names = channel_codes(locs, CHANNEL)
    return Raw(
        columns=columns,
        rows=len(columns["x"]),
        units={name: unit for name, unit in UNITS.items() if name in columns},
        codes=codes,
        code_names=code_names,
        extra=kept_columns(locs, keep),
        pixel_size_nm=pixel,
        unread=tuple(name for name in names(path) if name not in _used(locs)),
        notes=_notes(own, pixel),
    )


def names(path: str | Path) -> list[str]:
    """Names of the fields that hold numbers, or of the columns of text."""
    if picasso_text.is_export(files.head(path)):
        return picasso_text.names(path)
    with h5py.File(path, "r") as file:
        if pandas_hdf5.is_pandas(own := safe_hdf5.own(path, file, DATASET)):
            return list(pandas_hdf5.columns(path, own))
        kinds = safe_hdf5.own_table(Path(path), file, DATASET).dtype
    return [name for name in kinds.names or () if kinds[name].kind in "iufb" and not kinds[name].shape]


def _dataset(path: Path, keep: Sequence[str]) -> dict[str, NDArray[Any]]:
    with h5py.File(path, "r") as file:
        if pandas_hdf5.is_pandas(own := safe_hdf5.own(path, file, DATASET)):
            found = pandas_hdf5.columns(path, own)
            _check_fields(path, list(found))
            return found
        dataset = safe_hdf5.own_table(path, file, DATASET)
        fields = dataset.dtype.names or ()
        _check_fields(path, fields)
        wanted = {*SINGLE.values(), *PAIRS["sigma"], *PAIRS["precision"], CHANNEL, *keep} & set(fields)
        unfit = sorted(name for name in wanted if dataset.dtype[name].kind not in "iufb" or dataset.dtype[name].shape)
        if unfit:
            raise AinuError(f"{path}: column {unfit[0]!r} holds {dataset.dtype[unfit[0]]}, not numbers")
        rows = dataset[()]
    return {name: np.ascontiguousarray(rows[name]) for name in fields if name in wanted}


def _check_fields(path: Path, fields: Sequence[str]) -> None:
    for name in ("x", "y", "frame"):
        if name not in fields:
            raise AinuError(f"{path}: column {name!r} is missing; the columns of {DATASET!r} are: {', '.join(fields)}")


def _used(locs: Mapping[str, Any]) -> set[str]:
    """Fields that a canonical column comes from."""
    pairs = {field for pair in PAIRS.values() if set(pair) <= set(locs) for field in pair}
    return {*SINGLE.values(), CHANNEL, *pairs}


def _notes(own: PixelSize, pixel: float) -> tuple[str, ...]:
    if own.nm is None or own.nm == pixel:
        return own.notes
    return (f"the file's metadata say {own.nm:g} nm per pixel; {pixel:g} nm were given and used",)
