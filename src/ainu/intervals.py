"""A score with its 95 % interval, and how both are written in a sentence: the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any


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
        return self._limits(2)

    def _limits(self, decimals: int) -> str:
        if self.low is None or self.high is None:
            return "–"
        return f"{_fixed(self.low, decimals)} to {_fixed(self.high, decimals)}"

    def text(self, decimals: int = 2) -> str:
        """The value with its interval, as in a sentence: "0.93 (95 % interval 0.88 to 0.97)"."""
        if self.value is None:
            return "–"
        value = _fixed(self.value, decimals)
        return value if self.low is None or self.high is None else f"{value} (95 % interval {self._limits(decimals)})"

    def __str__(self) -> str:
        """With two decimals; the tables have more."""
        return self.text()

    def __neg__(self) -> Interval:
        """The same difference the other way round."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return Interval(None if self.value is None else -self.value, low, high)


def is_interval(entry: Any) -> bool:
    """Whether an entry of a result is a value with its interval."""
    return isinstance(entry, Mapping) and set(entry) == {"value", "ci"}


def as_number(value: Any) -> float | None:
    """A finite number, else None."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _fixed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")
