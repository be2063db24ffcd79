"""How localization files are understood: format, what is read, and the line of the sample sheet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ainu import files
from ainu.errors import AinuError
from ainu.files import whole
from ainu.localizations.formats import dialect
from ainu.localizations.formats.canonical import to_localizations
from ainu.localizations.formats.column_names import named_columns
from ainu.localizations.formats.raw import Raw, first_frame
from ainu.localizations.formats.read import rows_of, sniff
from ainu.localizations.settings import ReadingSettings, SheetRow
from ainu.localizations.table import COLUMNS, Localizations

SHEET = ("sample", "path", "channels", "label", "replicate", "format", "pixel_size_nm", "columns")
FIRST_ROWS = 3
SHOWN_CODES = 12
WIDTH = 14
BESIDE = {".yaml", ".yml", ".md", ".tsv", ".log", ".json", ".roi", ".zip", ".tif", ".tiff", ".png", ".svg", ".pdf"}
"""Endings of files that lie beside localizations."""


@dataclass(frozen=True)
class Request:
    """A file, and what the sheet says of how to read it.

    Attributes
    ----------
    path : str
        Of the file.
    format : str
        A reader's name; empty: by the content.
    pixel_size_nm : float, optional
        Camera pixel.
    channels : str
        The sheet's text; empty: each code is a channel.
    columns : str
        The sheet's mapping of columns.
    """

    path: str
    format: str = ""
    pixel_size_nm: float | None = None
    channels: str = ""
    columns: str = ""


def inspect_file(request: Request) -> str:
    """How one file is understood, in words.

    Parameters
    ----------
    request : Request
        The file.

    Returns
    -------
    str
        Format, columns with units, what is not read, channels, extent, frames, first rows, notes, and the line of the
        sample sheet; of a file that cannot be read, why, and what is seen of it.
    """
    title = [request.path]
    try:
        name, names, raw = _rows(request)
        table = to_localizations(raw, request.channels or None)
    except AinuError as error:
        return "\n".join([*title, *_lines([("not read", str(error)), *_seen(request.path)])])
    told = "by its content" if not request.format and not request.columns else "as the sheet says"
    facts = [("taken for", f"{name} ({told})"), *_text(request.path), *_columns(names, raw), *_contents(raw, table)]
    facts += [("note", note) for note in table.meta.get("notes", ())]
    facts += [("sheet", "\t".join(SHEET)), ("", "\t".join(sheet_row(request, raw, table)))]
    return "\n".join([*title, *_lines(facts), *_first_rows(table)])


def sheet_row(request: Request, raw: Raw, table: Localizations) -> list[str]:
    """The line of the sample sheet for a file, with an empty label (unlabelled).

    Parameters
    ----------
    request : Request
        The file.
    raw : Raw
        Its rows, (n,) per column.
    table : Localizations
        The same, (m,) usable ones.

    Returns
    -------
    list of str
        A cell per column of `SHEET`.
    """
    path = Path(request.path)
    pixel = f"{table.meta['pixel_size_nm']:g}" if request.pixel_size_nm and "pixel_size_nm" in table.meta else ""
    channels = request.channels or _proposed_channels(raw, table)
    return [_cell(path.stem), str(path), channels, "", _cell(path.parent.name), request.format, pixel, request.columns]


def inspect_sheet(rows: Sequence[SheetRow], output: str | Path, settings: ReadingSettings) -> None:
    """Write how each file of the sample sheet is understood, read as `ingest` reads it.

    Parameters
    ----------
    rows : sequence of SheetRow
        The sheet's rows.
    output : path
        The text file.
    settings : ReadingSettings
        The config's `ingest`, which counts where a cell is empty.
    """
    requests = [
        Request(
            row.path,
            row.format,
            float(row.pixel_size_nm) if row.pixel_size_nm else settings.pixel_size_nm,
            row.channels,
            row.columns or ((settings.columns or "") if row.format == "table" else ""),
        )
        for row in rows
    ]
    text = "\n\n".join(map(inspect_file, requests))
    with whole(output) as part:
        part.write_text(text + "\n", encoding="utf-8")
    print(text)


def propose_sheet(folder: Path, pixel_size_nm: float | None = None) -> tuple[list[list[str]], list[str]]:
    """A sample sheet for the localization files of a folder, one sample per file.

    Parameters
    ----------
    folder : Path
        Searched with its sub-folders, whose names become the replicates.
    pixel_size_nm : float, optional
        Camera pixel, for files in pixels that do not hold it.

    Returns
    -------
    rows : list of list of str
        The header `SHEET`, then a line per file that can be read.
    refused : list of str
        Why each other file is left out.
    """
    rows, refused, taken = [list(SHEET)], [], set[str]()
    for path in _candidates(folder):
        try:
            row = _own_row(path, pixel_size_nm)
        except AinuError as error:
            refused.append(str(error))
            continue
        row[0] = next(name for name in _numbered(row[0]) if name not in taken)
        taken.add(row[0])
        rows.append(row)
    return rows, refused


def _own_row(path: Path, pixel_size_nm: float | None) -> list[str]:
    """The line of a file; the pixel size that the file holds goes before the given one."""
    request = Request(str(path))
    try:
        _, _, raw = _rows(request)
    except AinuError:
        if pixel_size_nm is None:
            raise
        request = Request(str(path), pixel_size_nm=pixel_size_nm)
        _, _, raw = _rows(request)
    return sheet_row(request, raw, to_localizations(raw, None))


def _candidates(folder: Path) -> Iterator[Path]:
    """Files that may hold localizations, in order; hidden ones and those that lie beside them left out."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and path.suffix.lower() not in BESIDE:
            yield path


