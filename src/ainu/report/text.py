"""Numbers, names and intervals as one reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from markupsafe import Markup

_ACRONYMS = {"auroc": "AUROC", "ece": "ECE", "frc": "FRC", "mcc": "MCC", "f1": "F1", "nena": "NeNA", "p": "p"}
_UNITS = {"nm": "nm", "um": "µm", "um2": "µm²", "px": "px"}
_TITLES = {
    "n": "nuclei",
    "deletion_random": "deletion, random order",
    "max_sensitivity": "max-sensitivity",
    "labels": "nuclei by class",
    "ood": "out-of-distribution score (1: typical)",
    "unlike_training": "out of distribution",
}


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval; what is unknown is None."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, entry: Any) -> Interval:
        """From `{"value":, "ci": [lo, hi]}`, a plain number, or nothing."""
        if not isinstance(entry, Mapping):
            return cls(as_number(entry))
        low, high = (entry.get("ci") or (None, None))[:2]
        return cls(as_number(entry.get("value")), as_number(low), as_number(high))

    @property
    def limits(self) -> str:
        """Its ends alone: "0.88 to 0.97"."""
        return "–" if self.low is None or self.high is None else f"{_fixed(self.low)} to {_fixed(self.high)}"

    def text(self, decimals: int = 2) -> str:
        """The value with its interval, as in a sentence."""
        if self.value is None:
            return "–"
        value = _fixed(self.value, decimals)
        if self.low is None or self.high is None:
            return value
        return f"{value} (95 % interval {_fixed(self.low, decimals)} to {_fixed(self.high, decimals)})"

    def __str__(self) -> str:
        """With two decimals; the tables have more."""
        return self.text()


def is_interval(entry: Any) -> bool:
    """Whether an entry of a result is a value with its interval."""
    return isinstance(entry, Mapping) and set(entry) == {"value", "ci"}


def as_number(value: Any) -> float | None:
    """A finite number, else None."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def number_text(value: Any) -> str:
    """A number as one reads it: three figures, thin spaces between thousands, a dash where there is none."""
    number = as_number(value)
    if number is None:
        return "–"
    if number == int(number) and abs(number) < 1e15 and not (isinstance(value, float) and abs(number) < 2):
        return f"{int(number):,}".replace(",", "\u202f").replace("-", "−")
    digits = f"{number:.3f}" if 0.001 <= abs(number) < 10 else f"{number:.3g}"
    return (f"{number:,.0f}".replace(",", "\u202f") if 1000 <= abs(number) < 1e15 else digits).replace("-", "−")


def heading(name: str) -> str:
    """A column's name as a heading: `drift_max_nm` becomes "drift max (nm)"."""
    if name in _TITLES:
        return _TITLES[name]
    parts = [_ACRONYMS.get(part, part) for part in name.split("_")]
    for place, part in enumerate(parts):
        if place and part in _UNITS:
            return f"{' '.join([*parts[:place], *parts[place + 1 :]])} ({_UNITS[part]})"
    return " ".join(parts).strip() or name


def words(name: str) -> str:
    """A setting's name as words."""
    return name.replace("_", " ")


def name_text(name: Any) -> Markup:
    """A user's name within a sentence: its direction of writing stays its own."""
    return Markup("<bdi>{}</bdi>").format(str(name))


def names_text(names: Iterable[Any]) -> Markup:
    """Users' names in a sentence."""
    *first, last = [name_text(name) for name in names] or [Markup("–")]
    return Markup("{} and {}").format(Markup(", ").join(first), last) if first else last


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: "1 nucleus", "12 nuclei"."""
    return f"{number_text(int(number))} {one if number == 1 else several or one + 's'}"


def _fixed(value: float, decimals: int = 2) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")
