"""Tables of any program: CSV, TSV and Parquet, with a mapping of their columns, or by the names of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ainu import files
from ainu.errors import AinuError
from ainu.localizations.formats import column_mapping, delimited_text, dialect
from ainu.localizations.formats.builder import of_text
from ainu.localizations.formats.column_mapping import ColumnMapping
from ainu.localizations.formats.column_names import named_columns
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.double import as_numbers, number_type
from ainu.localizations.formats.named_text import canonical_columns, guess_notes, pixel_note, unread, with_units
from ainu.localizations.formats.raw import Raw, need_rows
from ainu.localizations.formats.readers import elyra, malk, rapidstorm, visp
from ainu.localizations.formats.units import LENGTH_COLUMNS, nm_per_unit

NAME = "table"
VERSION = 1

PARQUET = b"PAR1"
CHANNEL = "channel"


def sniff(_path: Path, head: bytes) -> bool:
    """Whether the file is Parquet, or text with columns that are x and y by their names."""
    form = None if head.startswith(PARQUET) else dialect.of(head)
    return head.startswith(PARQUET) or (form is not None and {"x", "y"} <= set(named_columns(form.names).single))


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
        The sheet's mapping (`column_mapping.parse`); None: by their names (`column_names`).

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        A column is missing, there is text in a number, or there are no rows.
    """
    form = _form(path)
    there = list(form.names) if form else names(path)
    plan = column_mapping.parse(columns, there) if columns else _by_names(there, pixel_size_nm)
    kept = tuple(dict.fromkeys([*plan.keep, *keep]))
    _check(path, there, plan, kept)
    numbers: dict[str, type] = dict.fromkeys(kept, np.float64)
    sources = [column for name, column in plan.named.single.items() if name != CHANNEL]
    numbers |= {column: number_type() for column in [*sources, *plan.named.both()] if column not in kept}
    if "frame" in plan.named.single:
        numbers[plan.named.single["frame"]] = np.float64
    code = plan.named.single.get(CHANNEL)
    if form:
        found = delimited_text.read(path, form, numbers, code=code, end=_end(path, form))
    else:
        found = _read_parquet(path, numbers, code)
    raw = _raw(path, found, plan, kept, pixel_size_nm)
    unused = pixel_note(["x"], pixel_size_nm) if columns and plan.guessed else ()
    notes = (*(form.notes() if form else ()), *plan.notes, *unused)
    return replace(raw, notes=notes, unread=unread(there, plan.named), guessed_unit=plan.guessed)


def names(path: str | Path) -> list[str]:
    """Names of the columns."""
    form = _form(path)
    return list(form.names) if form else list(pq.read_schema(path).names)


def _form(path: str | Path) -> Dialect | None:
    """How a text is written, also that of a program whose header is of its own kind; None for Parquet."""
    head = files.head(path)
    if head.startswith(PARQUET):
        return None
    own = next((reader for reader in (rapidstorm, malk, visp) if reader.sniff(Path(path), head)), None)
    return own.form_of(path) if own else dialect.of_file(path)


def _end(path: str | Path, form: Dialect) -> int | None:
    """The byte at which the rows end, in the one text that has notes behind them."""
    return elyra.end_of_rows(path, form.encoding) if elyra.sniff(Path(path), files.head(path)) else None


def _by_names(there: Sequence[str], pixel_size_nm: float | None) -> ColumnMapping:
    """The mapping that the names themselves tell."""
    named, guessed = with_units(named_columns(there, exact=True))
    notes = (*guess_notes(guessed), *pixel_note(guessed, pixel_size_nm))
    return ColumnMapping(named, notes=notes, guessed="x" in guessed)


def _check(path: str | Path, names: Sequence[str], plan: ColumnMapping, kept: Sequence[str]) -> None:
    missing = [name for name in column_mapping.REQUIRED if name not in plan.named.single]
    if missing:
        raise AinuError(
            f"{path}: column {missing[0]!r} is missing; the columns are: {', '.join(names)}. "
            "Map the columns in the sheet's `columns`, as in x=pos_x[nm],y=pos_y[nm],frame=t"
        )
    for column in [*plan.named.single.values(), *kept]:
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
    single = {name: column for name, column in plan.named.single.items() if name != CHANNEL}
    columns = canonical_columns(found.numbers, single, plan.named)
    lengths = {name: unit for name, unit in plan.named.units.items() if name in LENGTH_COLUMNS}
    for name, unit in lengths.items():
        factor = nm_per_unit(unit, pixel_size_nm, f"{path}: column {plan.named.title(name)!r} is")
        columns[name] = as_numbers(columns[name] * factor)
    return of_text(
        *(found, columns, kept),
        units=lengths,
        first_frame=plan.first_frame,
        strict_frames=True,
        pixel_size_nm=pixel_size_nm if "px" in lengths.values() else None,
    )
