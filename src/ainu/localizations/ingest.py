"""From the rows of the sample sheet to the canonical file of a shard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py

from ainu.localizations.formats.read import read
from ainu.localizations.table import Localizations, merge
from ainu.shards import write_shard

Row = Mapping[str, str]


def ingest_shard(
    rows: Mapping[str, Sequence[Row]],
    output: str | Path,
    settings: Mapping[str, Any],
    keep: Sequence[str] = (),
    threads: int = 1,
    *,
    filtered: Sequence[str] = (),
) -> None:
    """Read the files of a shard's samples into one canonical HDF5 file.

    A sample with a file that cannot be read is left out (`ainu.left_out`), be it all of them: whether a run goes on
    without it (`ingest.on_bad_file`) is decided where datasets are put together.

    Parameters
    ----------
    rows : mapping
        The sheet's rows of each sample.
    output : path
        The shard's file.
    settings : mapping
        The config's `ingest`: `pixel_size_nm` and `columns` where the sheet says nothing, `use_corrected`, `crosstalk`,
        `alignment`.
    keep : sequence of str
        Columns of the files to keep under their own names.
    threads : int
        Processes.
    filtered : sequence of str
        Columns to keep where a file has them, for the quality filters (`ainu.widths.filtered_columns`).
    """
    by_sample = {sample: list(own) for sample, own in rows.items()}
    work = partial(_ingest_sample, by_sample, dict(settings), tuple(keep), tuple(filtered))
    write_shard(output, list(rows), work, threads=threads, title="ingest", all_may_fail=True)


def _ingest_sample(
    rows: dict[str, list[Row]],
    settings: dict[str, Any],
    keep: tuple[str, ...],
    filtered: tuple[str, ...],
    sample: str,
    group: h5py.Group,
) -> None:
    parts = [read_row(row, settings, keep, filtered) for row in rows[sample]]
    if settings.get("crosstalk"):
        parts = [_unmixed(part, settings["crosstalk"]) for part in parts]
    table = merge(parts)
    del parts
    if settings.get("alignment") and len(table.channels) > 1:
        from ainu.localizations.chromatic_alignment import align  # imports scipy, 1 s, which most runs do not need

        table, record = align(table, **settings["alignment"])
        table = replace(table, meta=table.meta | {"alignment": record})
    table.write(group)


def read_row(
    row: Row, settings: Mapping[str, Any], keep: Sequence[str] = (), filtered: Sequence[str] = ()
) -> Localizations:
    """Read the file of one row of the sheet; the config's settings count where the row's cells are empty."""
    return read(
        row["path"],
        row["format"] or None,
        pixel_size_nm=float(row["pixel_size_nm"]) if row["pixel_size_nm"] else settings["pixel_size_nm"],
        channels=row["channels"],
        columns=row["columns"] or (settings["columns"] if row["format"] == "table" else None),
        keep=keep,
        keep_present=filtered,
        use_corrected=settings.get("use_corrected", False),
    )


def _unmixed(part: Localizations, settings: Mapping[str, Any]) -> Localizations:
    """The localizations of one file without crosstalk between its channels; the file decides the random choice."""
    from ainu.localizations.crosstalk import REASON, subtract_crosstalk  # imports scipy, which most runs do not need

    fractions = {
        source: {target: share for target, share in targets.items() if target in part.channels}
        for source, targets in settings["fractions"].items()
        if source in part.channels
    }
    if not any(fractions.values()):
        return part
    seed = int(part.meta["sha256"][:16], 16)
    table, record = subtract_crosstalk(part, fractions, settings["radius_nm"], seed)
    dropped = part.meta["dropped"] | {REASON: len(part) - len(table)}
    return replace(table, meta=part.meta | {"crosstalk": record, "dropped": dropped})
