"""What is wrong in a single cell of the sheet: by the schema of its column, and by what only this column needs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from ainu.errors import AinuError
from ainu.localizations.formats import channel_codes as channel_names
from ainu.localizations.formats import column_mapping as mapping
from ainu.localizations.formats.units import LENGTH_COLUMNS
from ainu.settings.schemas import schema_of
from ainu.settings.wording import numbered, one_of, shortened, visible

SIMULATED = os.path.join("results", "simulated", "")


AUTOMATIC_SHARD = re.compile(r"s[0-9]{4,}")
BESIDE_SHARDS = ("summary.tsv",)
"""Files in folders that hold a folder per shard."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters but for tabs and line ends, which a text of the config may end with."""
CONTROL_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def cell_mistakes(table: pd.DataFrame, header: list[str], root: Path) -> Iterator[str]:
    """What is wrong in the columns of the header, each text told once with all of its rows.

    Parameters
    ----------
    table : DataFrame
        The sheet, all text, by row number.
    header : list of str
        Columns that the file has.
    root : Path
        The folder that paths are relative to.

    Yields
    ------
    str
    """
    for column in table.columns.intersection(header):
        tell = _teller(str(column), root)
        for text, rows in rows_by_text(dict(zip(table.index, table[column], strict=True))).items():
            complaint = tell(text)
            if complaint:
                yield f"{numbered(rows)}, {column}: {complaint}"
    for row, format, columns in zip(table.index, table["format"], table["columns"], strict=True):
        if columns and format not in ("", "table"):
            yield f"row {row}, columns: found {columns!r} with the format {format!r}, allowed: with format table only"


def rows_by_text(cells: dict[int, str]) -> dict[str, list[int]]:
    """Text -> the numbers of the rows that have it."""
    rows: dict[str, list[int]] = {}
    for row, text in cells.items():
        rows.setdefault(text, []).append(row)
    return rows


def _teller(column: str, root: Path) -> Callable[[str], str | None]:
    """What is wrong with a text in a column: by the schema, then by what only this column needs."""
    spec = schema_of("samples")["properties"][column]
    needed = "minLength" in spec or ("pattern" in spec and not re.search(spec["pattern"], ""))
    pattern = re.compile(spec.get("pattern", ""))
    special = _SPECIAL.get(column, lambda text, root: None)

    def tell(text: str) -> str | None:
        if not text:
            return f"empty; needed: {spec['x-allowed']}" if needed else None
        if "\n" in text:
            return f"found {text[:40]!r}, a cell over several lines; is there a quotation mark without its pair?"
        if ("\0" in text or column not in ("path", "roi")) and (control := control_complaint(text)):
            return control
        if "enum" in spec and text not in spec["enum"]:
            return one_of(text, [name for name in spec["enum"] if name])
        if not pattern.search(text):
            blanks = "; are there blanks instead of a tab?" if re.search(r"\s", text) else ""
            return f"found {shortened(text)}, allowed: {spec['x-allowed']}{blanks}"
        return special(text, root)

    return tell


def control_complaint(text: str, signs: re.Pattern[str] = CONTROL) -> str | None:
    """What is wrong with a text that holds characters which no file, name or table can hold."""
    if not signs.search(text):
        return None
    return f"found {visible(text)}, with a control character in it; allowed: characters that can be printed"


def _missing_file(text: str, root: Path) -> str | None:
    if os.path.normpath(text).startswith(SIMULATED) and set(text) & set("{}"):
        return f"found {text!r}, allowed: a file to be simulated has no braces in its name (Snakemake makes it)"
    if os.path.normpath(text).startswith(SIMULATED) or os.path.isfile(root / text):
        return None
    kind = "a folder" if os.path.isdir(root / text) else "no such file"
    return f"found {text!r}, {kind}; allowed: the path of an existing file, relative to {root.absolute()}"


def _channels_complaint(text: str, _root: Path) -> str | None:
    try:
        channel_names.parse(text)
    except AinuError as error:
        return f"found {text!r}, allowed: {schema_of('samples')['properties']['channels']['x-allowed']}; {error}"
    return None


def channels_in(text: str) -> tuple[str, ...]:
    """Channels that a cell names; none where it cannot be read."""
    try:
        parsed = channel_names.parse(text)
    except AinuError:
        return ()
    return (parsed,) if isinstance(parsed, str) else tuple(parsed.values())


def mapping_complaint(text: str, _root: Path | None = None) -> str | None:
    """What is wrong with a mapping of columns (`x=pos_x[px],...`), in the sheet or in the config."""
    pairs = [part.partition("=") for part in text.split(",")]
    # A bracket is a unit only behind a length; elsewhere it may be part of the column's name.
    bracketed = [source.strip() for key, _, source in pairs if key.strip() not in LENGTH_COLUMNS]
    try:
        mapping.parse(text, bracketed)
    except AinuError as error:
        return f"found {text!r}, allowed: {schema_of('samples')['properties']['columns']['x-allowed']}; {error}"
    return None


def _pixel_size_complaint(text: str, _root: Path) -> str | None:
    allowed = schema_of("samples")["properties"]["pixel_size_nm"]["x-allowed"]
    return None if float(text) > 0 else f"found {text!r}, allowed: {allowed}"


def _shard_complaint(text: str, _root: Path) -> str | None:
    if AUTOMATIC_SHARD.fullmatch(text):
        return f"found {text!r}, a name of an automatic shard; allowed: any other name"
    if text in BESIDE_SHARDS:
        return f"found {text!r}, the name of a file beside the folders of the shards; allowed: any other name"
    if text.endswith(".h5"):
        return f"found {text!r}, which ends like the file of a shard; allowed: a name that does not end in .h5"
    return None


_SPECIAL: dict[str, Callable[[str, Path], str | None]] = {
    "path": _missing_file,
    "roi": _missing_file,
    "channels": _channels_complaint,
    "columns": mapping_complaint,
    "pixel_size_nm": _pixel_size_complaint,
    "shard": _shard_complaint,
}
