"""The dialect of a text file: encoding, header, delimiter and decimal sign, told from its first bytes.

A dialect is told strictly. Most rows of the sample must have as many cells as the header has names (a row of another
length is an error when it is read); where numbers can be read in two ways, the file is refused with what was seen.
What differs from the plain form (UTF-8, the header in the first line, decimal points) becomes a note. No more than the
head of a file is looked at.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ainu import files
from ainu.errors import AinuError
from ainu.localizations.formats.column_names import squashed

DELIMITERS = ("\t", ";", ",")
BLANKS = " "
NAMES = {"\t": "tabs", ";": "semicolons", ",": "commas", BLANKS: "blanks"}
COMMENT = ("#", "%", "//")
SAMPLED_ROWS = 30
LONGEST_PREAMBLE = 500
"""Lines before the first row that are looked through."""
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)*|[.,]\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
BINARY = re.compile(r"[\x00-\x08\x0e-\x1f]")
"""Characters that no text has."""
ONE_HEADER = "the names of all columns stand in one line before the rows, with the same delimiter"
DECIMAL_COMMAS = (
    "decimal commas cannot be told from the commas between columns (write the numbers with decimal points, or separate "
    "the columns by semicolons or tabs), and every column needs a name"
)
"""What to do with rows that have more cells than columns."""
BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


@dataclass(frozen=True)
class Dialect:
    """How a text file is written.

    Attributes
    ----------
    names : tuple of str
        Columns in the order of the file; `#1`, `#2`, ... where it has no header, empty beyond the header's last one.
    delimiter : str
        Between the cells of a row; a blank may stand for any number of blanks and tabs (`runs`).
    encoding : str
        Of the text, as Python names it.
    decimal : str
        Decimal sign, "." or ",".
    skip : int
        Lines before the first row.
    comments : tuple of str
        Lines before the header, as they are.
    sample : tuple of tuple of str
        Cells of the first rows.
    runs : bool
        Whether several blanks or tabs are one delimiter.
    padded : bool
        Whether blanks stand between a delimiter and a quotation mark.
    leading : int
        How many cells of a row are read, where rows have any number of further ones; 0 for all.
    headed : bool
        Whether there is a header.
    header_row : int
        Line of the header, from 1; 0 without one.
    filled : bool
        Whether anything follows the header.
    problem : str
        Why the file cannot be read without a guess; empty for most.
    """

    names: tuple[str, ...]
    delimiter: str
    encoding: str = "utf-8"
    decimal: str = "."
    skip: int = 1
    comments: tuple[str, ...] = ()
    sample: tuple[tuple[str, ...], ...] = ()
    runs: bool = False
    padded: bool = False
    leading: int = 0
    headed: bool = True
    header_row: int = 1
    filled: bool = True
    problem: str = ""

    def checked(self, path: str | Path) -> Dialect:
        """Itself, of a file that can be read without a guess.

        Parameters
        ----------
        path : path
            The file, for the message.

        Returns
        -------
        Dialect

        Raises
        ------
        AinuError
            The file has a `problem`.
        """
        if self.problem:
            raise AinuError(f"{path}: {self.problem}")
        return self

    def notes(self, usual: Sequence[str] = DELIMITERS, *, comments: bool = False) -> tuple[str, ...]:
        """What differs from the plain form of a format.

        Parameters
        ----------
        usual : sequence of str
            Delimiters that the format has.
        comments : bool
            Whether the format has lines before its header, or no header at all.

        Returns
        -------
        tuple of str
            One note, or none.
        """
        told = [f"columns separated by {NAMES[self.delimiter]}"] if self.delimiter not in usual else []
        told += ["encoded in UTF-16"] if self.encoding.startswith("utf-16") else []
        told += ["decimal commas"] if self.decimal == "," else []
        told += ["a delimiter after the last column"] if self.headed and self.names and not self.names[-1] else []
        if not comments:
            told += [f"lines skipped before the header: {len(self.comments)}"] if self.comments else []
            told += [] if self.headed else ["no header"]
        return (f"text read with: {', '.join(told)}",) if told else ()

    def first(self, name: str) -> str:
        """The cell of a column in the first row; empty where there is none."""
        return self.sample[0][self.names.index(name)] if self.sample and name in self.names else ""

    def column(self, name: str) -> str | None:
        """The column of this name, in any case and with any signs between words; None where there is none."""
        return next((own for own in self.names if squashed(own) == squashed(name)), None)

    def has(self, *names: str) -> bool:
        """Whether it has columns of all these names."""
        return {squashed(name) for name in names} <= {squashed(own) for own in self.names}


def of_file(path: str | Path) -> Dialect:
    """The dialect of a text file.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    Dialect

    Raises
    ------
    AinuError
        It is no text, or it cannot be read without a guess.
    """
    found = of(files.head(path))
    if found is None:
        raise AinuError(f"{path}: is no text")
    return found.checked(path)


def column_names(path: str | Path) -> list[str]:
    """Names of the columns of a text file, as they are in its header."""
    return list(of_file(path).names)


@lru_cache(maxsize=4)
def of(head: bytes) -> Dialect | None:
    """The dialect of a file with these first bytes.

    Parameters
    ----------
    head : bytes
        Up to `ainu.files.HEAD_BYTES` of the file.

    Returns
    -------
    Dialect, optional
        None for what is no text. Where no reading fits, its `problem` says so.
    """
    encoding, text = decoded(head)
    lines = re.split(r"\r\n|\r|\n", text)
    if len(head) >= files.HEAD_BYTES and len(lines) > 1:
        lines.pop()  # perhaps cut off
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines or BINARY.search(text):
        return None
    readings = [found for delimiter in DELIMITERS if (found := _reading(lines, delimiter))]
    readings = readings or [found for found in [_reading(lines, BLANKS)] if found]
    chosen = _best(readings) if readings else _unread(lines)
    return replace(chosen, encoding=encoding, filled=any(line.strip() for line in lines[chosen.skip :]))


def first_line(head: bytes) -> str:
    """The first line of a file's first bytes; empty for what is no text."""
    line = re.split(r"[\r\n]", decoded(head)[1], maxsplit=1)[0]
    return "" if "\0" in line else line


