"""The samples that a run left out, as the files say that it made or built on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ainu.errors import AinuError
from ainu.files import read_table
from ainu.shards import failures_in

SHARD_RULES = (
    "ingest",
    "correct_drift",
    "filter_quality",
    "find_nuclei",
    "voxelize",
    "measure_features",
    "measure_blurred_features",
    "fingerprint",
    "explain_localizations",
)
"""Rules whose first output is a file with a group per sample of a shard."""


def samples_left_out(jobs: Iterable[Any]) -> dict[str, list[str]]:
    """Why samples were left out.

    Parameters
    ----------
    jobs : iterable of Job
        Of the run, as Snakemake has them in `workflow.dag.jobs`.

    Returns
    -------
    dict of str to list of str
        Reasons by sample, each once.
    """
    made = [(job.rule.name, str(job.output[0])) for job in jobs if job.output]
    shards = [path for rule, path in made if rule in SHARD_RULES and _written(path)]
    reasons = {sample: list(map(str, why)) for sample, why in failures_in(sorted(shards)).items()}
    summaries = [f"{folder}/summary.tsv" for rule, folder in made if rule == "qc"]
    for table in map(read_table, sorted(path for path in summaries if _written(path))):
        for sample, why in table[["sample", "skipped"]].to_numpy():
            reasons.setdefault(sample, []).append(why)
    return {sample: list(dict.fromkeys(filter(None, why))) for sample, why in reasons.items() if any(why)}


def _written(path: str) -> bool:
    """Whether a file is there and holds anything."""
    return Path(path).exists() and Path(path).stat().st_size > 0


def print_left_out(reasons: Mapping[str, Sequence[str]]) -> None:
    """The list at the end of a run, of what `samples_left_out` gave."""
    lines = [f"  {sample}: {why}" for sample, own in reasons.items() for why in own]
    if lines:
        print("ainu: samples left out", *lines, sep="\n", file=sys.stderr)


def refuse_bad_files(reasons: Mapping[str, Sequence[str]], on_bad_file: str) -> None:
    """Stop a run with files that could not be read, unless the config says to go on without them.

    Parameters
    ----------
    reasons : mapping of str to list of str
        As `samples_left_out` gives them.
    on_bad_file : str
        The config's `ingest.on_bad_file`.

    Raises
    ------
    AinuError
        There are such files, and `on_bad_file` is "fail".
    """
    if on_bad_file == "fail" and any(why.startswith("ingest: ") for own in reasons.values() for why in own):
        raise AinuError("ainu: files could not be read (above); repair or remove them, or set ingest.on_bad_file: skip")
