"""Localization files of every program, recognised by their content and read into one table type.

Each format has a module in `readers` (see `Reader`), and `READERS` lists them; `canonical` holds what is the same for
all of them. A new format is a new module, and its name in `READERS`.
"""

from __future__ import annotations

import re
import shlex
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from ainu import files
from ainu.errors import AinuError
from ainu.localizations.formats.canonical import far_from_zero, to_localizations
from ainu.localizations.formats.double import in_double
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.readers import (
    decode,
    elyra,
    gdsc,
    insight3,
    leica_gsd,
    malk,
    micro_manager,
    minflux,
    nstorm,
    oni,
    picasso,
    pyme,
    rapidstorm,
    smap,
    smlm,
    storm_analysis,
    table,
    thunderstorm,
    visp,
    vutara,
)
from ainu.localizations.table import Localizations


class Reader(Protocol):
    """What the module of a format defines.

    Attributes
    ----------
    NAME : str
        Of the format, as in the sample sheet.
    VERSION : int
        Counts changes of what is read; kept with the localizations.

    A reader with `OWN_CORRECTION = True` reads files that may carry a drift correction of their own; its `read` takes
    `corrected`, whether to use it.
    """

    NAME: str
    VERSION: int

    def sniff(self, path: Path, head: bytes, /) -> bool:
        """Whether a file is of this format, by its first bytes (`head`) or more of its content."""

    def names(self, path: str | Path, /) -> Sequence[str]:
        """Names of the columns that can be kept."""

    def read(self, path: str | Path, /, *, pixel_size_nm: float | None, keep: Sequence[str]) -> Raw:
        """The rows of the file.

        Parameters
        ----------
        path : path
            Of this format.
        pixel_size_nm : float, optional
            Camera pixel, for formats in pixels.
        keep : sequence of str
            Further columns, of `names`.

        Returns
        -------
        Raw
            With the columns of `keep`.
        """


READERS: tuple[Reader, ...] = (
    insight3,
    nstorm,
    thunderstorm,
    picasso,
    oni,
    elyra,
    smap,
    rapidstorm,
    decode,
    smlm,
    storm_analysis,
    vutara,
    leica_gsd,
    gdsc,
    malk,
    micro_manager,
    minflux,
    pyme,
    visp,
    table,
)
"""In the order in which they are tried; `table` last, since it takes anything with an x and a y."""

FORMATS = {reader.NAME: reader for reader in READERS}
"""Format -> its reader."""

UNIT = re.compile(r"\s*\[[^\[\]]*\]$")
"""The unit at the end of a column's name."""

INSPECT = "python -m ainu.inspect"
"""Shows how a file is understood."""

DAMAGE = (
    *(OSError, ValueError, LookupError, TypeError, ArithmeticError, RuntimeError, MemoryError, EOFError),
    *(struct.error, zlib.error, zipfile.BadZipFile, pa.ArrowException),
)
"""What the libraries raise on a damaged file."""


def read(
    path: str | Path,
    format: str | None = None,
    *,
    pixel_size_nm: float | None = None,
    channels: str | None = None,
    columns: str | None = None,
    keep: Sequence[str] = (),
    keep_present: Sequence[str] = (),
    use_corrected: bool = False,
) -> Localizations:
    """Read a localization file.

    Parameters
    ----------
    path : path
        File of any format in `FORMATS`.
    format : str, optional
        A name in `FORMATS`; None: recognised by the file's content.
    pixel_size_nm : float, optional
        Camera pixel, for formats in pixels.
    channels : str, optional
        `PolII` (the whole file), or `1:PolII,2:DNA` (code:name, in the order of the channels; rows of other codes are
        dropped and counted). None: each code is a channel of that name.
    columns : str, optional
        For format `table`: `x=pos_x[px],y=pos_y[px],frame=t,...`; implies that format.
    keep : sequence of str
        Further columns to keep under their own names; without its unit a name will do (`sigma1` for `sigma1 [nm]`).
    keep_present : sequence of str
        The same, but only those that the file has.
    use_corrected : bool
        Take the positions that the file's own drift correction gave, where it carries some.

    Returns
    -------
    Localizations
        With `meta`: source, sha256, format, reader, pixel_size_nm (if used), units, rows (in the file), dropped
        (reason -> rows), own_correction (if the file carries one), columns (of the file, if `keep_present`
        asks for some), notes.

    Raises
    ------
    AinuError
        The file cannot be read, or is of another format than given.
    """
    head = files.head(path)
    with _hinted(path):
        reader = _reader(path, head, format, columns)
        options: dict[str, Any] = {"columns": columns} if reader is table else {}
        if getattr(reader, "OWN_CORRECTION", False):
            options["corrected"] = use_corrected
        # The digest is as slow as reading and holds no lock, so it has a thread of its own.
        with ThreadPoolExecutor(1) as pool, _explained(path, reader):
            digest = pool.submit(files.sha256, path)
            there = reader.names(path) if keep or keep_present else ()
            kept = _kept(path, there, keep, keep_present)
            columns_there = {"columns": list(there)} if keep_present else {}
            wanted = tuple(dict.fromkeys(kept.values()))
            raw = _exact(reader, path, pixel_size_nm=pixel_size_nm, keep=wanted, **options)
            own = to_localizations(_named(raw, kept), channels)
            return replace(own, meta=_source(path, reader, digest.result()) | columns_there | own.meta)


