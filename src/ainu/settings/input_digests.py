"""Digests of files that a run reads and does not make, kept with what shows without reading that a file is another."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ainu.files import sha256

SETTLED_NS = 2 * 10**9
"""A file that changed less than this before it was read may change again without a sign in its times."""
READING_THREADS = 4


class FileState(NamedTuple):
    """What the file system says of a file: another content by any way of replacing it changes one of these."""

    size: int
    mtime_ns: int
    inode: int
    ctime_ns: int

    @classmethod
    def of(cls, path: str) -> FileState | None:
        """State of a file, through symbolic links; None of what is none."""
        with suppress(OSError):
            found = os.stat(path)
            return cls(found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns)
        return None

    def settled(self) -> bool:
        """Whether the file system's clock would show the next change; that of whoever wrote the file does not count."""
        return time.time_ns() - self.ctime_ns > SETTLED_NS


UNSURE = FileState(-1, -1, -1, -1)
"""Of a file that changed while it was read, or just before: it is read again when it is next asked for."""


class InputDigests:
    """SHA-256 of files by their names, as they were read last.

    Parameters
    ----------
    kept : path
        Where they lie from run to run: a line for each file that was read, the last one of a file counts.
    """

    def __init__(self, kept: str | Path) -> None:
        self.kept = Path(kept)
        self.known: dict[str, tuple[FileState, str]] = {}
        with suppress(OSError):
            for line in self.kept.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError, TypeError):  # the last line of a killed run
                    path, state, digest = json.loads(line)
                    self.known[path] = FileState(*state), digest

    def keep(self, read: Mapping[str, tuple[FileState | None, str]]) -> None:
        """Remember digests of files, each with the file's state before it was read; also for later runs, if it can."""
        entries = {path: (_sure(path, state), digest) for path, (state, digest) in read.items()}
        new = {path: entry for path, entry in entries.items() if self.known.get(path) != entry}
        self.known |= new
        if new:
            with suppress(OSError):  # the folder of a colleague, who may only read it
                self._append(new)

    def _append(self, new: Mapping[str, tuple[FileState, str]]) -> None:
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        with self.kept.open("a", encoding="utf-8") as file:
            file.writelines("\n" + json.dumps([path, state, digest]) for path, (state, digest) in new.items())

    def of(self, paths: Iterable[str]) -> dict[str, str]:
        """Digests of files that were read before; only files whose state has changed since are read.

        Parameters
        ----------
        paths : iterable of str
            Names of files; those of files never read, or no longer there, are left out.

        Returns
        -------
        dict of str to str
            By name; "" of a changed file that cannot be read, so that it counts as another one.
        """
        states = {path: FileState.of(path) for path in paths if path in self.known}
        changed = [path for path, state in states.items() if state and state != self.known[path][0]]
        with ThreadPoolExecutor(READING_THREADS) as pool:
            read = dict(zip(changed, pool.map(_digest, changed), strict=True))
        self.keep({path: (states[path], digest) for path, digest in read.items() if digest})
        return {path: read.get(path, self.known[path][1]) for path, state in states.items() if state}


def _digest(path: str) -> str:
    with suppress(OSError):
        return sha256(path)
    return ""


def _sure(path: str, state: FileState | None) -> FileState:
    return state if state and state.settled() and FileState.of(path) == state else UNSURE
