"""The sample sheet as text: its header and its rows of cells, before anything is known of the columns."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path

from ainu.errors import AinuError
from ainu.settings.wording import did_you_mean


def header_and_rows(path: str, root: Path) -> tuple[list[str], dict[int, list[str]]]:
    """Header, and row number -> cells, without blanks around them and without empty rows.

    Parameters
    ----------
    path : str
        Of the sheet, as the config names it.
    root : Path
        The folder that it is relative to.

    Returns
    -------
    header : list of str
    rows : dict of int to list of str

    Raises
    ------
    AinuError
        It is no tab-separated text in UTF-8, or empty.
    """
    lines = csv.reader(io.StringIO(_sheet_text(path, root)), delimiter="\t")
    try:
        cells = [[cell.strip() for cell in row] for row in lines]
    except csv.Error as error:
        raise AinuError(f"{path}, row {lines.line_num}: cannot be read ({error})") from None
    header = list(cells[0]) if cells else []
    while header and not header[-1]:
        header.pop()
    rows = {number: row for number, row in enumerate(cells[1:], start=2) if any(row)}
    if len(header) == 1 and (match := re.search(r"[,;]|\s", header[0])):
        raise AinuError(_untabbed(path, 1, "column", header[0], match[0]))
    for number, row in rows.items():
        if len(header) > 1 and sum(map(bool, row)) == 1 and len(row[0].split()) > 1:
            raise AinuError(_untabbed(path, number, "cell", row[0], " "))
    if not header or not rows:
        raise AinuError(f"{path}: empty; needed: a header and a row per localization file")
    return header, rows


def _untabbed(path: str, row: int, what: str, text: str, sign: str) -> str:
    """That a line of the sheet is separated by other signs than tabs."""
    found = "blanks" if sign.isspace() else repr(sign)
    told = f"{path}, row {row}: found {text!r}, one {what} with {found} in it"
    return f"{told}; allowed: columns separated by tabs (save it as tab-separated text)"


def _sheet_text(path: str, root: Path) -> str:
    file = root / path
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        siblings = os.listdir(file.parent) if file.parent.is_dir() else []
        raise AinuError(f"{path}: no such sample sheet{did_you_mean(file.name, siblings)}") from None
    except OSError as error:
        raise AinuError(f"{path}: the sample sheet cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise AinuError(
            f"{path}: not UTF-8 (byte {error.start}); allowed: tab-separated text in UTF-8, no spreadsheet file"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
