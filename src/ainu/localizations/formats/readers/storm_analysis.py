"""storm-analysis localizations (`.hdf5`): a group per frame, `fr_0`, with an array per property and its own drift.

Conventions as in storm-analysis itself: positions in pixels from the centre of the first (its conversion to Insight3
adds 1), z in um, widths in pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.formats import safe_hdf5
from ainu.localizations.formats.builder import (
    channel_codes,
    correction_notes,
    kept_columns,
    measured_columns,
    of_pairs,
    own_correction,
)
from ainu.localizations.formats.double import as_numbers
from ainu.localizations.formats.raw import Raw, need_rows
from ainu.localizations.formats.units import need_pixel_size

NAME = "storm_analysis"
VERSION = 1

OWN_CORRECTION = True
LEFT_EDGE = -0.5
"""Where the first pixel begins, its centre being 0."""
NM_PER_UM = 1000.0
FRAME = re.compile(r"fr_(\d+)")
POSITION = {"x": "dx", "y": "dy", "z": "dz"}
OPTIONAL = {"photons": "sum", "background": "background"}
SIGMA = ("xsigma", "ysigma")
CATEGORY = "category"
UNITS = {"x": "px", "y": "px", "z": "um", "photons": "photon", "background": "photon", "sigma": "px"}


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file is HDF5 as storm-analysis writes it."""
    if not head.startswith(safe_hdf5.MAGIC):
        return False
    with h5py.File(path, "r") as file:
        return "sa_type" in file.attrs


def read(
    path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = (), corrected: bool = False
) -> Raw:
    """Read the localizations, untracked.

    Parameters
    ----------
    path : path
        HDF5 file of storm-analysis.
    pixel_size_nm : float, optional
        Camera pixel; overrides that of the file.
    keep : sequence of str
        Further properties, under their own names.
    corrected : bool
        Add the drift that the file holds for each frame (`dx`, `dy`, `dz`).

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        A property is missing or of another length than the others, a link, no localization, or no pixel size.
    """
    with h5py.File(path, "r") as file:
        given = safe_hdf5.number_of(file.attrs, "pixel_size") or None if pixel_size_nm is None else pixel_size_nm
        pixel = need_pixel_size(given, f"{path}: has no pixel_size; x, y are")
        columns, shifts = _joined(path, file, keep)
        tracked = any(name.startswith("tracks") for name in file)
    scale = {"x": pixel, "y": pixel, "z": NM_PER_UM}
    moved = {axis: shifts[axis] * scale[axis] for axis in POSITION if axis in columns}
    correction = own_correction(", ".join(POSITION[axis] for axis in moved), corrected, list(moved.values()))
    for axis, shift in moved.items():
        edge = 0.0 if axis == "z" else LEFT_EDGE
        columns[axis] = as_numbers((columns[axis] - edge) * scale[axis] + (shift if corrected else 0))
    in_pixels = of_pairs(columns, {"sigma": SIGMA})
    columns |= {name: values * np.float32(pixel) for name, values in in_pixels.items()}
    canonical = {**POSITION, "frame": "", "sigma": "", **OPTIONAL}
    columns |= {name: columns[own] for name, own in OPTIONAL.items() if own in columns}
    codes, names = channel_codes(columns, CATEGORY)
    return Raw(
        columns=measured_columns({name: columns[name] for name in canonical if name in columns}),
        rows=len(columns["x"]),
        units=UNITS,
        codes=codes,
        code_names=names,
        extra=kept_columns(columns, keep),
        pixel_size_nm=pixel,
        correction=correction,
        notes=correction_notes(correction, "drift correction") + _tracked(tracked),
    )


def names(path: str | Path) -> list[str]:
    """Names of the properties: those of the first frame, since every frame has the same."""
    with h5py.File(path, "r") as file:
        return next((list(group) for _, group in _frames(path, file)), [])


def _joined(
    path: str | Path, file: h5py.File, keep: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Every property of all frames in their order, and the frame's drift for each localization."""
    parts: dict[str, list[NDArray[Any]]] = {}
    shifts: dict[str, list[NDArray[Any]]] = {axis: [] for axis in POSITION}
    frames = []
    for number, group in _frames(path, file):
        wanted = _wanted(group, keep) if not parts else list(parts)
        own = {name: safe_hdf5.numbers(path, group, name) for name in wanted}
        lengths = {0 if values is None else values.size for values in own.values()}
        if len(lengths) > 1:
            raise AinuError(f"{path}: properties of different lengths in {group.name!r}: {sorted(lengths)}")
        count = lengths.pop()
        for name, values in own.items():
            parts.setdefault(name, []).append(np.zeros(0) if values is None else values.ravel())
        for axis, attribute in POSITION.items():
            shifts[axis].append(np.full(count, safe_hdf5.number_of(group.attrs, attribute)))
        frames.append(np.full(count, number, np.int64))
    need_rows(sum(map(len, frames)), path)
    columns = {name: np.concatenate(arrays) for name, arrays in parts.items()} | {"frame": np.concatenate(frames)}
    return columns, {axis: np.concatenate(arrays) for axis, arrays in shifts.items()}


def _frames(path: str | Path, file: h5py.File) -> Iterator[tuple[int, h5py.Group]]:
    """Frames that hold a localization, by number."""
    numbers = sorted(int(match.group(1)) for name in file if (match := FRAME.fullmatch(name)))
    for number in numbers:
        group = safe_hdf5.own(path, file, f"fr_{number}")
        if isinstance(group, h5py.Group) and len(group):
            yield number, group


def _wanted(group: h5py.Group, keep: Sequence[str]) -> list[str]:
    """The properties to read: those the first frame has, since every frame has the same."""
    optional = ("z", *OPTIONAL.values(), *SIGMA, CATEGORY)
    return list(dict.fromkeys(["x", "y", *(name for name in optional if name in group), *keep]))


def _tracked(tracked: bool) -> tuple[str, ...]:
    return ("file also holds tracks (localizations joined over frames); they are not read",) if tracked else ()
