"""Zeiss Elyra (ZEN) localizations (`.txt`): tab-separated rows, then a NUL byte and notes on the image.

That `PSF half width` is a standard deviation follows from the files: with it, and with the excess noise of an EMCCD
(twice the variance), the formula of Thompson et al. (Biophys. J. 82, 2775 (2002)) gives their `Precision`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ainu.localizations.formats import dialect
from ainu.localizations.formats.builder import measured_columns
from ainu.localizations.formats.named_text import described, fixed, need, read_named
from ainu.localizations.formats.raw import Raw

NAME = "elyra"
VERSION = 1

CHANNEL = "Channel"
SINGLE = {"x": "Position X [nm]", "y": "Position Y [nm]", "frame": "First Frame"}
OPTIONAL = {
    "z": "Position Z [nm]",
    "photons": "Number Photons",
    "precision": "Precision [nm]",
    "sigma": "PSF half width [nm]",
}
UNITS = {"x": "nm", "y": "nm", "z": "nm", "photons": "photon", "precision": "nm", "sigma": "nm"}
AFTER_THE_ROWS = (b"\0", b"\nVoxelSize")
BLOCK_BYTES = 1 << 22


def sniff(_path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is of this format."""
    form = dialect.of(head)
    return form is not None and form.has(*SINGLE.values())


def read(path: str | Path, *, pixel_size_nm: float | None = None, keep: Sequence[str] = ()) -> Raw:
    """Read localizations.

    Parameters
    ----------
    path : path
        Text file of ZEN.
    pixel_size_nm : float, optional
        Not needed: positions are in nm.
    keep : sequence of str
        Further columns, under their own names.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        A column is missing, there is text in a number, or there are no rows.
    """
    form = dialect.of_file(path)
    need(path, form, list(SINGLE.values()))
    named = fixed(form, SINGLE | OPTIONAL | {"channel": CHANNEL}, UNITS)
    raw, _ = read_named(path, form, named, keep, first_frame=1, quoted=False, end=end_of_rows(path, form.encoding))
    return described(raw, form.notes(("\t",)), columns=measured_columns(raw.columns), units=UNITS)


names = dialect.column_names


def end_of_rows(path: str | Path, encoding: str) -> int | None:
    """The byte at which the notes begin, or the size of a file without any; None in UTF-16, which is not ZEN's.

    Parameters
    ----------
    path : path
        Text file of ZEN.
    encoding : str
        Of the text.

    Returns
    -------
    int, optional
    """
    if encoding.startswith("utf-16"):
        return None
    place, tail = 0, b""
    with open(path, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            ends = [at for mark in AFTER_THE_ROWS if (at := (tail + block).find(mark)) >= 0]
            if ends:
                return place - len(tail) + min(ends)
            place, tail = place + len(block), block[-len(AFTER_THE_ROWS[1]) :]
    return place
