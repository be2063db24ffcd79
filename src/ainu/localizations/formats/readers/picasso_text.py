"""Text that Picasso exports: `hdf2csv` (its own columns, in camera pixels), and lists for Nikon's NIS, in nm.

After Picasso's source (`picasso/__main__.py`, `_hdf2csv`; `picasso/io.py`, `export_txt_nis`). The list for NIS counts
frames from 1; its `Width` is one standard deviation, where Nikon's own is two, its `Area` are photons, and its
`Channel` and `Length` are always 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ainu.localizations.formats import dialect
from ainu.localizations.formats.dialect import Dialect
from ainu.localizations.formats.named_text import described, fixed, read_named
from ainu.localizations.formats.raw import Raw
from ainu.localizations.formats.units import need_pixel_size

CSV = {"x": "x", "y": "y", "z": "z", "frame": "frame", "photons": "photons", "background": "bg", "channel": "channel"}
CSV_PAIRS = {"precision": ("lpx", "lpy"), "sigma": ("sx", "sy")}
CSV_UNITS = {"x": "px", "y": "px", "z": "nm", "precision": "px", "sigma": "px", "photons": "photon"}
CSV_UNITS |= {"background": "photon"}
NIS = {"x": "X", "y": "Y", "z": "Z", "frame": "Frame", "photons": "Area", "background": "BG", "sigma": "Width"}
NIS_UNITS = {"x": "nm", "y": "nm", "z": "nm", "sigma": "nm", "photons": "photon", "background": "photon"}
NIS_NAMES = {"X", "Y", "Channel", "Width", "BG", "Length", "Area", "Frame"}


def is_export(head: bytes) -> bool:
    """Whether a file with these first bytes is one of these exports."""
    form = dialect.of(head)
    return form is not None and (_is_csv(form) or _is_nis(form))


def _is_csv(form: Dialect) -> bool:
    """Whether the columns are those of Picasso's table, without units."""
    return {"x", "y", "frame"} <= set(form.names) and any(set(pair) <= set(form.names) for pair in CSV_PAIRS.values())


def _is_nis(form: Dialect) -> bool:
    return set(form.names) - {"Z"} == NIS_NAMES


def read(path: str | Path, pixel_size_nm: float | None, keep: Sequence[str]) -> Raw:
    """Read an export.

    Parameters
    ----------
    path : path
        Text file of Picasso.
    pixel_size_nm : float, optional
        Camera pixel, which a CSV of `hdf2csv` needs.
    keep : sequence of str
        Further columns, under their own names.

    Returns
    -------
    Raw
        The rows as they are in the file, in canonical units.

    Raises
    ------
    AinuError
        There is no pixel size, or the rows cannot be read.
    """
    form = dialect.of_file(path)
    if _is_nis(form):
        raw, _ = read_named(path, form, fixed(form, NIS, NIS_UNITS), keep, first_frame=1)
        return described(raw, form.notes(("\t",)), unread=())
    need_pixel_size(pixel_size_nm, f"{path}: the columns are Picasso's, with x, y")
    named = fixed(form, CSV, CSV_UNITS, CSV_PAIRS)
    raw, _ = read_named(path, form, named, keep, pixel_size_nm=pixel_size_nm)
    return described(raw, form.notes((",",)))


names = dialect.column_names
