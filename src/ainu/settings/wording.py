"""How messages word things: names to choose from, values that were found, places in the config, rows of the sheet."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_INVISIBLE_LETTERS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0]")
"""What Unicode counts among letters and marks, but shows as nothing."""


def one_of(value: Any, allowed: Sequence[Any]) -> str:
    """That a value is none of the names to choose from."""
    return f"found {shown(value)}, allowed: {joined(allowed)}{did_you_mean(value, allowed)}"


def did_you_mean(value: Any, allowed: Iterable[Any]) -> str:
    """A hint at the name that is most alike, behind a semicolon; empty where none is."""
    close = nearest(value, allowed)
    return "" if close is None else f"; did you mean {close!r}?"


def nearest(value: Any, allowed: Iterable[Any]) -> Any:
    """The name that is most alike; None where none is."""
    by_lower = {str(name).lower(): name for name in allowed}
    close = difflib.get_close_matches(str(value).lower(), by_lower, 1)
    return by_lower[close[0]] if close else None


def hidden(letter: str) -> bool:
    """Whether a character cannot be seen, or not be told from a blank."""
    return not letter.isprintable() or bool(_INVISIBLE_LETTERS.match(letter))


def visible(text: str) -> str:
    """A text in quotes, with what cannot be seen in it as `<U+200B>`."""
    return "'" + "".join(f"<U+{ord(letter):04X}>" if hidden(letter) else letter for letter in text) + "'"


def joined(names: Iterable[Any]) -> str:
    """`a, b, c`."""
    return ", ".join(str(name) for name in names) or "none"


def shown(value: Any) -> str:
    """A value that was found: text in quotes, anything else as in JSON."""
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def shortened(text: str) -> str:
    """A text in quotes, of a long one the beginning and its length."""
    return repr(text) if len(text) <= 60 else f"{text[:40]!r}... ({len(text)} characters)"


def dotted(path: Iterable[str | int]) -> str:
    """`experiments.foo.classes[2]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def numbered(rows: Sequence[int]) -> str:
    """`row 4`, or `rows 4-6, 9`."""
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    spans = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(spans)}"


def place_of(name: str, key: str, given: Mapping[str, Any]) -> str:
    """Path of an experiment's key, with where its value comes from.

    Parameters
    ----------
    name, key : str
        Of the experiment and of its key.
    given : mapping
        The config as the user wrote it, expanded.

    Returns
    -------
    str
    """
    own = key in (given["experiments"][name] or {})
    inherited = not own and key in (given.get("defaults") or {})
    return f"experiments.{name}.{key}{f' (from defaults.{key})' if inherited else ''}"
