"""One job per shard, parallel inside over its samples: each sample becomes one group of the shard's HDF5 file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import h5py
from tqdm import tqdm

from ainu.errors import AinuError
from ainu.localizations import new_file

T = TypeVar("T")
Work = Callable[[str, h5py.Group], None]


def write_shard(output: str | Path, samples: Sequence[str], work: Work, *, threads: int = 1, title: str = "") -> None:
    """Write one HDF5 file with a group per sample, filled by `work(sample, group)` in parallel processes.

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
        What the progress bar says.

    Raises
    ------
    AinuError
        Names every sample that failed and why.
    """
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    parts = [output.with_name(f".{output.name}.{sample}.part") for sample in samples]
    try:
        failures = each(partial(_write_part, work), list(zip(samples, parts, strict=True)), threads, title)
        raise_failures(samples, failures)
        with new_file(output) as file:
            for sample, part in zip(samples, parts, strict=True):
                with h5py.File(part, "r") as source:
                    source.copy(source[sample], file, name=sample)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def each(function: Callable[[Any], T], items: Sequence[Any], threads: int, title: str) -> list[T]:
    """`[function(item) for item in items]` over processes, with a progress bar."""
    with _Mapper(min(threads, len(items))) as run:
        return list(tqdm(run(function, items), total=len(items), desc=title, file=sys.stderr, mininterval=2))


def raise_failures(samples: Sequence[str], failures: Iterable[str | None]) -> None:
    """Raise one error that lists the samples that failed, if any did."""
    lines = [f"{sample}: {why}" for sample, why in zip(samples, failures, strict=True) if why is not None]
    if lines:
        raise AinuError(f"{len(lines)} of {len(samples)} samples failed\n  " + "\n  ".join(lines))


def _write_part(work: Work, item: tuple[str, Path]) -> str | None:
    sample, part = item
    try:
        with h5py.File(part, "w") as file:
            work(sample, file.create_group(sample))
    except AinuError as error:
        return str(error)
    return None


class _Mapper:
    """A `map` over processes, or the plain one for a single process."""

    def __init__(self, processes: int) -> None:
        self._pool = ProcessPoolExecutor(processes, mp_context=get_context("fork")) if processes > 1 else None

    def __enter__(self) -> Callable[[Callable[[Any], T], Sequence[Any]], Iterator[T]]:
        return map if self._pool is None else self._pool.map  # type: ignore[return-value]

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
