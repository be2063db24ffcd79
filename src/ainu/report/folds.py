"""Folds: what each model was tested on, and whether recordings in different folds share localizations."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ainu.errors import AinuError
from ainu.prose import listed
from ainu.report.sources import read_result, read_text_table
from ainu.report.tables import PageTable, table_of
from ainu.report.text import counted


def fold_table(path: Path | None) -> PageTable | None:
    """What each model was tested on; a replicate in two folds of a repeat is an `AinuError`."""
    if path is None:
        return None
    folds = read_text_table(path)
    _check_replicates(folds, path)
    rows = [
        {"repeat": int(own["repeat"].iloc[0]), "fold": int(own["fold"].iloc[0]), "nuclei": len(own)}
        | {f"{label} nuclei": count for label, count in own["label"].value_counts().sort_index().items()}
        | {"held-out replicates": ", ".join(sorted(own["replicate"].unique()))}
        for _, own in folds.groupby(["repeat", "fold"])
    ]
    last = "held-out replicates"
    order = [name for name in dict.fromkeys(key for row in rows for key in row) if name != last]
    caption = "Nuclei on which each model was tested; it was trained on all others"
    return table_of(rows, caption, order=[*order, last], headings=False)


def _check_replicates(folds: pd.DataFrame, path: Path) -> None:
    n_folds = folds.groupby(["repeat", "replicate"])["fold"].nunique().reset_index()
    for repeat, replicate, count in n_folds[n_folds["fold"] > 1].to_numpy():
        raise AinuError(f"{path}: replicate {replicate!r} is in {count} folds of repeat {repeat}; allowed: 1")


def duplicates_sentence(path: Path | None) -> str:
    """Whether recordings in different folds share localizations."""
    content = {} if path is None else read_result(path)
    if "pairs" not in content:
        return ""
    within = content.get("within_a_replicate") or []
    twice = "; ".join(f"{listed(pair['samples'])} ({pair['how']})" for pair in within)
    found = (
        f" Within a replicate these share localizations, so that nuclei are counted twice: {twice}." if within else ""
    )
    return (
        f"{counted(content['recordings'], 'recording')} were compared with one another "
        f"({counted(content['pairs'], 'pair')}): none of different replicates, classes or roles share localizations."
        f"{found}"
    )
