"""What lies under `results/` and belongs to nothing any more, since samples, experiments or settings are gone.

Only what Snakemake has recorded as made by a rule of this workflow, and what such a rule leaves beside it, is ever
found: nothing that a user put there.
"""

from __future__ import annotations

import os
import re
import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from snakemake.io import WILDCARD_REGEX

from ainu.files import write_json
from ainu.settings.tidy import LISTED_IN, RESULTS, SWITCH

SHOWN = 5
WRITTEN_S = 1.0
"""A file in a folder that changed so long after the job's end is not the job's."""


def tell_leftovers(kept: Iterable[str]) -> None:
    """Let every complete run say, when it is planned, what belongs to nothing any more.

    Parameters
    ----------
    kept : iterable of str
        Files and folders that belong to a run though its plan does not make them: somebody asked for them, or it
        reads them.
    """
    from snakemake.dag import DAG  # at the top it would import itself

    plan, kept = DAG.postprocess, frozenset(kept)

    async def postprocess(self: Any, *arguments: Any, check_initial: bool = False, **named: Any) -> None:
        await plan(self, *arguments, check_initial=check_initial, **named)
        if check_initial and any(job.rule.name == "all" for job in self.jobs):
            _tell(sorted(set(_leftovers(self, kept))))

    DAG.postprocess = postprocess


def _tell(found: list[str]) -> None:
    if LISTED_IN in os.environ:
        write_json(os.environ[LISTED_IN], found)
    elif found:
        names = ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
        print(
            f"ainu: {len(found)} files under results/ belong to nothing any more: {names}. `snakemake --cores 1 tidy` "
            f"lists them all, with {SWITCH}=remove before it removes them.",
            file=sys.stderr,
        )


def _leftovers(dag: Any, kept: frozenset[str]) -> Iterator[str]:
    """Files made by jobs that the plan of a run does not have, and that no job reads."""
    made = {str(file) for job in dag.jobs for file in (*job.output, *job.log, job.benchmark) if file}
    gone = list(_made_by_rules(dag, made))
    read = {str(file) for job in dag.jobs for file in job.input if gone} - made
    planned = made | {os.path.realpath(file) for file in (*kept, *read) if gone}
    for name, record in gone:
        if not _belongs(name, planned):
            beside = filter(os.path.isfile, (file for log in record.log or () for file in _of_log(log)))
            files = (*_files(name, record.endtime or 0), *beside)
            yield from (file for file in files if not _belongs(file, planned))


def _made_by_rules(dag: Any, planned: set[str]) -> Iterator[tuple[str, Any]]:
    """Files and folders below `results/` that rules of this workflow have made, with Snakemake's record."""
    patterns = {rule.name: [_pattern(str(file)) for file in rule.output] for rule in dag.workflow.rules}
    records = dag.workflow.persistence
    for name in _recorded(getattr(records, "_metadata_path", "")):
        if not name.startswith(RESULTS) or name in planned or not os.path.lexists(name):
            continue
        record = records._read_record(name)
        if record and any(pattern.fullmatch(name) for pattern in patterns.get(record.rule, ())):
            yield name, record


def _belongs(name: str, planned: set[str]) -> bool:
    """Whether a file is planned, is read, by whatever path, or lies in a folder that is."""
    real = Path(os.path.realpath(name))
    return name in planned or any(str(path) in planned for path in (real, *real.parents))


def _pattern(output: str) -> re.Pattern[str]:
    """What an output of a rule may be called, whatever samples and experiments there are."""
    parts = WILDCARD_REGEX.sub("\0", output).split("\0")
    return re.compile(".+".join(map(re.escape, parts)))


def _recorded(metadata: str) -> Iterator[str]:
    """Names of all files that Snakemake has a record of."""
    for folder, _, files in os.walk(metadata):
        above = "".join(part.removeprefix("@") for part in Path(folder).relative_to(metadata).parts)
        for name in files:
            with suppress(ValueError):  # a file of the system, which is no record
                yield urlsafe_b64decode(above + name).decode()


def _files(name: str, end: float) -> Iterator[str]:
    """The file and the PDF beside a figure; of a folder, the files that are as old as the job that made it."""
    path = Path(name)
    if not path.is_dir():
        yield name
        yield from (str(beside) for beside in [path.with_suffix(".pdf")] if path.suffix == ".svg" and beside.is_file())
        return
    for file in path.rglob("*"):
        if not file.is_dir() and file.lstat().st_ctime <= end + WRITTEN_S:
            yield str(file)


def _of_log(log: str) -> list[str]:
    """A job's log, and what else it has measured."""
    name = log.removeprefix("results/logs/").removesuffix(".log")
    return [log, f"results/logs/{name}.speed.json", f"results/benchmarks/{name}.tsv"]
