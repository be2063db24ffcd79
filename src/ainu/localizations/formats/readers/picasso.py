"""Picasso localizations: HDF5 with a structured dataset `locs`; its metadata in a YAML file beside it, or inside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.formats import safe_hdf5
from ainu.localizations.formats.builder import channel_codes, kept_columns, of_pairs
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.units import need_pixel_size

NAME = "picasso"
VERSION = 1

DATASET = "locs"
METADATA = "metadata"
CHANNEL = "channel"
PIXEL_SIZE = "Pixelsize"
SINGLE = {"x": "x", "y": "y", "z": "z", "frame": "frame", "photons": "photons", "background": "bg"}
PAIRS = {"sigma": ("sx", "sy"), "precision": ("lpx", "lpy")}
UNITS = {"x": "px", "y": "px", "z": "nm", "photons": "photon", "background": "photon", "sigma": "px", "precision": "px"}


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file is HDF5 with anything named `locs` at its top."""
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
    in_yaml = _pixel_size(path)
    pixel = need_pixel_size(
        in_yaml if pixel_size_nm is None else pixel_size_nm,
        f"{path}: no {PIXEL_SIZE} in a YAML file beside it, nor in the file; x, y are",
    )
    locs = _dataset(path, keep)
    columns = {name: locs[field] for name, field in SINGLE.items() if field in locs}
    columns |= of_pairs(locs, PAIRS)
    scaled = [name for name in ("x", "y", *PAIRS) if name in columns]
    columns |= {name: columns[name].astype(np.float32) * np.float32(pixel) for name in scaled}
    codes, names = channel_codes(locs, CHANNEL)
    return Raw(
        columns=columns,
        rows=len(columns["x"]),
        units={name: unit for name, unit in UNITS.items() if name in columns},
        codes=codes,
        code_names=names,
        extra=kept_columns(locs, keep),
        pixel_size_nm=pixel,
        notes=_notes(in_yaml, pixel),
    )


def names(path: str | Path) -> list[str]:
    """Names of the fields that hold numbers."""
    with h5py.File(path, "r") as file:
        kinds = safe_hdf5.own_table(Path(path), file, DATASET).dtype
    return [name for name in kinds.names or () if kinds[name].kind in "iufb" and not kinds[name].shape]


def _pixel_size(path: Path) -> float | None:
    """The pixel size that the last program gave which gives one, in the YAML file or else in the file itself."""
    beside = path.with_suffix(".yaml")
    source = beside if beside.exists() else path
    documents = _yaml(beside) if beside.exists() else _inside(path)
    sizes = [document[PIXEL_SIZE] for document in documents if isinstance(document, dict) and PIXEL_SIZE in document]
    if not sizes:
        return None
    try:
        return float(sizes[-1])
    except (TypeError, ValueError):
        raise AinuError(f"{source}: {PIXEL_SIZE} is {sizes[-1]!r}, not a number of nm") from None


def _yaml(path: Path) -> list[Any]:
    try:
        return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise AinuError(f"{path}: is not YAML ({' '.join(str(error).split())[:200]})") from None


def _inside(path: Path) -> list[Any]:
    """What Picasso 0.11 and later write into the file: a list, as JSON."""
    with h5py.File(path, "r") as file:
        if file.get(METADATA, getlink=True) is None:
            return []
        dataset = safe_hdf5.own(path, file, METADATA)
        if not isinstance(dataset, h5py.Dataset) or dataset.shape != ():
            return []
        text = dataset[()]
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise AinuError(f"{path}: {METADATA!r} is not JSON ({' '.join(str(error).split())[:200]})") from None
    return found if isinstance(found, list) else [found]


def _dataset(path: Path, keep: Sequence[str]) -> dict[str, NDArray[Any]]:
    with h5py.File(path, "r") as file:
        dataset = safe_hdf5.own_table(path, file, DATASET)
        fields = dataset.dtype.names or ()
        for name in ("x", "y", "frame"):
            if name not in fields:
                raise AinuError(
                    f"{path}: column {name!r} is missing; the columns of {DATASET!r} are: {', '.join(fields)}"
                )
        wanted = {*SINGLE.values(), *PAIRS["sigma"], *PAIRS["precision"], CHANNEL, *keep} & set(fields)
        unfit = sorted(name for name in wanted if dataset.dtype[name].kind not in "iufb" or dataset.dtype[name].shape)
        if unfit:
            raise AinuError(f"{path}: column {unfit[0]!r} holds {dataset.dtype[unfit[0]]}, not numbers")
        rows = dataset[()]
    return {name: np.ascontiguousarray(rows[name]) for name in fields if name in wanted}


def _notes(in_yaml: float | None, pixel: float) -> tuple[str, ...]:
    same = in_yaml is None or in_yaml == pixel
    return () if same else (f"the file's metadata say {in_yaml:g} nm per pixel; {pixel:g} nm were given and used",)
