"""The one exception for what a user can correct, and how a job reports it."""

import contextlib
import fcntl
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO

RUNNING = Path(".snakemake") / "ainu-running"
"""Locked by whoever works in a folder (`ainu.settings.in_use`)."""


class AinuError(Exception):
    """A mistake in the input or the settings. Its text names the place, what was found and what is allowed."""


class BrokenFileError(AinuError):
    """A file of the pipeline itself cannot be read; no sample is to blame."""


class _Tee:
    """A text stream that writes to several others (the job's log and the terminal)."""

    def __init__(self, *streams: TextIO) -> None:
        self._streams = streams
        self.encoding = "utf-8"

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()

    def isatty(self) -> bool:
        return False


def _exit_by_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _at_work() -> Iterator[None]:
    """Hold the folder's lock, where there is one: a job may outlive the run that started it."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file = stack.enter_context(RUNNING.open("a+"))  # NFS shares a lock only of what is open for reading
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


@contextlib.contextmanager
def job(log: str | Path) -> Iterator[None]:
    """Run a workflow job: what it writes to stderr also goes to `log`; an `AinuError` becomes one line and exit code 1.

    A job that SIGTERM ends exits with 143, so that nobody takes it for finished.

    Parameters
    ----------
    log : path
        Made anew, with its folder.

    Yields
    ------
    None
        While the job runs.

    Raises
    ------
    SystemExit
        With code 1 after an `AinuError`.
    """
    signal.signal(signal.SIGTERM, _exit_by_signal)
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with _at_work(), open(log, "w", encoding="utf-8") as file, contextlib.redirect_stderr(_Tee(sys.stderr, file)):  # type: ignore[type-var]
        try:
            yield
        except AinuError as error:
            print(f"ainu: {error}", file=sys.stderr)
            raise SystemExit(1) from None
