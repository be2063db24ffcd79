"""One job per shard, parallel inside over its samples: each sample becomes one group of the shard's HDF5 file.

A sample that fails is left out of all later stages (`ainu.failures`); the other samples of its shard go on.
"""

from __future__ import annotations

import contextlib
import errno
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import h5py
from tqdm import tqdm

from ainu.errors import AinuError, BrokenFileError
from ainu.failures import SampleFailure, failure_of, mark_failed
from ainu.hdf5 import new_file, open_file

T = TypeVar("T")
Work = Callable[[str, h5py.Group], None]

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""A full or read-only disk; no sample is to blame."""


def write_shard(
    output: str | Path,
    samples: Sequence[str],
    work: Work,
    *,
    threads: int = 1,
    title: str = "",
    all_may_fail: bool = False,
) -> None:
    """Write one HDF5 file with a group per sample, filled by `work(sample, group)` in parallel processes.

    A sample that fails is an empty group that holds the reason (`ainu.failures`); the groups of the others are the same
    with and without it. As `each_sample`, it raises an `AinuError` where all samples fail.

    Parameters
    ----------
    output : path
        The shard's file; it appears when all samples are done.
    samples : sequence of str
        Groups of the file, in this order.
    work : callable
        Picklable; opens what it reads itself.
    threads : int
        Processes.
    title : str
        Name of the stage, for the progress bar and the messages on samples that fail.
    all_may_fail : bool
        As for `each_sample`.
    """
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    parts = {sample: output.with_name(f".{output.name}.{sample}.part") for sample in samples}
    try:
        function = partial(_write_part, work, title, parts)
        found = each_sample(function, samples, threads, title, all_may_fail=all_may_fail)
        with new_file(output) as file:
            for sample, failure in found.items():
                _take_over(file, sample, parts[sample], failure)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _write_part(work: Work, stage: str, parts: Mapping[str, Path], sample: str) -> SampleFailure | None:
    """Fill a file of a sample's own. Errors in opening and closing it come from the disk."""
    with h5py.File(parts[sample], "w") as file:
        return guarded(partial(work, sample), stage, file.create_group(sample))


def _take_over(file: h5py.File, sample: str, part: Path, failure: SampleFailure | None) -> None:
    if failure is not None:
        mark_failed(file.create_group(sample), failure)
        return
    with h5py.File(part, "r") as source:
        source.copy(source[sample], file, name=sample)


def each_sample(
    function: Callable[[str], T | SampleFailure],
    samples: Sequence[str],
    threads: int,
    stage: str,
    *,
    all_may_fail: bool = False,
) -> dict[str, T | SampleFailure]:
    """`function(sample)` of each sample over processes, or its failure; failures of this stage go to stderr.

    A sample whose process dies, or runs out of memory, is tried again alone, with all the memory that the job has.
    Where all of several samples fail, the settings are probably wrong: an `AinuError` gives the reason of each.

    Parameters
    ----------
    function : callable
        Picklable; returns a result or, `guarded`, the failure of the sample.
    samples : sequence of str
        Their names.
    threads : int
        Processes.
    stage : str
        Its name.
    all_may_fail : bool
        Whether it is no error that all fail.

    Returns
    -------
    dict
        In the order of the samples.
    """
    found = _in_parallel(function, samples, threads, stage)
    for sample in samples:
        if sample not in found:
            found[sample] = _alone(function, sample, stage)
    ordered = {sample: found[sample] for sample in samples}
    _print_failures(ordered, stage, all_may_fail)
    return ordered


def _print_failures(found: Mapping[str, Any], stage: str, all_may_fail: bool) -> None:
    """Print which samples failed in this stage; stop where none of several succeeded."""
    lost = {sample: failure for sample, failure in found.items() if isinstance(failure, SampleFailure)}
    failed = {sample: failure for sample, failure in lost.items() if failure.stage == stage}
    lines = "\n".join(f"  {sample}: {failure.reason}" for sample, failure in failed.items())
    message = f"{len(failed)} of {len(found)} samples failed\n{lines}"
    for failure in failed.values():
        sys.stderr.write("".join(getattr(failure, "__notes__", ())))
    if not all_may_fail and len(failed) > 1 and len(lost) == len(found):
        raise AinuError(message)
    if failed:
        print(f"ainu: {message}\nainu: continuing with the other samples", file=sys.stderr)


