"""The sheet's `channels` column: which channel code of a file is which channel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.formats.likely_columns import alike
from ainu.localizations.formats.raw import Raw

NAME = re.compile(r"[A-Za-z0-9_.-]+")
MOST_CHANNELS = 256
UNNAMED = "0"
OTHER = "other channels"


def parse(text: str) -> str | dict[str, str]:
    """Parse the sheet's text on a file's channels.

    Parameters
    ----------
    text : str
        A name for the whole file (`PolII`), or pairs of code and name (`1:PolII,2:DNA`). A pair is split at its last
        colon, since codes may hold some.

    Returns
    -------
    str or dict of str to str
        The name, or code -> name in the order given.

    Raises
    ------
    AinuError
        A part is not a pair, a name has other characters than A-Z a-z 0-9 _ . -, or something is there twice.
    """
    if ":" not in text and "," not in text:
        return _checked_name(text.strip(), text)
    pairs = [part.rpartition(":") for part in text.split(",")]
    names = {code.strip(): _checked_name(name.strip(), text) for code, _, name in pairs}
    if "" in names:
        raise AinuError(f"channels {text!r}: each part is code:name, as in 1:PolII,2:DNA")
    if len(names) < len(pairs) or len(set(names.values())) < len(pairs):
        raise AinuError(f"channels {text!r}: a code or a name is given twice")
    return names


def _checked_name(name: str, text: str) -> str:
    if not NAME.fullmatch(name):
        raise AinuError(f"channels {text!r}: {name!r} is no channel name; allowed are A-Z a-z 0-9 _ . -")
    return name


def assign(raw: Raw, channels: str | None) -> tuple[NDArray[np.int16], tuple[str, ...], dict[str, int]]:
    """Give each row its channel.

    Parameters
    ----------
    raw : Raw
        Rows with their codes; all of them usable.
    channels : str, optional
        The sheet's text; None names each channel by its code. Codes (but a single 0) are refused where the file has
        no channel column.

    Returns
    -------
    channel : (n,) int16
        Index of the row's channel, -1 where the row is of none.
    names : tuple of str
    dropped : dict of str to int
        Rows without a channel, by reason.

    Raises
    ------
    AinuError
        The file holds none of the codes, has no channel column, or has too many channels.
    """
    n = len(raw.columns["x"])
    codes = np.zeros(n, np.int16) if raw.codes is None else raw.codes
    code_names = (UNNAMED,) if raw.codes is None else raw.code_names
    plan = parse(channels) if channels is not None else _by_code(codes, code_names)
    if isinstance(plan, str):
        return _whole(codes, code_names, plan, raw.rejected)
    if raw.codes is None and channels is not None and list(plan) != [UNNAMED]:
        raise AinuError(_no_channel_column(channels, raw.unread))
    return _by_pairs(codes, code_names, plan, raw.rejected)


def _no_channel_column(channels: str, unread: Sequence[str]) -> str:
    """Why a map of codes cannot be used, with the columns that may be meant."""
    likely = alike("channel", unread)
    text = f"channels {channels!r} names codes, but the file has no channel column that is read; "
    if likely:
        return text + (
            f"is it {' or '.join(map(repr, likely))}? Then map it: format table, "
            f"columns x=...,y=...,channel={likely[0]}"
        )
    return text + "give one name for the whole file, or one file per channel"


def _by_code(codes: NDArray[Any], code_names: tuple[str, ...]) -> dict[str, str]:
    counts = _counts(codes, code_names)
    found = [name for name, count in zip(code_names, counts, strict=True) if count]
    if len(found) > MOST_CHANNELS:
        raise AinuError(
            f"{len(found)} different channel codes ({', '.join(found[:3])}, ...): is that column the channel?"
        )
    return {name: name for name in sorted(found, key=_by_number)}


def _counts(codes: NDArray[Any], code_names: tuple[str, ...]) -> NDArray[np.int64]:
    """(len(code_names),) rows of each code."""
    return np.array([len(codes)]) if len(code_names) == 1 else np.bincount(codes, minlength=len(code_names))


def _by_number(code: str) -> tuple[int, int, str]:
    return (0, int(code), code) if code.isdecimal() else (1, 0, code)


def _whole(
    codes: NDArray[Any], code_names: tuple[str, ...], name: str, rejected: dict[str, str]
) -> tuple[NDArray[np.int16], tuple[str, ...], dict[str, int]]:
    lookup = np.array([-1 if code in rejected else 0 for code in code_names], np.int16)
    counts = _counts(codes, code_names)
    dropped = {rejected[code]: int(counts[i]) for i, code in enumerate(code_names) if code in rejected and counts[i]}
    return _looked_up(lookup, codes), (name,), dropped


def _looked_up(lookup: NDArray[np.int16], codes: NDArray[Any]) -> NDArray[np.int16]:
    """(n,) entry of each code; most files hold one code only."""
    return np.full(len(codes), lookup[0], np.int16) if len(lookup) == 1 else lookup.take(codes)


def _by_pairs(
    codes: NDArray[Any], code_names: tuple[str, ...], names: dict[str, str], rejected: dict[str, str]
) -> tuple[NDArray[np.int16], tuple[str, ...], dict[str, int]]:
    order = {code: index for index, code in enumerate(names)}
    if not set(order) & set(code_names):
        raise AinuError(
            f"channels: the file holds none of the codes {', '.join(order)}; it holds: {', '.join(code_names[:20])}"
        )
    channel = _looked_up(np.array([order.get(code, -1) for code in code_names], np.int16), codes)
    dropped: dict[str, int] = {}
    for code, count in zip(code_names, _counts(codes, code_names).tolist(), strict=True):
        if code not in order and count:
            reason = rejected.get(code, OTHER)
            dropped[reason] = dropped.get(reason, 0) + count
    return channel, tuple(names.values()), dropped
