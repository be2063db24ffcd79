"""The resume file of a training that is under way, and the signals that end one early."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from ainu.files import whole

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


@dataclass(frozen=True)
class ResumeFile:
    """Where a training that is under way is kept: weights, optimizer and plain numbers, nothing that runs when loaded.

    Attributes
    ----------
    path : Path
    made_for : mapping
        Settings, data and versions on which the weights depend; a file that was made for others is not used.
    """

    path: Path
    made_for: Mapping[str, Any]

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the state, whole or not at all."""
        with whole(self.path) as part:
            torch.save({"made_for": dict(self.made_for), "state": dict(state)}, part)

    def load(self) -> dict[str, Any] | None:
        """The state to go on from; None, with a message why, where there is none that fits."""
        if not self.path.exists():
            return None
        try:
            found = torch.load(self.path, map_location="cpu", weights_only=True)
            made_for, state = found["made_for"], found["state"]
        except Exception as error:  # torch documents no exceptions for a damaged file
            self._reject(f"it cannot be read ({type(error).__name__})")
            return None
        different = [name for name, value in self.made_for.items() if made_for.get(name) != value]
        if different:
            found = ", ".join(f"{name} was {made_for.get(name)!r}, is {self.made_for[name]!r}" for name in different)
            self._reject(f"it was made for other settings: {found}")
            return None
        return state

    def _reject(self, reason: str) -> None:
        print(f"ainu: {self.path}: not resumed, {reason}; training starts anew", file=sys.stderr)


class Stop:
    """Whether a signal has asked the training to end."""

    signal: int | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Note a signal, as its handler."""
        self.signal = number


@contextmanager
def stopping() -> Iterator[Stop]:
    """While inside, SIGTERM and SIGUSR1 are noted instead of ending the process at once."""
    stop = Stop()
    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
