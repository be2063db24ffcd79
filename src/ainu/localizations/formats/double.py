"""The type in which readers take numbers: float32, or float64 where positions lie far from zero."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBER: ContextVar[type] = ContextVar("number", default=np.float32)


@contextmanager
def in_double() -> Iterator[None]:
    """Readers inside take numbers as float64."""
    token = _NUMBER.set(np.float64)
    try:
        yield
    finally:
        _NUMBER.reset(token)


def number_type() -> type:
    """The type that readers take numbers in: float32 is twice as fast, and enough below 100 µm."""
    return _NUMBER.get()


def as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """The (n,) values in the type that readers take numbers in."""
    return values.astype(number_type(), copy=False)


def scaled(values: NDArray[Any], factor: float) -> NDArray[Any]:
    """The (n,) values times a factor, which has their precision, but float32 at least."""
    return values * np.result_type(values.dtype, np.float32).type(factor)