def rows_of(
    path: str | Path, format: str | None = None, *, pixel_size_nm: float | None = None, columns: str | None = None
) -> tuple[str, list[str], Raw]:
    """The rows of a file as its reader understands them, before unusable ones are dropped and channels are named.

    Parameters
    ----------
    path, format, pixel_size_nm, columns :
        As for `read`.

    Returns
    -------
    format : str
        Name of the reader.
    names : list of str
        Columns of the file.
    raw : Raw
        Its rows, (n,) per column.

    Raises
    ------
    AinuError
        The file cannot be read, or is of another format than given.
    """
    reader = _reader(path, files.head(path), format, columns)
    options: dict[str, Any] = {"columns": columns} if reader is table else {}
    with _explained(path, reader):
        names = list(reader.names(path))
        return reader.NAME, names, _exact(reader, path, pixel_size_nm=pixel_size_nm, keep=(), **options)


def _exact(reader: Reader, path: str | Path, **options: Any) -> Raw:
    """The rows of a file, in float64 where it lies far from zero."""
    raw = reader.read(path, **options)
    if not far_from_zero(raw):
        return raw
    with in_double():
        return reader.read(path, **options)


@contextmanager
def _explained(path: str | Path, reader: Reader) -> Iterator[None]:
    """Errors inside name the file; what libraries raise on damage is explained."""
    try:
        # A number too large for its column becomes infinite, and its row is dropped and counted.
        with np.errstate(all="ignore"):
            yield
    except AinuError as error:
        raise error if str(error).startswith(str(path)) else AinuError(f"{path}: {error}") from None
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise AinuError(f"{path}: cannot be read as {reader.NAME} ({reason})") from None


@contextmanager
def _hinted(path: str | Path) -> Iterator[None]:
    """Errors inside name the command that shows how the file is understood."""
    try:
        yield
    except AinuError as error:
        raise AinuError(f"{error}. See {INSPECT} {shlex.quote(str(path))}") from None


def sniff(path: str | Path) -> str:
    """Name of a file's format, recognised by its content.

    Parameters
    ----------
    path : path
        Any file.

    Returns
    -------
    str
        A name in `FORMATS`.

    Raises
    ------
    AinuError
        The file cannot be opened, is empty, or is of no known format.
    """
    return _sniffed(path, files.head(path)).NAME


def _reader(path: str | Path, head: bytes, format: str | None, columns: str | None) -> Reader:
    if format is None and columns is None:
        return _sniffed(path, head)
    name = table.NAME if format is None else format
    if name not in FORMATS:
        raise AinuError(f"{path}: format {name!r} is not known; known are: {', '.join(FORMATS)}")
    if columns and name != table.NAME:
        raise AinuError(f"{path}: `columns` is for format {table.NAME!r} only, the format here is {name!r}")
    return FORMATS[name]


def _recognised(reader: Reader, path: Path, head: bytes) -> bool:
    """Whether a file is of a reader's format; one so damaged that this cannot be decided is not."""
    try:
        return bool(reader.sniff(path, head))
    except DAMAGE:
        return False


def _sniffed(path: str | Path, head: bytes) -> Reader:
    for reader in READERS:
        if _recognised(reader, Path(path), head):
            return reader
    if head.startswith(b"\x1f\x8b"):
        raise AinuError(f"{path}: is compressed with gzip; unpack it first")
    raise AinuError(
        f"{path}: content of no known format; known are: {', '.join(FORMATS)}. "
        f"A CSV, TSV or Parquet with names of its own needs the sheet's `columns`; the file starts with {head[:40]!r}"
    )


def _kept(path: str | Path, there: Sequence[str], keep: Sequence[str], keep_present: Sequence[str]) -> dict[str, str]:
    """Name to keep a column under -> its name in the file."""
    wanted = dict.fromkeys([*keep, *keep_present])
    bare = {UNIT.sub("", name): name for name in reversed(there)}
    found = {name: name if name in there else bare[name] for name in wanted if name in there or name in bare}
    for name in keep:
        if name not in found:
            raise AinuError(f"{path}: column {name!r} is missing; the columns are: {', '.join(there)}")
    return found


def _named(raw: Raw, kept: dict[str, str]) -> Raw:
    """The rows with the kept columns under the names given by the user."""
    others = {name: values for name, values in raw.extra.items() if name not in kept.values()}
    return replace(raw, extra=others | {name: raw.extra[own] for name, own in kept.items()})


def _source(path: str | Path, reader: Reader, digest: str) -> dict[str, Any]:
    return {"source": str(path), "sha256": digest, "format": reader.NAME, "reader": reader.VERSION}
