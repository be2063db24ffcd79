"""Insight3 molecule lists, binary (`.bin`, M425) as Insight3 and storm-analysis write them, or exported as text.

A header of 16 bytes, one record of 72 bytes per molecule (`insight3_layout`), and possibly more bytes after them; the
text has the same fields as columns, and its first column is the category (`insight3_text`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu import files
from ainu.errors import AinuError
from ainu.localizations.formats.builder import correction_notes, kept_columns, measured_columns, own_correction
from ainu.localizations.formats.insight3_layout import HEADER, LEFT_EDGE, MAGIC, RECORD
from ainu.localizations.formats.raw import Raw, need_rows
from ainu.localizations.formats.readers import insight3_text
from ainu.localizations.formats.units import need_pixel_size

NAME = "insight3"
VERSION = 1

BLOCK = 1 << 13
"""Records converted at a time: a block stays in the cache while its fields are picked."""

FIELDS = {"x": "x", "y": "y", "z": "z", "frame": "fr", "photons": "a", "background": "bg", "sigma": "w"}
UNITS = {
    "x": "px",
    "y": "px",
    "z": "nm",
    "photons": "camera counts",
    "background": "camera counts",
    "sigma": "2 sd, nm",
}
CORRECTED = {"x": "xc", "y": "yc", "z": "zc"}
OWN_CORRECTION = True
Z_OUT_OF_RANGE = "9"


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    return head.startswith(MAGIC) or insight3_text.is_list(head)


def read(
    path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = (), corrected: bool = False
) -> Raw:
    """Read a molecule list.

    Parameters
    ----------
    path : path
        Binary file of Insight3.
    pixel_size_nm : float
        Camera pixel.
    keep : sequence of str
        Further fields of the record, of `names`.
    corrected : bool
        Take the positions that the file's own drift correction gave (`xc`, `yc`, `zc`).

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        Wrong magic, fewer bytes than the header announces, no molecules, or no pixel size.
    """
    path = Path(path)
    if _is_text(path):
        return insight3_text.read(path, pixel_size_nm, keep, corrected)
    rows = _announced(path)
    pixel = need_pixel_size(pixel_size_nm, f"{path}: Insight3 positions are")
    fields = FIELDS | (CORRECTED if corrected else {})
    # A column that stays 0 (z of 2-D data) is never touched, so it takes no memory.
    columns = {name: np.zeros(rows, RECORD[field]) for name, field in fields.items()}
    extra = {name: np.empty(rows, RECORD[name]) for name in keep}
    categories, differ = _Categories(rows), False
    for place, block in _blocks(path, rows):
        for name, field in fields.items():
            _convert(name, block[field], pixel, columns[name][place])
        for name, values in extra.items():
            values[place] = block[name]
        categories.add(place, block["c"])
        differ = differ or any((block[raw] != block[own]).any() for raw, own in CORRECTED.items())
    correction = _correction(path, rows, pixel, corrected) if differ else {}
    return Raw(
        columns=measured_columns(columns),
        rows=rows,
        units=UNITS,
        codes=categories.codes,
        code_names=categories.names,
        rejected={Z_OUT_OF_RANGE: "z out of range (category 9)"},
        extra=kept_columns(extra, keep),
        first_frame=1,
        pixel_size_nm=pixel,
        correction=correction,
        notes=correction_notes(correction, "drift correction"),
    )


def names(path: str | Path) -> tuple[str, ...]:
    """Columns that can be kept: the fields of a record, or the columns of the text."""
    return tuple(insight3_text.names(path)) if _is_text(path) else RECORD.names or ()


def _is_text(path: str | Path) -> bool:
    head = files.head(path)
    return not head.startswith(MAGIC) and insight3_text.is_list(head)


def _announced(path: Path) -> int:
    """The number of molecules that the header announces, for which the file is long enough."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(HEADER.size)
    if not start.startswith(MAGIC):
        raise AinuError(f"{path}: starts with {start[:4]!r}, an Insight3 file with {MAGIC!r}")
    if len(start) < HEADER.size:
        raise AinuError(f"{path}: ends within the header ({len(start)} of {HEADER.size} bytes)")
    n = HEADER.unpack(start)[3]
    whole = (size - HEADER.size) // RECORD.itemsize
    if n < 0 or n > whole:
        raise AinuError(f"{path}: truncated: the header announces {n} molecules, {size} bytes hold {whole}")
    need_rows(n, path)
    return n


def _blocks(path: Path, rows: int) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Places and records, all read into one buffer: a mapped file counts as memory, 2.5 times that of the columns."""
    buffer = np.empty(min(BLOCK, rows), RECORD)
    with open(path, "rb", buffering=0) as file:
        file.seek(HEADER.size)
        for start in range(0, rows, BLOCK):
            block = buffer[: rows - start]
            if file.readinto(memoryview(block).cast("B")) != block.nbytes:
                raise AinuError(f"{path}: became shorter while it was read")
            yield slice(start, start + len(block)), block


def _convert(name: str, values: NDArray[Any], pixel: float, out: NDArray[Any]) -> None:
    """Write a block of a field in canonical units."""
    if name in ("x", "y"):
        np.subtract(values, np.float32(LEFT_EDGE), out=out)
        out *= np.float32(pixel)
    elif name == "sigma":
        np.multiply(values, np.float32(0.5), out=out)
    elif name != "z" or values.any():
        out[:] = values


class _Categories:
    """Categories as they are met, block after block: an index per row, and their names."""

    def __init__(self, rows: int) -> None:
        self.codes = np.zeros(rows, np.int32)
        self._known: dict[int, int] = {}

    def add(self, place: slice, categories: NDArray[np.int32]) -> None:
        """The next block. Most files hold one category, whose index is 0, as the array is filled."""
        if categories.min() == categories.max():
            if code := self._code(categories[0]):
                self.codes[place] = code
            return
        found, inverse = np.unique(categories, return_inverse=True)
        self.codes[place] = np.array([self._code(category) for category in found], np.int32)[inverse]

    def _code(self, category: np.int32) -> int:
        return self._known.setdefault(int(category), len(self._known))

    @property
    def names(self) -> tuple[str, ...]:
        """Categories by index."""
        return tuple(str(category) for category in self._known)


def _correction(path: Path, rows: int, pixel: float, used: bool) -> dict[str, Any]:
    """What the file's own drift correction did, from the differences of raw and corrected positions."""
    shifts = {raw: np.empty(rows, np.float32) for raw in CORRECTED}
    for place, block in _blocks(path, rows):
        for raw, own in CORRECTED.items():
            shifts[raw][place] = (block[own] - block[raw]) * (1 if raw == "z" else pixel)
    return own_correction(", ".join(CORRECTED.values()), used, list(shifts.values()))
