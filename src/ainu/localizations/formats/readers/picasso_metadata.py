"""What Picasso's programs write beside or into their HDF5 files: the size of a camera pixel, among much else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml

from ainu.errors import AinuError
from ainu.localizations.formats import safe_hdf5

METADATA = "metadata"
PIXEL_SIZE = "Pixelsize"


@dataclass(frozen=True)
class PixelSize:
    """Size of the camera pixel by the metadata.

    Attributes
    ----------
    nm : float, optional
        The one that the last program gave which gives one; None where none does.
    notes : tuple of str
        Other sizes that the metadata give.
    """

    nm: float | None
    notes: tuple[str, ...] = ()


class _PlainLoader(yaml.SafeLoader):
    """Plain values only: what has a tag of its own (`!!python/...`) is skipped unseen, never constructed."""


_PlainLoader.add_multi_constructor("", lambda loader, suffix, node: None)


def pixel_size(path: Path) -> PixelSize:
    """Size of the camera pixel, from the YAML file beside a Picasso file or else from the file itself.

    Parameters
    ----------
    path : Path
        The HDF5 file.

    Returns
    -------
    PixelSize

    Raises
    ------
    AinuError
        The metadata cannot be read, or the size is not a length above 0.
    """
    beside = path.with_suffix(".yaml")
    documents = _yaml(beside) if beside.exists() else _inside(path)
    source = beside if beside.exists() else path
    named = [(key, value) for document in documents if isinstance(document, dict) for key, value in document.items()]
    sizes = [value for key, value in named if key == PIXEL_SIZE and value is not None]
    if not sizes:
        return PixelSize(None)
    chosen = _length(source, sizes[-1])
    others = {f"{value:g}" for key, value in named if _is_pixel_size(key) and _differs(value, chosen)}
    listed = ", ".join(sorted(others))
    note = f"the metadata name several pixel sizes: {chosen:g} nm is used, {listed} nm not"
    return PixelSize(chosen, (note,) if others else ())


def _length(source: Path, value: Any) -> float:
    try:
        size = float(value)
    except (TypeError, ValueError):
        size = np.nan
    if not np.isfinite(size) or size <= 0:
        raise AinuError(f"{source}: {PIXEL_SIZE} is {value!r}, not a number of nm")
    return size


def _is_pixel_size(key: Any) -> bool:
    """Whether a key (`Pixelsize`, `Camera.Pixelsize`) is the size of the camera pixel."""
    return isinstance(key, str) and key.split(".")[-1].replace(" ", "").lower() == "pixelsize"


def _differs(value: Any, chosen: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value - chosen) > 1e-6 * chosen


def _yaml(path: Path) -> list[Any]:
    try:
        return list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=_PlainLoader))
    except (OSError, ValueError, RecursionError, yaml.YAMLError, TypeError) as error:
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
