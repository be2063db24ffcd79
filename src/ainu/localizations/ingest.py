"""From the rows of the sample sheet to the canonical file of a shard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py

from ainu.errors import AinuError
from ainu.localizations.copies import copied_channels
from ainu.localizations.formats.read import read
from ainu.localizations.joining import merge
from ainu.localizations.settings import CrosstalkSettings, ReadingSettings, SheetRow
from ainu.localizations.table import Localizations
from ainu.shards import write_shard
from ainu.typed import typed


def ingest_shard(
    rows: Mapping[str, Sequence[Mapping[str, str]]],
    output: str | Path,
    settings: ReadingSettings,
    keep: Sequence[str] = (),
    threads: int = 1,
    *,
    filtered: Sequence[str] = (),
) -> None:
    """Read the files of a shard's samples into one canonical HDF5 file.

    A sample with a file that cannot be read is left out (`ainu.failures`), even if it is every sample: whether a run
    goes on without it (`ingest.on_bad_file`) is decided where datasets are assembled.

    Parameters
    ----------
    rows : mapping
        The sheet's rows of each sample, with the columns of `SheetRow`.
    output : path
        The shard's file.
    settings : ReadingSettings
        The config's `ingest`.
    keep : sequence of str
        Columns of the files to keep under their own names.
    threads : int
        Processes.
    filtered : sequence of str
        Columns to keep where a file has them, for the quality filters (`ainu.quality.spot_widths.filtered_columns`).
    """
    by_sample = {sample: [typed(SheetRow, row) for row in own] for sample, own in rows.items()}
    work = partial(_ingest_sample, by_sample, settings, tuple(keep), tuple(filtered))
    write_shard(output, list(rows), work, threads=threads, title="ingest", all_may_fail=True)


def _ingest_sample(
    rows: Mapping[str, Sequence[SheetRow]],
    settings: ReadingSettings,
    keep: tuple[str, ...],
    filtered: tuple[str, ...],
    sample: str,
    group: h5py.Group,
) -> None:
    parts = [_read(row, settings, keep, filtered) for row in rows[sample]]
    _refuse_copies(parts, rows[sample])
    if settings.crosstalk:
        parts = [_without_crosstalk(part, settings.crosstalk) for part in parts]
    table = merge(parts)
    del parts
    if settings.alignment and len(table.channels) > 1:
        from ainu.localizations.chromatic_alignment import align  # imports scipy, 1 s, which most runs do not need

        table, record = align(table, settings.alignment)
        table = replace(table, meta=table.meta | {"alignment": record})
    table.write(group)


def _read(row: SheetRow, settings: ReadingSettings, keep: Sequence[str], filtered: Sequence[str]) -> Localizations:
    """The file of one row of the sheet; the config's settings count where the row's cells are empty."""
    return read(
        row.path,
        row.format or None,
        pixel_size_nm=float(row.pixel_size_nm) if row.pixel_size_nm else settings.pixel_size_nm,
        channels=row.channels,
        columns=row.columns or (settings.columns if row.format == "table" else None),
        keep=keep,
        keep_present=filtered,
        use_corrected=settings.use_corrected,
    )


def _refuse_copies(parts: Sequence[Localizations], rows: Sequence[SheetRow]) -> None:
    """Stop where two channels of a sample hold the same localizations."""

    def told(channel: tuple[int, str]) -> str:
        index, name = channel
        return f"{name!r} (row of {rows[index].path}, channels {rows[index].channels!r})"

    found = [
        f"the channels {told(one)} and {told(other)} share {share:.0%} of their localizations"
        for one, other, share in copied_channels(parts)
    ]
    if found:
        raise AinuError(f"{'; '.join(found)}; allowed: a recording, or codes, of its own for each channel")


def _without_crosstalk(part: Localizations, settings: CrosstalkSettings) -> Localizations:
    """The localizations of one file without crosstalk between its channels; the file decides the random choice."""
    from ainu.localizations.crosstalk import REASON, subtract_crosstalk  # imports scipy, which most runs do not need

    fractions = {
        source: {target: share for target, share in targets.items() if target in part.channels}
        for source, targets in settings.fractions.items()
        if source in part.channels
    }
    if not any(fractions.values()):
        return part
    seed = int(part.meta["sha256"][:16], 16)
    table, record = subtract_crosstalk(part, replace(settings, fractions=fractions), seed)
    dropped = part.meta["dropped"] | {REASON: len(part) - len(table)}
    return replace(table, meta=part.meta | {"crosstalk": record, "dropped": dropped})