def guarded(function: Callable[..., T], stage: str, *arguments: Any) -> T | SampleFailure:
    """`function(*arguments)` for one sample, or its failure: in this stage, or in an earlier one.

    An `OSError` of a disk that cannot be written is raised as well.

    Parameters
    ----------
    function : callable
        Computes something of a sample.
    stage : str
        Its name.
    *arguments : object
        Of the function.

    Returns
    -------
    object or SampleFailure
        What the function returns, or the failure; that of an unexpected error has the traceback as a note.

    Raises
    ------
    BrokenFileError
        A file of the pipeline cannot be read.
    MemoryError
        Too little memory beside other samples.
    """
    try:
        return function(*arguments)
    except SampleFailure as earlier:
        return earlier
    except BrokenFileError:
        raise
    except MemoryError as error:
        raise MemoryError(str(error)) from None
    except AinuError as error:
        return SampleFailure(stage, str(error))
    except Exception as error:
        if isinstance(error, OSError) and (error.errno in DISK or "write failed" in str(error)):
            raise
        unexpected = SampleFailure(stage, f"{type(error).__name__}: {error}")
        unexpected.add_note(traceback.format_exc())
        return unexpected


def _in_parallel(function: Callable[[str], T], samples: Sequence[str], threads: int, title: str) -> dict[str, T]:
    """What `function` gives for each sample, but for those whose process died or ran out of memory."""
    found = {}
    with _processes(min(threads, len(samples))) as pool:
        futures = {}
        with contextlib.suppress(BrokenProcessPool):
            for sample in samples:
                futures[pool.submit(function, sample)] = sample
        for future in tqdm(as_completed(futures), total=len(samples), desc=title, file=sys.stderr, mininterval=2):
            with contextlib.suppress(BrokenProcessPool, MemoryError):
                found[futures[future]] = future.result()
    return found


def _alone(function: Callable[[str], T], sample: str, stage: str) -> T | SampleFailure:
    """What `function` gives for a sample beside which nothing else runs."""
    try:
        with _processes(1) as pool:
            return pool.submit(function, sample).result()
    except MemoryError as error:
        return SampleFailure(stage, f"memory ran out; give the job more (mem_mb). {error}")
    except BrokenProcessPool:
        return SampleFailure(stage, "its process was killed, by too little memory (mem_mb) or a crash")


def failures_in(paths: Iterable[str | Path]) -> dict[str, list[SampleFailure]]:
    """The failures that shard files hold, by sample; the same one in several files counts once."""
    found: dict[str, list[SampleFailure]] = {}
    for path in paths:
        with open_file(path) as file:
            for sample, group in file.items():
                failure = failure_of(group)
                if failure and str(failure) not in map(str, found.get(sample, ())):
                    found.setdefault(sample, []).append(failure)
    return found


def failure_lines(failed: Mapping[str, Sequence[SampleFailure]]) -> str:
    """A line for each failure of each sample."""
    return "\n".join(f"  {sample}: {failure}" for sample, failures in failed.items() for failure in failures)


def each(function: Callable[[Any], T], items: Sequence[Any], threads: int, title: str) -> list[T]:
    """`[function(item) for item in items]` over processes, with a progress bar.

    Parameters
    ----------
    function : callable
        Of one item; both travel to other processes.
    items : sequence
        Whatever the function takes.
    threads : int
        Processes at most.
    title : str
        Of the progress bar.

    Returns
    -------
    list
        The results, in the order of the items.
    """
    with _processes(min(threads, len(items))) as pool:
        found = pool.map(function, items)
        return list(tqdm(found, total=len(items), desc=title, file=sys.stderr, mininterval=2))


@contextlib.contextmanager
def _processes(number: int) -> Iterator[ProcessPoolExecutor]:
    """Forked processes, which SIGTERM ends: the handler of a job would let them wait for ever for more work."""
    context = get_context("fork")
    pool = ProcessPoolExecutor(max(number, 1), context, signal.signal, (signal.SIGTERM, signal.SIG_DFL))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
