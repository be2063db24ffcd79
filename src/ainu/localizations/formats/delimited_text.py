"""Delimited text in any dialect: its columns, streamed by pyarrow."""

from __future__ import annotations

import codecs
import io
import os
import re
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
from ainu.localizations.formats import dialect
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.raw import need_rows

BLOCK_BYTES = 1 << 18
"""Text that is parsed at a time; larger blocks hold more memory and are not faster."""

COMMENT_LINES = tuple(f"\n{sign}".encode() for sign in dialect.COMMENT)

Options = tuple[pyarrow.csv.ReadOptions, pyarrow.csv.ParseOptions, pyarrow.csv.ConvertOptions]


@dataclass(frozen=True)
class Columns:
    """Columns of a text file.

    Attributes
    ----------
    rows : int
        How many there are.
    numbers : dict of str to (n,) array
        Columns of numbers.
    codes : (n,) int32, optional
        Channel code of each row, as an index into `code_names`; -1 where there is none.
    code_names : tuple of str
        Channel codes as text.
    """

    rows: int
    numbers: dict[str, NDArray[Any]]
    codes: NDArray[np.int32] | None = None
    code_names: tuple[str, ...] = ()


def read(
    path: str | Path,
    form: Dialect,
    numbers: dict[str, type],
    *,
    code: str | None = None,
    quoted: bool = True,
    end: int | None = None,
) -> Columns:
    """Read some columns of a text file.

    Parameters
    ----------
    path : path
        The text file.
    form : Dialect
        How it is written, with all columns in the order of the file.
    numbers : dict of str to type
        Columns to read, and the type to keep them in.
    code : str, optional
        Column whose text is a channel code.
    quoted : bool
        Whether cells may be in quotation marks.
    end : int, optional
        Byte at which the rows end, where something else follows them.

    Returns
    -------
    Columns
        Each (n,), of the given types.

    Raises
    ------
    AinuError
        A column is missing or double, a row is too long or too short, there is text in a number, or no row at all.
    """
    form = form.checked(path)
    _check_names(path, form.names, [*numbers, *([code] if code is not None else [])])
    if code in numbers:
        raise AinuError(f"{path}: column {code!r} is both the channel and a column to keep; use it once")
    need_rows(form.filled and end != 0, path)
    if code is None or code != form.names[0]:
        _refuse_comments(path, form, end)
    types: dict[str, pa.DataType] = {name: pa.from_numpy_dtype(dtype) for name, dtype in numbers.items()}
    if code is not None:
        types[code] = pa.dictionary(pa.int32(), pa.string())
    growing = Growing(numbers | ({} if code is None else {code: np.int32}))
    known: dict[str, int] = {}
    try:
        with (
            _rows_of(path, form, end, code) as source,
            pyarrow.csv.open_csv(source, *_options(form, types, quoted)) as batches,
        ):
            for batch in batches:
                growing.expect(batch.num_rows, round((end or os.path.getsize(path)) / BLOCK_BYTES))
                for name, values in zip(batch.schema.names, batch.columns, strict=True):
                    own = code_indices(values, known) if name == code else values.to_numpy(zero_copy_only=False)
                    growing.put(name, own)
                growing.rows += batch.num_rows
    except pa.ArrowInvalid as error:
        raise AinuError(f"{path}: {explained(str(error), form.names, form.header_row, form.delimiter)}") from None
    need_rows(growing.rows, path)
    arrays = growing.arrays()
    pa.default_memory_pool().release_unused()
    return Columns(growing.rows, arrays, None if code is None else arrays.pop(code), tuple(known))


