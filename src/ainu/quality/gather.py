"""The summaries of quality control of all shards, joined into one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ainu.files import write_table
from ainu.quality.clipping import clipped_flags
from ainu.shards import failures_in


def gather(summaries: Sequence[str | Path], output: str | Path, stages: Sequence[str | Path] = ()) -> None:
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
    """
    parts = [pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False) for path in summaries]
    table, failed, clipped = pd.concat(parts, ignore_index=True).fillna(""), failures_in(stages), clipped_flags(stages)
    known = table.pop("skipped") if "skipped" in table else [""] * len(table)
    reasons = [[why, *map(str, failed.get(name, ()))] for name, why in zip(table["sample"], known, strict=True)]
    if clipped:
        told = zip(table["sample"], table["flags"], strict=True)
        table["flags"] = ["; ".join(filter(None, [flags, *clipped.get(name, ())])) for name, flags in told]
    write_table(output, table.assign(skipped=["; ".join(dict.fromkeys(filter(None, whys))) for whys in reasons]))
