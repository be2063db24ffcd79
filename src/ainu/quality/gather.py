"""The summaries of quality control of all shards, joined into one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ainu.files import write_table
from ainu.quality.clipping import clipped_flags
from ainu.shards import failures_in


def gather(
    summaries: Sequence[str | Path],
    output: str | Path,
    stages: Sequence[str | Path] = (),
    unused: Mapping[str, str] | None = None,
) -> None:
    """Join the shards' summaries into one table.

    Parameters
    ----------
    summaries : sequence of path
        `summary.tsv` of each shard.
    output : path
        The joint table.
    stages : sequence of path
        Shard files of stages that the summaries do not cover: a sample that failed there has the reason under
        `skipped` as well, and one that a canvas cuts has a flag.
    unused : mapping of str to str, optional
        Why nothing uses a sample; among its flags as well.
    """
    parts = [pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False) for path in summaries]
    table, failed, clipped = pd.concat(parts, ignore_index=True).fillna(""), failures_in(stages), clipped_flags(stages)
    known = table.pop("skipped") if "skipped" in table else [""] * len(table)
    reasons = [[why, *map(str, failed.get(name, ()))] for name, why in zip(table["sample"], known, strict=True)]
    unused = unused or {}
    flags = {name: [*clipped.get(name, ()), *_unused_flag(name, unused)] for name in table["sample"]}
    if any(flags.values()):
        told = zip(table["sample"], table["flags"], strict=True)
        table["flags"] = ["; ".join(filter(None, [own, *flags[name]])) for name, own in told]
    table["skipped"] = ["; ".join(dict.fromkeys(filter(None, whys))) for whys in reasons]
    write_table(output, table.assign(unused=[unused.get(name, "") for name in table["sample"]]))


def _unused_flag(name: str, unused: Mapping[str, str]) -> list[str]:
    return [f"unused ({unused[name]})"] if name in unused else []
