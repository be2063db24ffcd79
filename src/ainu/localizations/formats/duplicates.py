"""Rows that a file holds twice: two localizations of one frame never agree in every column."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

REASON = "exact duplicate"
PART = 1 << 16
MIX = np.uint64(0x9E3779B97F4A7C15)


def repeated(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.intp]:
    """Rows that equal an earlier one in every column.

    Parameters
    ----------
    columns : mapping of str to (n,) array
        With `x`, `y` and `frame`; without frames, two events cannot be distinguished from one, and no row counts as
        repeated.

    Returns
    -------
    (m,) intp
        Row numbers, ascending.
    """
    if "frame" not in columns:
        return np.zeros(0, np.intp)
    found = [_repeated(columns, place) for place in _parts(columns["frame"])]
    return np.concatenate(found)


def _parts(frames: NDArray[Any]) -> list[slice]:
    """Parts that share no frame, and whose keys are sorted within the cache; the whole where frames go back."""
    if (frames[1:] < frames[:-1]).any():
        return [slice(0, len(frames))]
    starts = np.unique(np.searchsorted(frames, frames[::PART])).tolist()
    return [slice(start, stop) for start, stop in pairwise([*starts, len(frames)])]


def _repeated(columns: Mapping[str, NDArray[Any]], place: slice) -> NDArray[np.intp]:
    """Rows of a part that equal an earlier one of it."""
    keys = _keys({name: columns[name][place] for name in ("frame", "x", "y")})
    ordered = np.sort(keys)
    again = ordered[1:] == ordered[:-1]
    if not again.any():
        return np.zeros(0, np.intp)
    candidates = place.start + np.flatnonzero(np.isin(keys, ordered[1:][again]))
    rows = _as_bytes({name: values[candidates] for name, values in columns.items()})
    first = np.unique(rows, return_index=True)[1]
    return np.delete(candidates, first)


def _keys(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.uint64]:
    """(n,) numbers that are equal for equal positions and frames, and hardly ever for others."""
    keys = columns["frame"].astype(np.uint64)
    keys *= MIX
    keys ^= _bits(columns["x"])
    keys *= MIX
    keys ^= _bits(columns["y"])
    return keys


def _bits(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values, np.float32).view(np.uint32)


def _as_bytes(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.void]:
    """(n,) rows as opaque bytes, which compare exactly."""
    n = len(columns["x"])
    pieces = [np.ascontiguousarray(values).view(np.uint8).reshape(n, -1) for values in columns.values()]
    joined = np.ascontiguousarray(np.concatenate(pieces, axis=1))
    return joined.view(np.dtype((np.void, joined.shape[1]))).ravel()
