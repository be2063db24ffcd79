"""Tables of any program: CSV, TSV and Parquet, with a mapping of their columns or with canonical names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.files import HEAD_BYTES
from ainu.localizations.formats import column_mapping, delimited_text
from ainu.localizations.formats.builder import of_text
from ainu.localizations.formats.column_mapping import ColumnMapping
from ainu.localizations.formats.raw import Raw, need_rows
from ainu.localizations.formats.units import nm_per_unit

NAME = "table"
VERSION = 1

PARQUET = b"PAR1"
CHANNEL = "channel"


def sniff(_path: Path, head: bytes) -> bool:
    """Whether the file is Parquet, or text whose header has columns x and y."""
    return head.startswith(PARQUET) or {"x", "y"} <= set(_text_header(head)[0])


def read(
    path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = (), columns: str | None = None
) -> Raw:
    """Read a table.

    Parameters
    ----------
    path : path
        CSV, TSV or Parquet file.
    pixel_size_nm : float, optional
        Camera pixel, where a column is in px.
    keep : sequence of str
        Further columns, under their own names.
    columns : str, optional
        The sheet's mapping (`column_mapping.parse`); None: canonical names, nm.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        A column is missing, there is text in a number, or there are no rows.
    """
    there, delimiter = _header(path)
    plan = column_mapping.parse(columns, there) if columns else column_mapping.canonical(there)
    kept = tuple(dict.fromkeys([*plan.keep, *keep]))
    _check(path, there, plan, kept)
    numbers: dict[str, type] = dict.fromkeys(kept, np.float64)
    numbers |= {column: np.float32 for name, column in plan.names.items() if name != CHANNEL and column not in kept}
    if "frame" in plan.names:
        numbers[plan.names["frame"]] = np.float64
    code = plan.names.get(CHANNEL)
    if delimiter:
        found = delimited_text.read(path, there, numbers, code=code, delimiter=delimiter)
    else:
        found = _read_parquet(path, numbers, code)
    return _raw(path, found, plan, kept, pixel_size_nm)


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    return _header(path)[0]


def _header(path: str | Path) -> tuple[list[str], str]:
    """Names of the columns, and what separates them: nothing in Parquet."""
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    return (list(pq.read_schema(path).names), "") if head.startswith(PARQUET) else _text_header(head)


def _text_header(head: bytes) -> tuple[list[str], str]:
    line = delimited_text.first_line(head)
    delimiter = next((sign for sign in "\t;," if sign in line), ",")
    return delimited_text.header(line, delimiter), delimiter


def _check(path: str | Path, names: Sequence[str], plan: ColumnMapping, kept: Sequence[str]) -> None:
    missing = [name for name in column_mapping.REQUIRED if name not in plan.names]
    if missing:
        raise AinuError(
            f"{path}: column {missing[0]!r} is missing; the columns are: {', '.join(names)}. "
            "Map the columns in the sheet's `columns`, as in x=pos_x[nm],y=pos_y[nm],frame=t"
        )
    for column in [*plan.names.values(), *kept]:
        if column not in names:
            raise AinuError(f"{path}: column {column!r} is missing; the columns are: {', '.join(names)}")


def _read_parquet(path: str | Path, numbers: dict[str, type], code: str | None) -> delimited_text.Columns:
    file = pq.ParquetFile(path)
    need_rows(file.metadata.num_rows, path)
    wanted = list(dict.fromkeys([*numbers, *([code] if code else [])]))
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in numbers}
    codes: list[NDArray[np.int32]] = []
    known: dict[str, int] = {}
    rows = 0
    for batch in file.iter_batches(columns=wanted):
        rows += batch.num_rows
        for name, dtype in numbers.items():
            parts[name].append(_numbers(path, name, batch.column(name), dtype))
        if code:
            codes.append(delimited_text.code_indices(_as_text(batch.column(code)), known))
    arrays = {name: np.concatenate(chunks) for name, chunks in parts.items()}
    return delimited_text.Columns(rows, arrays, np.concatenate(codes) if code else None, tuple(known))


def _numbers(path: str | Path, name: str, column: pa.Array, dtype: type) -> NDArray[Any]:
    try:
        values = pc.cast(column, pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise AinuError(f"{path}: column {name!r} holds {column.type}, not numbers") from None
    return values.to_numpy(zero_copy_only=False).astype(dtype)


def _as_text(column: pa.Array) -> pa.Array:
    """Channel codes as text; whole numbers without decimals."""
    if pa.types.is_floating(column.type) and not pc.any(pc.not_equal(column, pc.floor(column))).as_py():
        column = pc.cast(column, pa.int64())
    return pc.cast(column, pa.string())


def _raw(
    path: str | Path,
    found: delimited_text.Columns,
    plan: ColumnMapping,
    kept: Sequence[str],
    pixel_size_nm: float | None,
) -> Raw:
    columns = {name: found.numbers[column] for name, column in plan.names.items() if name != CHANNEL}
    for name, unit in plan.units.items():
        factor = nm_per_unit(unit, pixel_size_nm, f"{path}: column {plan.names[name]!r} is")
        columns[name] = (columns[name] * factor).astype(np.float32)
    return of_text(
        *(found, columns, kept),
        units=plan.units,
        first_frame=plan.first_frame,
        strict_frames=True,
        pixel_size_nm=pixel_size_nm if "px" in plan.units.values() else None,
    )
