"""The files of one sample as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.formats.plausibility import reach_note
from ainu.localizations.table import COLUMNS, Localizations

WITHOUT_FRAMES = "no frames: those of the sample's other files are not used, and its drift is not corrected"
"""Note on a file."""
WITHOUT_Z = "no z: from the nuclei on, the sample is two-dimensional, and z of its other files is used for limits alone"
"""Note on a file where another one of the sample has z."""


def merge(parts: list[Localizations]) -> Localizations:
    """Join the files of one sample (one file per channel); the rows of one that lacks a column are NaN there.

    Frames, which cannot be NaN, are dropped where a file lacks them, and so are further columns that hold no numbers.
    A file without rows counts for nothing but its channels. Positions are counted from where the largest file lies. The
    acquisition that each channel comes from is kept in `meta["acquisition"]`: every file has a drift of its own.

    Parameters
    ----------
    parts : list of Localizations
        Of each file.

    Returns
    -------
    Localizations
        Channels in the order of the files.

    Raises
    ------
    AinuError
        Two files hold a channel of the same name.
    """
    if len(parts) == 1:
        return replace(parts[0], meta=parts[0].meta | {"acquisition": [0] * len(parts[0].channels)})
    offset_nm = max(parts, key=len).offset_nm
    parts = [_moved(part, offset_nm) for part in parts]
    channels = [name for part in parts for name in part.channels]
    if len(set(channels)) < len(channels):
        raise AinuError(f"a channel comes from two files: {', '.join(channels)}")
    offsets = np.cumsum([0] + [len(part.channels) for part in parts])
    filled = [part for part in parts if len(part)] or parts
    held = [part.columns() for part in filled]
    names = dict.fromkeys(name for columns in held for name in columns if name != "channel")
    every = {name: _joined(name, [columns.get(name) for columns in held], filled) for name in names}
    columns: dict[str, Any] = {name: every.pop(name) for name in COLUMNS if name in every}
    extra = {name: values for name, values in every.items() if values is not None}
    channel = np.concatenate([part.channel + offset for part, offset in zip(parts, offsets, strict=False)])
    acquisition = [index for index, part in enumerate(parts) for _ in part.channels]
    meta = {"files": _described(parts), "acquisition": acquisition}
    described: dict[str, Any] = {"channels": tuple(channels), "meta": meta, "offset_nm": offset_nm}
    return Localizations(**columns, channel=channel, extra=extra, **described)


def _moved(part: Localizations, offset_nm: tuple[float, float, float]) -> Localizations:
    """A file with its positions counted from elsewhere, and a note where that costs precision."""
    moved = part.relative_to(offset_nm)
    note = reach_note(moved.x, moved.y, "the middle of the sample's largest file") if moved is not part else ""
    return replace(moved, meta=_noted(moved.meta, note)) if note else moved


def _noted(meta: dict[str, Any], *notes: str) -> dict[str, Any]:
    return meta | {"notes": [*meta.get("notes", ()), *notes]} if notes else meta


def _described(parts: Sequence[Localizations]) -> list[dict[str, Any]]:
    """Where each file comes from, with a note on one whose lack of frames or z costs the others theirs."""
    filled = [part.measured() for part in parts if len(part)]
    told = {"frame": WITHOUT_FRAMES, "z": WITHOUT_Z}
    had = [name for name in told if any(getattr(part, name) is not None for part in filled)]
    own = [[told[name] for name in had if len(part) and getattr(part.measured(), name) is None] for part in parts]
    return [_noted(part.meta, *notes) for part, notes in zip(parts, own, strict=True)]


def _joined(name: str, columns: Sequence[NDArray[Any] | None], parts: Sequence[Localizations]) -> NDArray[Any] | None:
    """A column of all files; None where it cannot be told which rows lack it."""
    there = [values for values in columns if values is not None]
    if len(there) < len(columns) and (name == "frame" or any(values.dtype.kind not in "fiu" for values in there)):
        return None
    kind = np.result_type(*there, *([np.float32] if len(there) < len(columns) else []))
    empty = [np.full(len(part), np.nan, kind) if own is None else own for own, part in zip(columns, parts, strict=True)]
    return np.concatenate(empty)