class Growing:
    """Columns that are filled batch by batch, so that a file is never in memory twice."""

    def __init__(self, kinds: dict[str, type]) -> None:
        self.kinds, self.rows, self._arrays = kinds, 0, dict[str, NDArray[Any]]()

    def expect(self, more: int, batches: int) -> None:
        """Make room for a batch of rows: at first for as many batches as the file seems to hold, later a fifth more."""
        if not self._arrays:
            room = int(1.02 * more * max(batches, 1)) + 1
            self._arrays = {name: np.empty(max(room, more), kind) for name, kind in self.kinds.items()}
        elif self.rows + more > len(next(iter(self._arrays.values()))):
            for array in self._arrays.values():
                array.resize(int(1.2 * (self.rows + more)), refcheck=False)

    def put(self, name: str, values: NDArray[Any]) -> None:
        """Fill a column with (m,) values, after the rows that it has."""
        self._arrays[name][self.rows : self.rows + len(values)] = values

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The columns, (n,) each, up to the row to which they are filled."""
        return {name: array[: self.rows] for name, array in self._arrays.items()}


def _check_names(path: str | Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    for name in wanted:
        if names.count(name) != 1:
            found = "missing" if name not in names else "there more than once"
            raise AinuError(f"{path}: column {name!r} is {found}; the columns are: {', '.join(names)}")


def _options(form: Dialect, types: dict[str, pa.DataType], quoted: bool) -> Options:
    names = form.names
    unique = [name if names.count(name) == 1 else f"{name} #{index}" for index, name in enumerate(names)]
    return (
        # one thread, as fast as two here, which knows the row of a mistake
        pyarrow.csv.ReadOptions(column_names=unique, skip_rows=form.skip, block_size=BLOCK_BYTES, use_threads=False),
        pyarrow.csv.ParseOptions(delimiter=form.delimiter, quote_char='"' if quoted else False),
        pyarrow.csv.ConvertOptions(include_columns=list(types), column_types=types, decimal_point=form.decimal),
    )


class _Part(io.RawIOBase):
    """A file's bytes before `end`."""

    def __init__(self, path: str | Path, end: int) -> None:
        self._file, self._left = open(path, "rb"), end  # noqa: SIM115

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Rewritten(io.RawIOBase):
    """A file as the parser takes it: in UTF-8, one delimiter between cells, quotation marks next to delimiters."""

    def __init__(self, path: str | Path, form: Dialect) -> None:
        self._file, self._form = open(path, "rb"), form  # noqa: SIM115
        self._decode = codecs.getincrementaldecoder(form.encoding)("replace").decode
        self._text, self._ready, self._first = "", b"", True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            raw = self._file.read(BLOCK_BYTES)
            text = self._decode(raw, not raw)
            if self._first:
                text, self._first = text.removeprefix("\ufeff"), False
            whole, self._text = _whole_lines(self._text + text) if raw else (self._text + text, "")
            self._ready = self._rewritten(whole).encode()
            if not raw:
                break
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def _rewritten(self, lines: str) -> str:
        if self._form.runs:
            lines = re.sub(r"[ \t]+", dialect.BLANKS, lines)
            lines = re.sub(r" ?(\r\n|\r|\n) ?", r"\1", lines).strip(dialect.BLANKS)
        if self._form.leading:
            cell = f"[^{re.escape(self._form.delimiter)}\r\n]+"
            lines = re.sub(
                f"((?:{cell}{re.escape(self._form.delimiter)}){{{self._form.leading - 1}}}{cell})[^\r\n]*", r"\1", lines
            )
        if self._form.padded:
            lines = re.sub(f'({re.escape(self._form.delimiter)})[ \t]+(?=")', r"\1", lines)
        return lines

    def close(self) -> None:
        self._file.close()
        super().close()


def _whole_lines(text: str) -> tuple[str, str]:
    """A text up to its last line end, and the rest; a line end that may be half of one is left to the rest."""
    end = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
    return text[:end], text[end:]


