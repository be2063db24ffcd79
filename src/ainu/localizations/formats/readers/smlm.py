"""SMLM files of ShareLoc (`.smlm`): a zip with `manifest.json` and tables, binary or text (specification 0.2).

Nothing is unpacked to disk, and no more is unpacked into memory than the manifest announces and a table of numbers can
be compressed by.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.formats import delimited_text
from ainu.localizations.formats.builder import kept_columns, measured_columns, of_pairs
from ainu.localizations.formats.double import as_numbers
from ainu.localizations.formats.raw import Raw, need_rows
from ainu.localizations.formats.units import LENGTH_COLUMNS, nm_per_unit

NAME = "smlm"
VERSION = 1

ZIP = b"PK\x03\x04"
MANIFEST = "manifest.json"
MANIFEST_BYTES = 1 << 24
BEST_COMPRESSION = 200
"""Compressed numbers are seldom a tenth of their size; deflate itself could go to a thousandth."""

KINDS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
SINGLE = {
    "x": ("x", "position_x", "x_position", "Position_0_0"),
    "y": ("y", "position_y", "y_position", "Position_1_0"),
    "z": ("z", "position_z", "z_position", "Position_2_0"),
    "frame": ("frame", "ImageNumber_0_0"),
    "photons": ("intensity", "photons", "Amplitude_0_0"),
    "background": ("background", "local_background", "LocalBackground_0_0"),
    "precision": ("uncertainty_xy", "uncertainty", "lateral_precision"),
    "sigma": ("sigma", "psf_sigma"),
}
"""Canonical column -> the names that programs use for it, without a unit."""
PAIR = ("uncertainty_x", "uncertainty_y")
UNITS = {"": "nm", "nanometer": "nm", "micrometer": "um", "pixel": "px", "pixels": "px"}


@dataclass(frozen=True)
class MemberTable:
    """A table of the zip: its member, rows and channel; names, types and units of its columns; text or binary."""

    member: str
    rows: int
    channel: str
    names: list[str]
    kinds: list[str]
    units: list[str]
    offsets: dict[str, float]
    binary: bool
    delimiter: str = ","


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file is a zip with a manifest."""
    if not head.startswith(ZIP):
        return False
    with zipfile.ZipFile(path) as archive:
        return MANIFEST in archive.namelist()


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read the tables; each channel named in the manifest is a channel code.

    Parameters
    ----------
    path : path
        Zip file of ShareLoc.
    pixel_size_nm : float, optional
        Camera pixel, where the manifest gives pixels.
    keep : sequence of str
        Further columns, under their own names.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        No manifest, a member missing, truncated, with a path in its name or larger than it can be, or no rows.
    """
    with _opened(path) as archive:
        tables = _tables(_manifest(archive))
        arrays = [_canonical(_read(archive, table), table, keep, pixel_size_nm) for table in tables]
    shared = [name for name in arrays[0] if all(name in own for own in arrays)]
    columns = {name: np.concatenate([own[name] for own in arrays]) for name in shared}
    extra = kept_columns({name: columns.pop(f"keep {name}") for name in keep}, keep)
    channels = list(dict.fromkeys(table.channel for table in tables))
    return Raw(
        columns=measured_columns(columns),
        rows=len(columns["x"]),
        units=_units(tables[0], columns),
        codes=np.repeat([channels.index(table.channel) for table in tables], [table.rows for table in tables]),
        code_names=tuple(channels),
        extra=extra,
        pixel_size_nm=pixel_size_nm if "px" in _units(tables[0], columns).values() else None,
    )


def names(path: str | Path) -> list[str]:
    """Names of the columns that all tables have."""
    with _opened(path) as archive:
        first, *others = [table.names for table in _tables(_manifest(archive))]
    return [name for name in first if all(name in own for own in others)]


@contextmanager
def _opened(path: str | Path) -> Iterator[zipfile.ZipFile]:
    """The zip; errors inside name its path."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except AinuError as error:
        raise AinuError(f"{path}: {error}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise AinuError(f"{path}: cannot be unpacked ({error})") from None


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    info = _member(archive, MANIFEST)
    if info.file_size > MANIFEST_BYTES:
        raise AinuError(f"{MANIFEST!r} is of {info.file_size} bytes, at most {MANIFEST_BYTES} are read")
    try:
        manifest = json.loads(archive.read(info))
    except (ValueError, RecursionError) as error:
        raise AinuError(f"{MANIFEST!r} is not JSON ({' '.join(str(error).split())[:200]})") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("formats"), dict):
        raise AinuError(f"{MANIFEST!r} has no 'formats'")
    return manifest


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """A member at the top of the zip, whose size is one that a table could have."""
    if not isinstance(name, str) or not name or name != Path(name).name or "\\" in name or name in (".", ".."):
        raise AinuError(f"the manifest names {name!r}; a member's name holds no path")
    if name not in archive.namelist():
        raise AinuError(f"has no {name!r}; it holds: {', '.join(archive.namelist()[:20]) or 'nothing'}")
    info = archive.getinfo(name)
    if info.file_size > BEST_COMPRESSION * info.compress_size + 4096:
        raise AinuError(
            f"{name!r}: {info.compress_size} bytes claim to unpack to {info.file_size}; no localizations do"
        )
    return info


