"""Localization files of every program: told apart by their content, read into one table type.

A format is a module with `NAME`, `VERSION`, `sniff(path, head)`,
`names(path)`, the columns that a file has, and `read(path, *, pixel_size_nm, keep)`, which returns a `Raw` with the
columns of `keep`, all of them among the names; a new one is written and added to `READERS`. What holds for all formats
is here: columns to keep are found, unusable rows are dropped and counted, channels get their names, and where the table
comes from goes into its `meta`.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ainu import files
from ainu.errors import AinuError
from ainu.localizations.formats import channel_codes as channel_names
from ainu.localizations.formats import duplicates
from ainu.localizations.formats.raw import Raw, first_frame, measured, usable
from ainu.localizations.formats.readers import (
    decode,
    elyra,
    insight3,
    nstorm,
    oni,
    picasso,
    rapidstorm,
    smap,
    smlm,
    storm_analysis,
    table,
    thunderstorm,
)
from ainu.localizations.table import COLUMNS, Localizations

READERS = (
    *(insight3, nstorm, thunderstorm, picasso, oni, elyra, smap, rapidstorm, decode, smlm, storm_analysis),
    table,
)
FORMATS: dict[str, ModuleType] = {module.NAME: module for module in READERS}
"""Readers by name, in the order in which they are asked; `table` last, since it takes whatever has an x and a y."""

UNIT = re.compile(r"\s*\[[^\[\]]*\]$")
"""The unit at the end of a column's name."""

DAMAGE = (
    *(OSError, ValueError, LookupError, TypeError, ArithmeticError, RuntimeError, MemoryError, EOFError),
    *(struct.error, zlib.error, zipfile.BadZipFile, pa.ArrowException),
)
"""What the libraries raise on a damaged file."""


def read(
    path: str | Path,
    format: str | None = None,
    *,
    pixel_size_nm: float | None = None,
    channels: str | None = None,
    columns: str | None = None,
    keep: Sequence[str] = (),
    keep_present: Sequence[str] = (),
    use_corrected: bool = False,
) -> Localizations:
    """Read a localization file.

    Parameters
    ----------
    path : path
    format : str, optional
        A name in `FORMATS`; None: found by the file's content.
    pixel_size_nm : float, optional
        Camera pixel, for formats in pixels.
    channels : str, optional
        `PolII` (the whole file), or `1:PolII,2:DNA` (code:name, in the order of the channels; rows of other codes are
        dropped and counted). None: each code is a channel of that name.
    columns : str, optional
        For format `table`: `x=pos_x[px],y=pos_y[px],frame=t,...`; implies that format.
    keep : sequence of str
        Further columns to keep under their own names; without its unit a name will do (`sigma1` for `sigma1 [nm]`).
    keep_present : sequence of str
        The same, but only those that the file has.
    use_corrected : bool
        Take the positions that the file's own drift correction gave, where it carries some.

    Returns
    -------
    Localizations
        With `meta`: source, sha256, format, reader, pixel_size_nm (if used), units, rows (in the file), dropped
        (reason -> rows), own_correction (if the file carries one), columns (of the file, if `keep_present`
        asks for some), notes.

    Raises
    ------
    AinuError
        The file cannot be read, or is not what it is said to be.
    """
    head = files.head(path)
    reader = _reader(path, head, format, columns)
    settings: dict[str, Any] = {"pixel_size_nm": pixel_size_nm}
    if reader is table:
        settings["columns"] = columns
    if getattr(reader, "OWN_CORRECTION", False):
        settings["corrected"] = use_corrected
    try:
        # The digest is as slow as reading and holds no lock, so it has a thread of its own.
        # A number too large for its column becomes infinite, and its row is dropped and counted.
        with ThreadPoolExecutor(1) as pool, np.errstate(all="ignore"):
            digest = pool.submit(files.sha256, path)
            there = reader.names(path) if keep or keep_present else ()
            kept = _kept(path, there, keep, keep_present)
            told = {"columns": list(there)} if keep_present else {}
            raw = reader.read(path, keep=tuple(dict.fromkeys(kept.values())), **settings)
            table_ = _assembled(_named(raw, kept), channels)
            return replace(table_, meta=_source(path, reader, digest.result()) | told | table_.meta)
    except AinuError as error:
        raise error if str(error).startswith(str(path)) else AinuError(f"{path}: {error}") from None
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise AinuError(f"{path}: cannot be read as {reader.NAME} ({reason})") from None