@contextmanager
def _rows_of(path: str | Path, form: Dialect, end: int | None, code: str | None) -> Iterator[Any]:
    """What the parser reads: the file by name, its part, or its text rewritten."""
    plain = form.encoding == "utf-8" or (form.encoding == "latin-1" and (code is None or end is not None))
    if plain and not (form.runs or form.padded or form.leading):
        if end is None:
            yield str(path)
            return
        with _Part(path, end) as part:
            yield part
        return
    if end is not None and end < os.path.getsize(path):
        raise AinuError(f"{path}: the text is encoded in {form.encoding}; save it in UTF-8")
    with _Rewritten(path, form) as rewritten:
        yield rewritten


def code_indices(column: pa.Array, known: dict[str, int]) -> NDArray[np.int32]:
    """(m,) codes of a batch as indices into `known`, which grows by the new ones; -1 for none."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = ["" if text is None else str(text).strip().strip('"') for text in encoded.dictionary.to_pylist()]
    lookup = np.array([known.setdefault(text, len(known)) if text else -1 for text in texts] + [-1], np.int32)
    return lookup[encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)]


def _refuse_comments(path: str | Path, form: Dialect, end: int | None) -> None:
    """Stop at a comment among the rows: with as many cells as a row it would be read as one."""
    with open(path, "rb") as file:
        for _ in range(form.skip):
            file.readline()
        place, tail = file.tell() - 1, b"\n"
        while block := file.read(BLOCK_BYTES):
            text = tail + block
            found = min((at for mark in COMMENT_LINES if (at := text.find(mark)) >= 0), default=-1)
            if found >= 0 and (end is None or place + found + 1 < end):
                raise AinuError(f"{path}: {_comment_told(path, place + found + 1)}")
            tail = text[-2:]
            place += len(text) - len(tail)


def _comment_told(path: str | Path, place: int) -> str:
    """A comment line by its row and text, from the byte at which it begins."""
    with open(path, "rb") as file:
        row = file.read(place).count(b"\n") + 1
        return comment_told(row, file.readline().decode(errors="replace"))


def comment_told(row: int, text: str) -> str:
    """That a row is a comment."""
    return f"row {row} is a comment ({text.strip()[:60]!r}); allowed: comments before the header only, remove it"


def explained(message: str, names: Sequence[str], header_row: int = 1, delimiter: str = ",") -> str:
    """pyarrow's complaint with the column's name; its row numbers count all lines of the file.

    Parameters
    ----------
    message : str
        Of pyarrow.
    names : sequence of str
        Columns in the order of the file.
    header_row : int
        Line of the header; 0 without one.
    delimiter : str
        Between the cells.

    Returns
    -------
    str
    """
    message = message.split("\n")[0]
    if length := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+): ?(.*)", message):
        row, expected, found, text = length.groups()
        return _other_length(int(row), int(expected), int(found), text, delimiter)
    column = re.search(r"CSV column #(\d+): ", message)
    if column is None or "invalid value" not in message:
        return message
    row = re.search(r"Row #(\d+)", message)
    value = message.rpartition("invalid value ")[2]
    header = f" (the header is row {header_row})" if header_row else ""
    if row and value.strip("'") == names[int(column.group(1))]:
        return f"row {row.group(1)} repeats the header; allowed: one table in a file"
    place = f"row {row.group(1)}{header}, " if row else ""
    return f"{place}column {names[int(column.group(1))]!r}: {value} is not a number"


def _other_length(row: int, expected: int, found: int, text: str, delimiter: str) -> str:
    """What a row is that has more or fewer cells than others."""
    if text.lstrip().startswith(dialect.COMMENT):
        return comment_told(row, text)
    if found > expected and delimiter == "," and all(map(dialect.is_number, dialect.cells(text, delimiter))):
        return f"row {row} has {found} cells for {expected} columns ({text[:60]!r}); {dialect.DECIMAL_COMMAS}"
    return f"row {row} has {found} cells, needed: {expected}, one for each column ({text[:60]!r})"


def whole_codes(names: Sequence[str]) -> tuple[str, ...]:
    """Channel codes with whole numbers in their shortest form: 1.0 is 1."""
    return tuple(re.sub(r"^([+-]?\d+)\.0*$", r"\1", name) for name in names)
