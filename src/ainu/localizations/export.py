"""Cleaned tables for other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ainu.failures import SampleFailure
from ainu.localizations.formats.writers import WRITERS, write
from ainu.localizations.table import Localizations, load
from ainu.shards import each

PIXEL_SIZE_NM = 100.0
"""Pixel of exported files whose format is in pixels, when no other is known."""


def export_shard(
    inputs: Mapping[str, str],
    folder: str | Path,
    samples: Sequence[str],
    format: str,
    pixel_size_nm: float | None = None,
    threads: int = 1,
) -> None:
    """Write the corrected, kept localizations inside nuclei of a shard's samples, one file each.

    Parameters
    ----------
    inputs : mapping
        The shard's `raw`, `drift`, `quality` and `nuclei` files.
    folder : path
        One file `{sample}.hdf5` or `{sample}.csv` each; none for a sample that failed before.
    samples : sequence of str
        Those of the shard.
    format : str
        "picasso" or "thunderstorm".
    pixel_size_nm : float, optional
        Camera pixel of a Picasso file; that of the source, or 100 nm, when None.
    threads : int
        Processes.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    each(partial(_export, dict(inputs), Path(folder), format, pixel_size_nm), list(samples), threads, "export")


def cleaned(inputs: Mapping[str, str], sample: str) -> Localizations:
    """The corrected, kept localizations of a sample that lie inside nuclei."""
    table = load(inputs["raw"], sample, drift=inputs["drift"], quality=inputs["quality"], nuclei=inputs["nuclei"])
    assert table.nucleus is not None
    return table[table.nucleus > 0]


def _export(inputs: dict[str, str], folder: Path, format: str, pixel_size_nm: float | None, sample: str) -> None:
    try:
        table = cleaned(inputs, sample)
    except SampleFailure:
        return
    export_table(table, folder, sample, format, pixel_size_nm)


def export_table(
    table: Localizations,
    folder: Path,
    sample: str,
    format: str,
    pixel_size_nm: float | None = None,
    keep: Sequence[str] = (),
) -> None:
    """Write a table as `{sample}{ending}` of another program.

    Parameters
    ----------
    table : Localizations
        Of one sample.
    folder : Path
        It is there already.
    sample : str
        Name of the sample.
    format : str
        A name in `ainu.localizations.formats.writers.WRITERS`.
    pixel_size_nm : float, optional
        Camera pixel where the format is in pixels; that of the source, or 100 nm, when None.
    keep : sequence of str
        Extra columns to write.
    """
    writer = WRITERS[format]
    pixel = pixel_size_nm or table.meta.get("pixel_size_nm") or PIXEL_SIZE_NM
    own = _from_zero(table) if writer.in_pixels else table
    write(own, folder / f"{sample}{writer.ending}", pixel_size_nm=pixel, keep=keep)


def _from_zero(table: Localizations) -> Localizations:
    """The table moved so that no position is negative: a field in pixels starts at 0."""
    low = [min(0.0, float(table.absolute(axis).min(initial=0))) for axis in "xy"]
    if any(table.offset_nm):
        return replace(table, offset_nm=(table.offset_nm[0] - low[0], table.offset_nm[1] - low[1], table.offset_nm[2]))
    return replace(table, x=table.x - np.float32(low[0]), y=table.y - np.float32(low[1]))