def decoded(head: bytes) -> tuple[str, str]:
    """Encoding and text of first bytes, without what follows a NUL byte after the first line."""
    for mark, encoding in BOMS.items():
        if head.startswith(mark):
            return encoding, head[len(mark) :].decode(encoding, "replace")
    pairs = head[:200]
    if len(pairs) >= 8 and not any(pairs[1::2]) and all(pairs[::2]):
        return "utf-16-le", head.decode("utf-16-le", "replace")
    head = head.partition(b"\0")[0] if b"\0" in head and re.search(rb"[\r\n]", head.partition(b"\0")[0]) else head
    cut = head[: len(head) - 4] if len(head) > 8 else head
    try:
        cut.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut off at the end of the head is no other encoding.
        if error.start < len(cut) - 4:
            return "latin-1", head.decode("latin-1")
    return "utf-8", head.decode("utf-8", "replace")


def cells(line: str, delimiter: str) -> list[str]:
    """The cells of a line, without quotation marks and blanks around them."""
    if delimiter == BLANKS:
        line = re.sub(r"[ \t]+", BLANKS, line.strip())
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error:
        return [cell.strip() for cell in line.split(delimiter)]


def header_cells(line: str, delimiter: str) -> list[str]:
    """Names in a header line; one that a spreadsheet quoted a second time is one field that holds the others."""
    names = cells(line, delimiter)
    return cells(names[0], delimiter) if len(names) == 1 and delimiter in names[0] else names


def is_number(cell: str) -> bool:
    """Whether a cell is a number, with either decimal sign."""
    return NUMBER.fullmatch(cell) is not None


def _is_row(found: Sequence[str]) -> bool:
    """Whether cells are a row of data: two numbers at least, and half of what is not empty."""
    filled = [cell for cell in found if cell]
    numeric = sum(map(is_number, filled))
    return numeric >= 2 and 2 * numeric >= len(filled)


def _reading(lines: Sequence[str], delimiter: str) -> Dialect | None:
    """The dialect with a delimiter, where header and rows agree."""
    start = next((n for n, line in enumerate(lines[:LONGEST_PREAMBLE]) if _starts(line, delimiter)), None)
    if start is None:
        return None
    rows = [cells(line, delimiter) for line in lines[start : start + SAMPLED_ROWS] if line.strip()]
    width, agreeing = Counter(map(len, rows)).most_common(1)[0]
    if width < 2 or 2 * agreeing <= len(rows):
        return None
    own = lines[start : start + SAMPLED_ROWS]
    found = Dialect(
        names=(),
        delimiter=delimiter,
        skip=start,
        sample=tuple(tuple(row) for row in rows if len(row) == width),
        runs=delimiter == BLANKS and any(re.search(r"[ \t]{2}|^[ \t]|[ \t]$|\t", line) for line in own),
        padded=delimiter != BLANKS and any(re.search(f'{re.escape(delimiter)}[ \t]+"', line) for line in own),
    )
    return _with_header(found, lines, start, width)


