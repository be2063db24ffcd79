"""What makes Snakemake run a job again. The one place where its own settings are changed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from snakemake.persistence import PersistenceBase
from snakemake.settings.types import RerunTrigger

from ainu.settings.input_digests import FileState, InputDigests

LARGEST_COMPARED = 10**12
"""Larger files (bytes) are compared by their age, all others by their content."""
KEPT_DIGESTS = ".snakemake/ainu-inputs.jsonl"
SHA256 = "sha256:"
"""Before a digest in Snakemake's records."""
CHANGED = f"{SHA256}changed while it was read"
"""In place of the digest of a file of which nobody knows which content a job has read."""


def compare_by_content(workflow: Any) -> None:
    """Content decides what runs again, not age: a touched input, a touched script or a fresh clone reruns nothing.

    Snakemake compares the content of small inputs only, and only of those newer than an output; of scripts only the
    age: what a script does is in each rule's parameter `code`. Snakemake's settings come after the workflow is read, so
    they are changed when they do. A workflow that uses this one as a module keeps its own.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        The one that is being read.
    """
    type(workflow).dag_settings = property(lambda self: vars(self)["dag_settings"], _set)
    if workflow.is_main_process:
        _watch(InputDigests(KEPT_DIGESTS))


def _set(workflow: Any, settings: Any) -> None:
    if settings is not None:
        settings.max_checksum_file_size = max(settings.max_checksum_file_size, LARGEST_COMPARED)
        settings.force_incomplete = True  # what a killed job has left is made again, without a flag
        settings.rerun_triggers = frozenset(settings.rerun_triggers) - {RerunTrigger.CODE}
    vars(workflow)["dag_settings"] = settings


def _watch(digests: InputDigests) -> None:
    """Compare files that no job makes with what the jobs have read, older ones too, and make all that is missing."""
    from snakemake.dag import DAG  # at the top it would import itself

    plan, start, finish = DAG.update_needrun, PersistenceBase.started, PersistenceBase.finished
    at_start: dict[Any, dict[str, FileState | None]] = {}

    async def update_needrun(self: Any, create_inventory: bool = False) -> None:
        await _find_missing(self)
        await _find_replaced(self, digests)
        await plan(self, create_inventory)

    def started(self: Any, job: Any, external_jobid: str | None = None) -> None:
        at_start[job] = {str(file): FileState.of(file) for file in _given(self.dag, job)}
        start(self, job, external_jobid)

    async def finished(self: Any, job: Any) -> None:
        before = at_start.pop(job, {})
        await finish(self, job)
        _keep_what_was_read(self, job, before, digests)

    DAG.update_needrun, PersistenceBase.started, PersistenceBase.finished = update_needrun, started, finished


def _given(dag: Any, job: Any) -> Iterator[Any]:
    """Input files of a job that no job makes."""
    made = set(chain.from_iterable(dag.dependencies[job].values()))
    return (file for file in job.input if file not in made)


async def _find_missing(dag: Any) -> None:
    """Note for each job which of its files somebody took away, also where all that was made of them is there."""
    for job in dag.jobs:
        missing = [] if dag.finished(job) else [file for file in job.output if not await file.exists()]
        if missing:
            dag.reason(job).missing_output.update(missing)
            dag.reason(job).derived = False


async def _find_replaced(dag: Any, digests: InputDigests) -> None:
    """Note for each job which of its files hold another content than the job has read."""
    jobs = [job for job in dag.jobs if not dag.finished(job) and await job.output_mintime is not None]
    read = {job: dict(_recorded(dag, job)) for job in jobs}
    now = digests.of(dict.fromkeys(str(file) for files in read.values() for file in files))
    for job, files in read.items():
        for file, digest in files.items():
            if str(file) in now:
                dag.workflow.iocache.checksum[file] = SHA256 + now[str(file)]
            elif digest != CHANGED:
                await _trust(file, digest, job, digests)
                continue
            if now.get(str(file)) != digest.removeprefix(SHA256):
                dag.reason(job).updated_input.add(file)
                dag.reason(job).derived = False


def _recorded(dag: Any, job: Any) -> Iterator[tuple[Any, str]]:
    """Files that a job was given, with the digest of what it has read, where there is one record of it."""
    for file in _given(dag, job):
        found = dag.workflow.persistence.input_checksums(job, file)
        if len(found) == 1 and (digest := found.pop()):
            yield file, digest


async def _trust(file: Any, digest: str, job: Any, digests: InputDigests) -> None:
    """Of a file whose state was never kept: as long as it is not newer than the results, it is what was read."""
    if await file.exists() and not await file.is_newer(await job.output_mintime):
        digests.keep({str(file): (FileState.of(file), digest.removeprefix(SHA256))})


def _keep_what_was_read(records: Any, job: Any, before: dict[str, FileState | None], digests: InputDigests) -> None:
    """Keep digests of the files that a job was given; a file that changed meanwhile is read again by the next run."""
    changed = {file for file, state in before.items() if FileState.of(file) != state}
    for output in map(records._get_key, job.output):
        record = records._read_record(output)
        if record is None:
            continue
        found = record.input_checksums or {}
        digests.keep({file: (before[file], found[file].removeprefix(SHA256)) for file in before if file in found})
        if changed:
            record.input_checksums = found | dict.fromkeys(changed, CHANGED)
            records._write_record(output, record)
