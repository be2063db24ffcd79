"""From the rows of a file (`Raw`) to localizations, by the same rules for every format.

Rows that are no measurement and exact duplicates are dropped and counted, channels get their names, and frames count
from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.formats import channel_codes, duplicates
from ainu.localizations.formats.likely_columns import unread_notes
from ainu.localizations.formats.plausibility import value_notes
from ainu.localizations.formats.raw import FARTHEST_NM, Raw, first_frame, measured, usable
from ainu.localizations.table import COLUMNS, Localizations

FAR_NM = 100_000.0
"""Beyond it positions are stored relative to an offset: float32 has steps of 0.008 nm there, and of 4 nm at 50 mm."""


def to_localizations(raw: Raw, channels: str | None) -> Localizations:
    """The rows of a file that are a measurement, as localizations.

    Parameters
    ----------
    raw : Raw
        What a reader gives.
    channels : str, optional
        The sheet's text of which channel code is which channel; None: each code is a channel of that name.

    Returns
    -------
    Localizations
        With `meta`: rows (in the file), dropped (reason -> rows), units, pixel_size_nm (if used), own_correction (if
        the file carries one), notes.

    Raises
    ------
    AinuError
        No row is usable, a kept column cannot have its name, or the sheet's channels do not fit the file.
    """
    _check_extra(raw)
    raw, offset = _near_zero(_without_empty(raw))
    used, dropped = _usable_rows(raw)
    start = first_frame(raw) if "frame" in raw.columns else 0
    channel, names, others = channel_codes.assign(used, channels)
    unnamed = channel.min() < 0
    columns = {name: values for name, values in used.columns.items() if name != "z" or measured(values)}
    if "frame" in columns:
        beside = [values for name, values in (columns | used.extra).items() if name != "frame"]
        columns["frame"] = _from_zero(columns["frame"], start, beside)
    whole = Localizations(
        **columns,
        channel=(np.maximum(channel, 0) if unnamed else channel).astype(np.uint8),
        channels=names,
        extra=used.extra,
        meta=_meta(raw, columns, dropped | others),
        offset_nm=offset,
    )
    return whole[channel >= 0] if unnamed else whole


def _without_empty(raw: Raw) -> Raw:
    """The rows without columns that have no value in any row (NaN), with a note; positions are needed."""
    empty = [name for name, values in raw.columns.items() if name not in ("x", "y") and _all_missing(values)]
    if not empty:
        return raw
    columns = {name: values for name, values in raw.columns.items() if name not in empty}
    return replace(raw, columns=columns, notes=(*raw.notes, f"no value in any row, not read: {', '.join(empty)}"))


def far_from_zero(raw: Raw) -> bool:
    """Whether a position is so far from zero that float32 holds it less exactly than 0.01 nm."""
    return any(_farthest(raw.columns[axis]) > FAR_NM for axis in "xyz" if axis in raw.columns)


def _farthest(values: NDArray[Any]) -> float:
    """Largest distance from zero, of what is finite and closer than damage."""
    farthest = float(np.abs([values.min(initial=0), values.max(initial=0)]).max())
    if farthest <= FARTHEST_NM:
        return farthest
    there = values[np.isfinite(values)]
    near = there[np.abs(there - np.median(there)) <= FARTHEST_NM] if len(there) else there
    return float(np.abs(near).max(initial=0))


def _near_zero(raw: Raw) -> tuple[Raw, tuple[float, float, float]]:
    """The rows with positions relative to an offset, in whole µm along each axis; 0 where all are below 100 µm."""
    columns, offset = dict(raw.columns), dict.fromkeys("xyz", 0.0)
    for axis in [axis for axis in "xyz" if axis in columns and _farthest(columns[axis]) > FAR_NM]:
        finite = columns[axis][np.isfinite(columns[axis])]
        offset[axis] = round(float(np.median(finite)), -3) + 0.0
        columns[axis] = (columns[axis].astype(np.float64) - offset[axis]).astype(np.float32)
    return replace(raw, columns=columns), (offset["x"], offset["y"], offset["z"])


def _all_missing(values: NDArray[Any]) -> bool:
    """Whether a column is NaN throughout; the first row nearly always decides."""
    return values.dtype.kind == "f" and len(values) > 0 and bool(np.isnan(values[0])) and bool(np.isnan(values).all())


def _usable_rows(raw: Raw) -> tuple[Raw, dict[str, int]]:
    """The rows that are a measurement, each once, and how many of the others there are by reason."""
    keep, dropped = usable(raw)
    if dropped and not keep.any():
        raise AinuError(f"none of its {raw.rows} rows is usable: {dropped}")
    used = _rows(raw, keep) if dropped else raw
    codes = {} if used.codes is None else {"code of the channel": used.codes}
    again = duplicates.repeated(used.columns | codes | used.extra)
    if not len(again):
        return used, dropped
    once = np.ones(len(used.columns["x"]), bool)
    once[again] = False
    return _rows(used, once), dropped | {duplicates.REASON: len(again)}


def _from_zero(frames: NDArray[Any], start: int, others: Sequence[NDArray[Any]]) -> NDArray[np.uint32]:
    """Frames from 0, in place where no other column (`others`) shares their memory: new memory takes longer."""
    # Valid frames are below 2^31, so that int32 needs no copy.
    counted = frames.view(np.uint32) if frames.dtype == np.int32 else frames.astype(np.uint32)
    if not start:
        return counted
    own = counted.flags.writeable and not any(np.may_share_memory(counted, values) for values in others)
    return np.subtract(counted, np.uint32(start), out=counted if own else None)


def _check_extra(raw: Raw) -> None:
    """A kept column is stored beside the canonical ones, so it can neither take their names nor leave the group."""
    for name in raw.extra:
        if name in COLUMNS or "/" in name:
            raise AinuError(f"column {name!r} cannot be kept under this name; rename it, or map it in `columns`")


def _rows(raw: Raw, rows: NDArray[np.bool_]) -> Raw:
    return replace(
        raw,
        columns={name: values[rows] for name, values in raw.columns.items()},
        codes=None if raw.codes is None else raw.codes[rows],
        extra={name: values[rows] for name, values in raw.extra.items()},
    )


def _meta(raw: Raw, columns: dict[str, NDArray[Any]], dropped: dict[str, int]) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "rows": raw.rows,
        "dropped": dropped,
        "units": {name: unit for name, unit in raw.units.items() if name in columns},
    }
    if raw.pixel_size_nm is not None:
        meta["pixel_size_nm"] = raw.pixel_size_nm
    if raw.correction:
        meta["own_correction"] = raw.correction
    unread = [name for name in raw.unread if name not in raw.extra]
    further = (*unread_notes(unread, raw.columns), *value_notes(columns, raw.units, raw.guessed_unit))
    notes = [*raw.notes, *further, *_order(columns)]
    return meta | ({"notes": notes} if notes else {})


def _order(columns: dict[str, NDArray[Any]]) -> list[str]:
    """A note where frames go back: nothing here depends on their order, but the file was not written by a camera."""
    frames = columns.get("frame", np.zeros(0))
    back = frames[1:] < frames[:-1]
    return [f"frames are not in order (first at row {int(back.argmax()) + 2})"] if back.any() else []
