"""Quality control: one row of numbers and one page of pictures per sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.drift.correction import read_drift
from ainu.failures import SampleFailure
from ainu.figures.saving import save
from ainu.files import write_table
from ainu.localizations.table import Localizations, load
from ainu.nuclei.table import read_nuclei
from ainu.quality.filters import read_quality
from ainu.quality.frc import ring_correlation
from ainu.quality.nena import repeated_localization
from ainu.quality.page import qc_page
from ainu.quality.warnings import Sample, flags, worst_residual
from ainu.shards import each_sample, guarded

Row = dict[str, str | int | float | None]


def measure_sample(inputs: Mapping[str, str], name: str) -> Sample:
    """Read the results of the stages for a sample, and measure its precision and resolution.

    Precision is measured before blinks are merged, since it needs emitters in several frames; resolution after.

    Parameters
    ----------
    inputs : mapping of str to path
        The shard's files `raw`, `drift`, `quality`, `nuclei`.
    name : str
        Of the sample.

    Returns
    -------
    Sample
    """
    table = load(inputs["raw"], name, drift=inputs["drift"])
    quality = read_quality(inputs["quality"], name)
    blinking, kept = table[quality.of("kept", "merged")], quality.apply(table)
    return Sample(
        table,
        read_drift(inputs["drift"], name),
        quality,
        read_nuclei(inputs["nuclei"], name),
        {channel: repeated_localization(blinking.of_channel(channel)) for channel in table.channels},
        {channel: ring_correlation(kept.of_channel(channel)) for channel in table.channels},
    )


def summary_row(sample: Sample) -> Row:
    """Row of `qc/summary.tsv`: flags, counts in and out per reason, drift, precision, resolution, nuclei."""
    table, kept, quality = sample.table, sample.kept, sample.quality
    return {
        "flags": "; ".join(flags(sample)),
        **_ingested(table),
        "localizations": len(table),
        "kept": len(kept),
        **{f"dropped_{name}": number for name, number in quality.counts.items() if name != "kept"},
        **{f"kept_{name}": int(n) for name, n in zip(table.channels, _per_channel(kept), strict=True)},
        "not_applied": ", ".join(quality.not_applied),
        "frames": table.n_frames,
        **_drift(sample),
        "photons_median": _median(kept.photons),
        "precision_nm_median": _median(kept.precision),
        **{f"nena_nm_{name}": found.sigma_nm for name, found in sample.precision.items()},
        **{f"frc_nm_{name}": found.frc_nm for name, found in sample.resolution.items()},
        "nuclei": len(sample.nuclei.table),
        "localizations_in_nuclei": int(np.count_nonzero(sample.nuclei.label[quality.keep])),
        "skipped": "",
    }


def _ingested(table: Localizations) -> Row:
    """Rows of the files, how many of them ingest could not use, and what their readers note."""
    sources = table.meta.get("files", [table.meta])
    dropped = sum(sum(source.get("dropped", {}).values()) for source in sources)
    notes = dict.fromkeys(note for source in sources for note in source.get("notes", ()))
    return {"rows": len(table) + dropped, "dropped_ingest": dropped, "file_notes": "; ".join(notes)}


def _per_channel(table: Localizations) -> NDArray[np.int64]:
    return np.bincount(table.channel, minlength=len(table.channels))


def _drift(sample: Sample) -> Row:
    ranges = [float(np.ptp(drift.shift, axis=0).max()) for drift in sample.drifts if len(drift.shift)]
    return {
        "drift_nm": max(ranges, default=None),
        "drift_residual_nm": worst_residual(sample.drifts),
        "drift_residual_z_nm": worst_residual(sample.drifts, "_z"),
        "drift_verdict": _notes(sample, "verdict"),
        "drift_verdict_z": _notes(sample, "verdict_z"),
        "drift_warning": "; ".join(filter(None, (_notes(sample, "warning"), _notes(sample, "warning_z")))),
    }


def _notes(sample: Sample, note: str) -> str:
    """A note of the drifts of all acquisitions, each value once."""
    return "; ".join(dict.fromkeys(str(drift.notes[note]) for drift in sample.drifts if drift.notes.get(note)))


def _median(values: NDArray[Any] | None) -> float | None:
    known = np.zeros(0) if values is None else values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def qc_shard(inputs: Mapping[str, str], folder: str | Path, samples: Sequence[str], threads: int = 1) -> None:
    """Write `summary.tsv` and a page per sample into the shard's folder.

    A sample that failed, here or in an earlier stage, has a row with the reason, and no page.

    Parameters
    ----------
    inputs : mapping of str to path
        As for `measure_sample`.
    folder : path
        `results/qc/{shard}`.
    samples : sequence of str
        Names.
    threads : int
        Processes.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    work = partial(guarded, partial(_qc_sample, dict(inputs), Path(folder)), "qc")
    found = each_sample(work, list(samples), threads, "qc")
    write_table(Path(folder) / "summary.tsv", _summary([_row(name, row) for name, row in found.items()]))


def _row(name: str, found: Row | SampleFailure) -> Row:
    if isinstance(found, SampleFailure):
        return {"sample": name, "flags": f"skipped ({found})", "skipped": str(found)}
    return found


def _summary(rows: Sequence[Row]) -> pd.DataFrame:
    """One table, `skipped` last; whole numbers stay so where other rows have none."""
    table = pd.DataFrame(rows)
    whole = [name for name in table if all(isinstance(row.get(str(name), 0), int) for row in rows)]
    columns = [*table.columns.drop("skipped"), "skipped"]
    return table.astype(dict.fromkeys(whole, "Int64"))[columns]


def _qc_sample(inputs: dict[str, str], folder: Path, name: str) -> Row:
    sample = measure_sample(inputs, name)
    row: Row = {"sample": name, **summary_row(sample)}
    save(qc_page(sample, row), folder / f"{name}.png", dpi=90)
    return row