def _tables(manifest: dict[str, Any]) -> list[MemberTable]:
    files = manifest.get("files")
    wanted = [entry for entry in (files if isinstance(files, list) else []) if _is_table(entry)]
    if not wanted:
        raise AinuError(f"{MANIFEST!r} names no table")
    return [_table(entry, manifest["formats"].get(entry.get("format"))) for entry in wanted]


def _is_table(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("type") == "table"


def _table(entry: dict[str, Any], form: Any) -> MemberTable:
    if not isinstance(form, dict):
        raise AinuError(f"{MANIFEST!r}: format {entry.get('format')!r} of {entry.get('name')!r} is not described")
    names, kinds, units = (list(form.get(key) or []) for key in ("headers", "dtype", "units"))
    binary = form.get("mode") == "binary"
    if len(set(names)) != len(names) or not names or (binary and len(kinds) != len(names)):
        raise AinuError(f"{MANIFEST!r}: {len(names)} headers and {len(kinds)} dtypes do not make a table")
    offsets: Any = entry.get("offset")
    return MemberTable(
        member=entry.get("name", ""),
        rows=int(entry.get("rows", 0)),
        channel=str(entry.get("channel") or "default"),
        names=[str(name) for name in names],
        kinds=[str(kind) for kind in kinds],
        units=[str(unit) for unit in units] + [""] * (len(names) - len(units)),
        offsets={str(name): float(value) for name, value in (offsets if isinstance(offsets, dict) else {}).items()},
        binary=binary,
        delimiter=str(form.get("delimiter") or ","),
    )


def _read(archive: zipfile.ZipFile, table: MemberTable) -> dict[str, NDArray[Any]]:
    need_rows(max(table.rows, 0), repr(table.member))
    return _read_binary(archive, table) if table.binary else _read_text(archive, table)


def _read_binary(archive: zipfile.ZipFile, table: MemberTable) -> dict[str, NDArray[Any]]:
    unknown = [kind for kind in table.kinds if kind not in KINDS]
    if unknown:
        raise AinuError(f"{MANIFEST!r}: dtype {unknown[0]!r}; known are: {', '.join(KINDS)}")
    record = np.dtype(
        [(name, np.dtype(kind).newbyteorder("<")) for name, kind in zip(table.names, table.kinds, strict=True)]
    )
    info = _member(archive, table.member)
    if info.file_size != table.rows * record.itemsize:
        raise AinuError(
            f"{table.member!r}: truncated or of another format: {info.file_size} bytes, "
            f"{table.rows} rows of {record.itemsize} bytes are announced"
        )
    rows = np.frombuffer(archive.read(info), record)
    return {name: rows[name] + table.offsets[name] if table.offsets.get(name) else rows[name] for name in table.names}


def _read_text(archive: zipfile.ZipFile, table: MemberTable) -> dict[str, NDArray[Any]]:
    with archive.open(_member(archive, table.member)) as file:
        try:
            found = pyarrow.csv.read_csv(
                pa.py_buffer(file.read()),
                pyarrow.csv.ReadOptions(column_names=table.names, skip_rows=1, use_threads=False),
                pyarrow.csv.ParseOptions(delimiter=table.delimiter),
                pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(table.names, pa.float64())),
            )
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise AinuError(f"{table.member!r}: {delimited_text.explained(str(error), table.names)}") from None
    if found.num_rows != table.rows:
        raise AinuError(f"{table.member!r}: truncated: {found.num_rows} rows, {table.rows} are announced")
    return {name: found.column(name).to_numpy() + table.offsets.get(name, 0.0) for name in table.names}


def _canonical(
    found: dict[str, NDArray[Any]], table: MemberTable, keep: Sequence[str], pixel_size_nm: float | None
) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    for name, own in _sources(table).items():
        if name in LENGTH_COLUMNS:
            factor = nm_per_unit(_unit(table, own), pixel_size_nm, f"column {own!r} is")
            columns[name] = as_numbers(found[own] * factor)
        else:
            columns[name] = found[own]
    columns = of_pairs(found, {"precision": PAIR}) | columns
    return columns | {f"keep {name}": found[name] for name in keep}


def _sources(table: MemberTable) -> dict[str, str]:
    """Canonical column -> column of the table, whose name may carry its unit (`uncertainty [nm]`)."""
    bare = {name.partition("[")[0].strip(): name for name in table.names}
    found = {name: next((bare[own] for own in names if own in bare), "") for name, names in SINGLE.items()}
    for name in ("x", "y"):
        if not found[name]:
            raise AinuError(f"column {name!r} is missing; the columns are: {', '.join(table.names)}")
    return {name: own for name, own in found.items() if own}


def _unit(table: MemberTable, name: str) -> str:
    in_name = name.partition("[")[2].rstrip("] ")
    unit = table.units[table.names.index(name)] or in_name
    return UNITS.get(unit, unit)


def _units(table: MemberTable, columns: dict[str, NDArray[Any]]) -> dict[str, str]:
    sources = {name: own for name, own in _sources(table).items() if name in columns and name != "frame"}
    return {name: _unit(table, own) if name in LENGTH_COLUMNS else "as in the file" for name, own in sources.items()}