def _rows(request: Request) -> tuple[str, list[str], Raw]:
    return rows_of(
        request.path,
        request.format or None,
        pixel_size_nm=request.pixel_size_nm,
        columns=request.columns or None,
    )


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in range(2, 10**6))


def _cell(text: str) -> str:
    """A text with the characters that the sheet allows in names."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-._") or "sample"


def _proposed_channels(raw: Raw, table: Localizations) -> str:
    """Pairs of code and name for the codes that a file holds, or a name for all."""
    if raw.codes is None:
        return "A"
    codes = [name for name in table.channels if name not in raw.rejected]
    return ",".join(f"{code}:{_cell(code) if not code.isdecimal() else f'channel{code}'}" for code in codes) or "A"


# What is told of a file ----------------------------------------------------------------------------------------------


def _lines(facts: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {title:<{WIDTH}}{text}" for title, text in facts]


def _text(path: str) -> Iterator[tuple[str, str]]:
    form = dialect.of(files.head(path))
    if form is not None:
        header = f"header in line {form.header_row}" if form.header_row else "no header"
        sign = "commas" if form.decimal == "," else "points"
        yield "text", f"columns separated by {dialect.NAMES[form.delimiter]}, decimal {sign}, {form.encoding}, {header}"


def _columns(names: Sequence[str], raw: Raw) -> Iterator[tuple[str, str]]:
    units = {name: raw.units.get(name, "") for name in COLUMNS if name in raw.columns}
    yield "columns", ", ".join(names)
    yield "read", ", ".join(f"{name} [{unit}]" if unit else name for name, unit in units.items())
    if raw.unread:
        yield "not read", ", ".join(raw.unread)


def _contents(raw: Raw, table: Localizations) -> Iterator[tuple[str, str]]:
    dropped = ", ".join(f"{reason}: {count}" for reason, count in table.meta["dropped"].items())
    yield "rows", f"{raw.rows}, of which {len(table)} are localizations" + (f" (dropped: {dropped})" if dropped else "")
    counts = np.bincount(table.channel, minlength=len(table.channels))
    shown = [f"{name}: {count}" for name, count in zip(table.channels, counts, strict=True)][:SHOWN_CODES]
    yield "channels", ("codes " if raw.codes is not None else "no codes; ") + ", ".join(shown)
    if not len(table):
        return
    for axis in "xy" if table.z is None else "xyz":
        values = table.absolute(axis)
        low, high = float(values.min()) / 1000, float(values.max()) / 1000
        yield f"extent {axis}", f"{high - low:.4g} µm, from {_number(low, 4)} to {_number(high, 4)}"
    if table.frame is None:
        yield "frames", "none"
    else:
        base = f"the file counts from {first_frame(raw)}"
        yield "frames", f"{int(table.frame.min())} to {int(table.frame.max())}, counted from 0 ({base})"


def _first_rows(table: Localizations) -> list[str]:
    first = table[:FIRST_ROWS]
    columns = {name: values for name, values in first.columns().items() if name != "channel"}
    columns |= {axis: first.absolute(axis) for axis in "xyz" if axis in columns}
    lines = [columns, *([_number(values[row]) for values in columns.values()] for row in range(len(first)))]
    lines = [[*line, end] for line, end in zip(lines, ["channel", *_channel_names(table)], strict=True)]
    return ["", *("  " + "".join(f"{cell:>12}" for cell in line) for line in lines)]


def _number(value: float, digits: int = 6) -> str:
    """A number with so many digits, or all before the decimal point, without an exponent."""
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def _channel_names(table: Localizations) -> list[str]:
    return [table.channels[index] for index in table.channel[:FIRST_ROWS]]


def _seen(path: str) -> Iterator[tuple[str, str]]:
    """What can be told of a file that is not read."""
    try:
        head = files.head(path)
    except AinuError:
        return
    try:
        yield "taken for", sniff(path)
    except AinuError:
        yield "taken for", "no known format"
    form = dialect.of(head)
    if form is None:
        yield "first bytes", repr(head[:40])
        return
    yield from _text(path)
    yield "columns", ", ".join(form.names)
    for row in form.sample[:FIRST_ROWS]:
        yield "row", ", ".join(row)
    named = named_columns(form.names)
    known = ", ".join(f"{target}={name}" for target, name in named.single.items())
    missing = [name for name in ("x", "y") if name not in named.single]
    if missing:
        yield (
            "to do",
            f"name the columns in the sheet: format table, columns x=...[nm],y=...[nm] (known: {known or 'none'})",
        )