def sniff(path: str | Path) -> str:
    """Name of a file's format, found by its content.

    Raises
    ------
    AinuError
        The file cannot be opened, is empty, or is of no known format.
    """
    return _sniffed(path, files.head(path)).NAME


def _reader(path: str | Path, head: bytes, format: str | None, columns: str | None) -> ModuleType:
    if format is None and columns is None:
        return _sniffed(path, head)
    name = table.NAME if format is None else format
    if name not in FORMATS:
        raise AinuError(f"{path}: format {name!r} is not known; known are: {', '.join(FORMATS)}")
    if columns and name != table.NAME:
        raise AinuError(f"{path}: `columns` is for format {table.NAME!r} only, the format here is {name!r}")
    return FORMATS[name]


def _recognised(module: ModuleType, path: Path, head: bytes) -> bool:
    """Whether a reader knows a file as its own; one so damaged that this cannot be told is not."""
    try:
        return bool(module.sniff(path, head))
    except DAMAGE:
        return False


def _sniffed(path: str | Path, head: bytes) -> ModuleType:
    for module in FORMATS.values():
        if _recognised(module, Path(path), head):
            return module
    if head.startswith(b"\x1f\x8b"):
        raise AinuError(f"{path}: is compressed with gzip; unpack it first")
    raise AinuError(
        f"{path}: content of no known format; known are: {', '.join(FORMATS)}. "
        f"A CSV, TSV or Parquet with names of its own needs the sheet's `columns`; the file starts with {head[:40]!r}"
    )


def _kept(path: str | Path, there: Sequence[str], keep: Sequence[str], keep_present: Sequence[str]) -> dict[str, str]:
    """Name to keep a column under -> its name in the file."""
    wanted = dict.fromkeys([*keep, *keep_present])
    bare = {UNIT.sub("", name): name for name in reversed(there)}
    found = {name: name if name in there else bare[name] for name in wanted if name in there or name in bare}
    for name in keep:
        if name not in found:
            raise AinuError(f"{path}: column {name!r} is missing; the columns are: {', '.join(there)}")
    return found


def _named(raw: Raw, kept: dict[str, str]) -> Raw:
    """The rows with the kept columns under the names that were asked for."""
    others = {name: values for name, values in raw.extra.items() if name not in kept.values()}
    return replace(raw, extra=others | {name: raw.extra[own] for name, own in kept.items()})


def _assembled(raw: Raw, channels: str | None) -> Localizations:
    _check_extra(raw)
    used, dropped = _usable_rows(raw)
    start = first_frame(raw) if "frame" in raw.columns else 0
    channel, names, others = channel_names.assign(used, channels)
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
    )
    return whole[channel >= 0] if unnamed else whole


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
    """Frames from 0, in place where nobody else (`others`) holds them: touching new memory takes longer."""
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


def _source(path: str | Path, reader: ModuleType, digest: str) -> dict[str, Any]:
    return {"source": str(path), "sha256": digest, "format": reader.NAME, "reader": reader.VERSION}


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
    notes = [*raw.notes, *_order(columns)]
    return meta | ({"notes": notes} if notes else {})


def _order(columns: dict[str, NDArray[Any]]) -> list[str]:
    """A note where frames go back: nothing here depends on their order, but the file was not written by a camera."""
    frames = columns.get("frame", np.zeros(0))
    back = frames[1:] < frames[:-1]
    return [f"frames are not in order (first at row {int(back.argmax()) + 2})"] if back.any() else []
