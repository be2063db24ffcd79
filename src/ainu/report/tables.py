"""Tables of the page, made from records of any kind: the text of each cell, and the key that it sorts by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ainu.intervals import Interval, as_number, is_interval
from ainu.report.text import heading, number_text

TABLE_ROWS = 2000
"""Rows of a table on the page; the file beside the report holds the rest."""


@dataclass(frozen=True)
class Column:
    """A table's column: its heading, and whether it holds numbers."""

    heading: str
    numeric: bool


@dataclass(frozen=True)
class Cell:
    """A table's cell: what is read, what it sorts by, and the element of the page that it leads to."""

    text: str
    key: str
    target: str | None = None


@dataclass(frozen=True)
class PageTable:
    """A table of the page; `left_out` counts the rows that were too many for it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left_out: int = 0


def table_of(
    records: pd.DataFrame | Iterable[Mapping[str, Any]],
    caption: str,
    *,
    order: Sequence[str] = (),
    headings: bool = True,
    targets: Sequence[str | None] = (),
) -> PageTable:
    """A table of the page from free records.

    Parameters
    ----------
    records : DataFrame or iterable of mappings
        Rows; cells may be numbers, intervals, strings, lists or missing.
    caption : str
        Says what the table holds; no two tables of a page share it.
    order : sequence of str
        Columns that come first, in this order, where there are such; JSON files are sorted by the alphabet.
    headings : bool
        Turn column names into words and units; not for names that are the user's.
    targets : sequence of str or None
        Element of the page that the first cell of each row leads to.

    Returns
    -------
    PageTable
        With at most `TABLE_ROWS` rows.
    """
    frame = records if isinstance(records, pd.DataFrame) else pd.DataFrame(list(records))
    frame = frame[[*(name for name in order if name in frame), *(name for name in frame if name not in order)]]
    columns = tuple(
        Column(heading(str(name)) if headings else str(name), _holds_numbers(frame[name])) for name in frame
    )
    rows = [tuple(cell_of(value) for value in row) for row in frame.head(TABLE_ROWS).itertuples(index=False)]
    for index, target in enumerate(targets[: len(rows)]):
        rows[index] = (Cell(rows[index][0].text, rows[index][0].key, target), *rows[index][1:])
    return PageTable(caption, columns, tuple(rows), max(0, len(frame) - TABLE_ROWS))


def _holds_numbers(column: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(column):
        return False
    filled = [value for value in column if not _is_missing(value)]
    return pd.api.types.is_numeric_dtype(column) or (
        bool(filled) and all(is_interval(value) or as_number(value) is not None for value in filled)
    )


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def cell_of(value: Any) -> Cell:
    """A cell from whatever a result holds."""
    number = as_number(value)
    if number is not None:
        return Cell(number_text(value), repr(number))
    if isinstance(value, bool | np.bool_):
        return Cell("yes" if value else "no", "1" if value else "0")
    if is_interval(value):
        return _interval_cell(Interval.of(value))
    if isinstance(value, Mapping):
        return Cell(", ".join(f"{key}: {cell_of(item).text}" for key, item in value.items()), "")
    if isinstance(value, list | tuple):
        return Cell(", ".join(cell_of(item).text for item in value) or "–", str(value))
    return Cell("–", "") if _is_missing(value) else Cell(str(value), str(value))


def _interval_cell(interval: Interval) -> Cell:
    if interval.value is None:
        return Cell("–", "")
    ends = "" if interval.low is None else f" ({interval.limits})"
    return Cell(number_text(interval.value) + ends, repr(interval.value))
