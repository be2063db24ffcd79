"""One run at a time in a folder, and a killed one that leaves nothing to be cleared away by hand.

Every run, and every job (`ainu.errors.job`), holds a lock that the system takes back from a dead process.
So Snakemake's own locks, which are files, are known to be left behind when nobody holds it.
"""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from snakemake.exceptions import WorkflowError
from snakemake.persistence import PersistenceBase

from ainu.errors import RUNNING


def one_run_at_a_time(workflow: Any) -> None:
    """Let a run go on where a killed one was, without `--unlock`, and say clearly that another one is under way.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        The one that is being read.
    """
    if workflow.is_main_process:
        PersistenceBase.lock = _with_lock_of_living(PersistenceBase.lock)


def _with_lock_of_living(lock: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @contextmanager
    def locked(self: Any) -> Iterator[None]:
        with _opened() as file:
            before = file.read()
            alone = _alone(file)
            if self.locked:
                _refuse_or_clear(self, before, alone)
            _sign(file)
            with lock(self):
                yield

    return locked


def _opened() -> IO[str]:
    RUNNING.parent.mkdir(exist_ok=True)
    file = RUNNING.open("a+", encoding="utf-8")
    file.seek(0)
    return file


def _alone(file: IO[str]) -> bool:
    """Whether no other process holds the lock, which this one shares from now on; False where nobody can know."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        alone = False
    else:
        alone = True
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return alone


def _sign(file: IO[str]) -> None:
    file.truncate(0)
    file.write(f"{os.getpid()} {platform.node()}")
    file.flush()


def _refuse_or_clear(records: Any, last: str, alone: bool) -> None:
    """Take away locks that a killed run left behind, unless its jobs may still be in the queue of a cluster."""
    process, _, host = last.partition(" ")
    queued = any(records.external_jobids(job) for job in records.dag.jobs)
    if alone and not queued and host == platform.node():
        records.cleanup_locks()
        (records.path / "locks").mkdir(exist_ok=True)  # of which the former makes an end too
        return
    who = f"process {process} on {host}" if process else "another process"
    raise WorkflowError(
        f"{os.getcwd()} is in use: a run of Snakemake ({who}) works on the same files. Wait until it has ended. If it "
        "was killed, wait for its jobs, or cancel them (on Slurm: squeue --me, scancel), then: snakemake --unlock"
    )
