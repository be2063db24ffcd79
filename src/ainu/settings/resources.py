"""How much memory and time the jobs of a run ask for, from the size of what they read; more with every attempt.

Each function gives one that Snakemake calls with a job's wildcards, input and attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from os.path import getsize
from typing import Any

from ainu.settings.plan import Plan

AT_A_TIME = 16
"""More than the threads of any job of a shard, for samples of uneven size."""
LONGEST = 8
"""Most times that the jobs of a large shard may take longer than those of a small one."""

Amount = Callable[..., int]


def size_mb(files: Any) -> float:
    """Size of a job's input in MB; Snakemake's own `size_mb` starts an event loop for every job."""
    if any(getattr(file, "is_storage", False) for file in files):
        from snakemake.iocontainers import InputFiles

        return InputFiles(files).size_mb
    return sum(map(getsize, files)) / 2**20


def memory(factor: float, least: float = 1000) -> Amount:
    """Memory in MB: so many times the input, and at least so much."""
    return lambda wildcards, input, attempt: int(max(least, factor * size_mb(input)) * attempt)


def minutes(least: float, per_gb: float = 0) -> Amount:
    """Runtime in minutes: so many for each GB of input, and at least so many."""
    return lambda wildcards, input, attempt: int(max(least, per_gb * size_mb(input) / 1024) * attempt)


@dataclass(frozen=True, eq=False)
class JobResources:
    """What depends on the plan of the run as well.

    Attributes
    ----------
    plan : Plan
    """

    plan: Plan

    def shard_memory(self, factor: float, least: float = 1000, tables: Sequence[str] = ()) -> Amount:
        """Memory in MB of a shard's job, from the size of its input or of that named in `tables`.

        Parameters
        ----------
        factor, least : float
            How many times the size of the input, and the least, MB.
        tables : sequence of str
            Names of the inputs that count; all by default.

        Returns
        -------
        callable
            For `resources: mem_mb=`.
        """

        def needed(wildcards: Any, input: Any, attempt: int) -> int:
            files = [input[name] for name in tables] if tables else input
            return int(max(least, factor * size_mb(files) * self.share_at_a_time(wildcards.shard)) * attempt)

        return needed

    def shard_minutes(self, of_few: int) -> Amount:
        """Runtime of a shard's job from that of 16 samples; the same for all shards, which may be one job array."""
        return lambda wildcards, attempt: of_few * min(LONGEST, -(-self._largest_shard // AT_A_TIME)) * attempt

    @cached_property
    def _largest_shard(self) -> int:
        return max(map(len, self.plan.settings.shards.values()))

    def share_at_a_time(self, shard: str) -> float:
        """Part of a shard's localization files that a job has in memory at a time, were these its largest samples."""
        if shard not in self._shares:
            settings = self.plan.settings
            rows = [settings.rows(sample) for sample in settings.shards[shard]]
            few = len(rows) <= AT_A_TIME
            sizes = [] if few else sorted(sum(getsize(row["path"]) for row in own) for own in rows)
            self._shares[shard] = 1.0 if few else sum(sizes[-AT_A_TIME:]) / max(sum(sizes), 1)
        return self._shares[shard]

    @cached_property
    def _shares(self) -> dict[str, float]:
        return {}

    def training_memory(self, wildcards: Any, input: Any, attempt: int) -> int:
        """Memory in MB of a training: its unpacked data, but from `memory_gb` on these are memory-mapped.

        Parameters
        ----------
        wildcards : snakemake.iocontainers.Wildcards
            With `experiment`.
        input : snakemake.iocontainers.InputFiles
            Of the job.
        attempt : int
            From 1.

        Returns
        -------
        int
        """
        most = 4000 + 1500 * self.plan.experiment(wildcards.experiment).training.memory_gb
        return int(min(max(4000, 20 * size_mb([input.dataset])), most) * attempt)

    def attribution_memory(self, wildcards: Any, input: Any, attempt: int) -> int:
        """Memory in MB: the images and their maps, one per method, and what is worked on at a time.

        Parameters
        ----------
        wildcards : snakemake.iocontainers.Wildcards
            With `experiment`.
        input : snakemake.iocontainers.InputFiles
            Of the job.
        attempt : int
            From 1.

        Returns
        -------
        int
        """
        own = self.plan.experiment(wildcards.experiment).attribution
        images = 10 * (2 + len(own.methods)) * size_mb(input)
        return int((2500 + 1000 * own.memory_gb + images) * attempt)