def _starts(line: str, delimiter: str) -> bool:
    return not line.lstrip().startswith(COMMENT) and _is_row(cells(line, delimiter))


def _with_header(found: Dialect, lines: Sequence[str], start: int, width: int) -> Dialect | None:
    """The dialect with the names of the line before the first row."""
    before = [n for n in range(start) if lines[n].strip()]
    nameless = replace(found, names=tuple(f"#{n}" for n in range(1, width + 1)), headed=False, header_row=0)
    if not before:
        return nameless
    place = _header_line(lines, before, found, width)
    comment = lines[place].lstrip().startswith(COMMENT)
    text = lines[place].lstrip().lstrip("#%/ ") if comment else lines[place]
    names = header_cells(text, found.delimiter)
    if comment and len(names) != width:
        names = [name for name in names if name]
    trailing = width - len(names) == 1 and not any(row[-1] for row in found.sample)
    if trailing:
        names.append("")
    if len(names) != width or sum(map(is_number, names)) * 2 > len(names):
        return replace(nameless, comments=_told(lines[:start])) if comment else None
    others = _told([*lines[:place], *lines[place + 1 : start]])
    return replace(found, names=tuple(names), comments=others, header_row=place + 1)


def _header_line(lines: Sequence[str], before: Sequence[int], found: Dialect, width: int) -> int:
    """The line of the header: the last one before the rows, or the one above the comments that follow it."""
    above = [n for n in before if not lines[n].lstrip().startswith(COMMENT)]
    if not above or above[-1] == before[-1]:
        return before[-1]
    names = header_cells(lines[above[-1]], found.delimiter)
    last = header_cells(lines[before[-1]].lstrip().lstrip("#%/ "), found.delimiter)
    fits = len(names) == width and not any(map(is_number, names)) and len(last) != width
    return above[-1] if fits else before[-1]


def _told(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line.strip())


def _best(readings: Sequence[Dialect]) -> Dialect:
    """The reading under which most of the first cells are numbers."""
    return _decimals(max(readings, key=_numeric_share))


def _numeric_share(found: Dialect) -> float:
    filled = [cell for row in found.sample for cell in row if cell]
    return sum(map(is_number, filled)) / max(len(filled), 1)


def _decimals(found: Dialect) -> Dialect:
    """The dialect with its decimal sign."""
    numbers = [cell for row in found.sample for cell in row if is_number(cell)]
    commas = [cell for cell in numbers if "," in cell]
    if not commas:
        return found
    points = [cell for cell in numbers if "." in cell]
    if points:
        problem = f"{commas[0]} and {points[0]} do not have the same decimal sign"
    elif any(cell.count(",") > 1 for cell in commas):
        problem = f"{next(cell for cell in commas if cell.count(',') > 1)} has separators of thousands"
    elif all(re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", cell) for cell in commas):
        problem = f"{commas[0]} has a decimal comma or a separator of thousands"
    else:
        return replace(found, decimal=",")
    return replace(found, problem=f"{problem}; write the numbers with decimal points and no other signs")


def _unread(lines: Sequence[str]) -> Dialect:
    """The dialect of a file without rows, or whose rows fit no header: its first line that is no comment."""
    place = next((n for n, line in enumerate(lines) if line.strip() and not line.lstrip().startswith(COMMENT)), 0)
    line = lines[place]
    delimiter = next((sign for sign in DELIMITERS if sign in line), BLANKS if BLANKS in line.strip() else ",")
    names = header_cells(line, delimiter)
    found = Dialect(tuple(names), delimiter, skip=place + 1, comments=_told(lines[:place]), header_row=place + 1)
    rows = [row for text in lines[place + 1 : place + SAMPLED_ROWS] if _is_row(row := cells(text, delimiter))]
    if rows and all(len(row) != len(names) for row in rows):
        told = f"line {place + 1} names {len(names)} columns, the rows below have {len(rows[0])}"
        commas = delimiter == "," and all(len(row) > len(names) for row in rows)
        problem = f"{told}; {DECIMAL_COMMAS if commas else ONE_HEADER}"
        return replace(found, problem=problem)
    return found
