"""The rows of a file as a reader returns them, and which of them are usable, by the same rules for every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError

MANY = 10_000
LAST_FRAME = 2**31
"""Higher frame numbers are damage, not data: at a kilohertz they would take a month."""
FARTHEST_NM = 5e6
"""From the median of a file: no camera sees 5 mm with single molecules. A raster up to there would fill the memory."""
MOST_FAR = 0.01
"""Share of rows so far off; with more, it is the unit that is wrong, not a few damaged rows."""


@dataclass(frozen=True)
class Raw:
    """The rows of one file, before unusable ones are dropped and channels are named.

    Attributes
    ----------
    columns : dict of str to (n,) array
        Canonical columns in canonical units, except `frame`, which counts as the file does, and `channel`, which is
        in `codes`.
    rows : int
        Rows in the file.
    units : dict of str to str
        Unit that each column has in the file.
    codes : (n,) integer, optional
        Index into `code_names`, -1 where the row has none; absent where the format knows no channels.
    code_names : tuple of str
        The channel codes that the file uses.
    rejected : dict of str to str
        Codes that mark rows as no measurement, and the reason to count them under.
    extra : dict of str to (n,) array
        Columns that are kept under their own names.
    first_frame : int
        Number of the first frame in the file.
    strict_frames : bool
        `first_frame` is given by the user; otherwise a frame 0 shows that the file counts from 0.
    pixel_size_nm : float, optional
        Camera pixel, where the conversion needed it.
    correction : dict
        The drift correction that the file carries itself (`own_correction`); empty for none.
    notes : tuple of str
        What a user should know about this file.
    unread : tuple of str
        Columns of the file that nothing here comes from; empty where the format has a fixed set of columns.
    guessed_unit : bool
        The file names no unit of x and y; they were taken for nm.
    bad : dict of str to (n,) bool
        Reason -> rows that the file itself marks as no measurement.
    """

    columns: dict[str, NDArray[Any]]
    rows: int
    units: dict[str, str]
    codes: NDArray[Any] | None = None
    code_names: tuple[str, ...] = ()
    rejected: dict[str, str] = field(default_factory=dict)
    extra: dict[str, NDArray[Any]] = field(default_factory=dict)
    first_frame: int = 0
    strict_frames: bool = False
    pixel_size_nm: float | None = None
    correction: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    guessed_unit: bool = False
    bad: dict[str, NDArray[np.bool_]] = field(default_factory=dict)


def first_frame(raw: Raw) -> int:
    """The number of the first frame: some programs start at 0 in formats that count from 1."""
    if raw.strict_frames or raw.first_frame == 0:
        return raw.first_frame
    frames = raw.columns["frame"]
    none_below = frames.min(initial=raw.first_frame) >= raw.first_frame
    return raw.first_frame if none_below or not (frames == 0).any() else 0


def usable(raw: Raw) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Rows that are a measurement, and the count of the others by reason (the first that applies).

    Parameters
    ----------
    raw : Raw
        The rows of a file.

    Returns
    -------
    keep : (n,) bool
        The usable rows.
    dropped : dict of str to int
        Reason -> number of rows.
    """
    keep = np.ones(raw.rows, bool)
    dropped: Counter[str] = Counter()
    for reason, bad in _defects(raw):
        if bad.any():
            dropped[reason] += int((bad & keep).sum())
            keep &= ~bad
    return keep, {reason: count for reason, count in dropped.items() if count}


def _defects(raw: Raw) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    columns = raw.columns
    yield from raw.bad.items()
    for name in ("x", "y", "z"):
        if name in columns and not _all_finite(columns[name]):
            yield "position not finite", ~np.isfinite(columns[name])
    for name in ("x", "y"):
        if name in columns and (far := _far(columns[name], name)) is not None:
            yield "far from all others", far
    if "photons" in columns and columns["photons"].min(initial=0) != 0:
        yield "negative photons", columns["photons"] < 0
    if "frame" in columns and not _whole_from(columns["frame"], first_frame(raw)):
        yield "no valid frame", _bad_frames(columns["frame"], first_frame(raw))
    if raw.codes is not None and raw.codes.min(initial=0) < 0:
        yield "no channel", raw.codes < 0
    for name in ("photons", "background", "precision", "sigma"):
        if name in columns and columns[name].dtype.kind == "f" and not _all_finite(columns[name]):
            yield f"{name} infinite", np.isinf(columns[name])


def _far(values: NDArray[Any], name: str) -> NDArray[np.bool_] | None:
    """(n,) bool, which positions lie so far from the median that they are damage; None, at once, if none does."""
    there = values if _all_finite(values) else values[np.isfinite(values)]
    if not len(there) or float(there.max()) - float(there.min()) <= FARTHEST_NM:
        return None
    far = np.abs(values - np.median(there)) > FARTHEST_NM
    if (share := far.sum() / len(there)) > MOST_FAR:
        raise AinuError(
            f"{name}: {share:.0%} of the positions lie more than {FARTHEST_NM / 1e6:g} mm from the median, farther "
            "than any camera sees; look at the unit ([nm], [um] or [px] in `columns`) and at pixel_size_nm"
        )
    return far


def _all_finite(values: NDArray[Any]) -> bool:
    """Whether all values are finite: seen from the extremes, ten times as fast as from every row."""
    return bool(np.isfinite([values.min(initial=0), values.max(initial=0)]).all())


def _whole_from(frames: NDArray[Any], first: int) -> bool:
    """Whether all frames are valid; fast where their type is one of whole numbers."""
    return frames.dtype.kind in "iu" and frames.min(initial=first) >= first and frames.max(initial=first) < LAST_FRAME


def _bad_frames(frames: NDArray[Any], first: int) -> NDArray[np.bool_]:
    outside = ~((frames >= first) & (frames < LAST_FRAME))
    return outside if frames.dtype.kind in "iu" else outside | (np.floor(frames) != frames)


def measured(values: NDArray[Any]) -> bool:
    """Whether a column, (n,), that the format cannot leave out was measured; if not, it is filled with 0."""
    # The first rows nearly always decide.
    return bool(np.any(values[:MANY] != 0)) or bool(np.any(values[MANY:] != 0))


def need_rows(rows: int, where: str | Path) -> None:
    """Refuse a file, or a table in it, without rows.

    Parameters
    ----------
    rows : int
        How many there are.
    where : path
        Start of the message: the file, or the table in it.

    Raises
    ------
    AinuError
        `rows` is 0; the message starts with `where`.
    """
    if not rows:
        raise AinuError(f"{where}: holds a header but no rows")
