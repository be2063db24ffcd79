"""Simulated two-colour STORM fields of nuclei whose truth is known.

A nucleus is an ellipse with round nucleoli. DNA sits in chromatin clutches outside the nucleoli, denser at the rim;
RNA polymerase II in clusters and single molecules. The conditions differ in where a share of the Pol II lies (inside
the nucleoli or not), at the same number of molecules. Emitters blink over neighbouring frames, each
localization is scattered by its photons, the field drifts, and false localizations are spread over it. Labelling
efficiency varies with the replicate and with the nucleus, so that counts say nothing about the condition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.formats.writers import write, writer_of
from ainu.localizations.table import Localizations
from ainu.shards import each
from ainu.simulation.conditions import CONDITIONS, Condition
from ainu.simulation.emitters import Emitters, emitters_of, joined
from ainu.simulation.microscope import CHANNELS, PIXEL_SIZE_NM, drift_of, observe
from ainu.simulation.shapes import Anatomy, place_bite, place_nuclei, place_nucleoli, place_region
from ainu.simulation.truth import Truth, write_truth


def simulate(
    condition: str | Condition, seed: int, *, replicate: str = "", name: str | None = None
) -> tuple[Localizations, Truth]:
    """Simulate one field of view.

    Parameters
    ----------
    condition : str or Condition
        A name in `CONDITIONS`, or settings of your own.
    seed : int
        The same seed gives the same field.
    replicate : str
        Fields of one replicate share their labelling efficiency.
    name : str, optional
        What the truth calls the condition.

    Returns
    -------
    localizations : Localizations
        Channels PolII and DNA, with frame, photons, background, precision and sigma, and z where the condition has a
        depth; in order of frames.
    truth : Truth

    Raises
    ------
    AinuError
        There is no condition of this name.
    """
    if isinstance(condition, str):
        if condition not in CONDITIONS:
            raise AinuError(f"no simulated condition {condition!r}; there are: {', '.join(CONDITIONS)}")
        name, condition = condition, CONDITIONS[condition]
    rng = np.random.default_rng([seed, crc32((name or "").encode())])
    batch = np.random.default_rng([seed // 2**32, crc32(replicate.encode())])
    labelling = np.exp(batch.normal(0, condition.labelling_sd, len(CHANNELS)))
    nuclei, side = place_nuclei(rng, condition)
    apart = rng.spawn(1)[0]
    anatomies = [
        Anatomy(
            nucleus,
            place_nucleoli(rng, condition, nucleus),
            place_region(apart, condition, nucleus),
            place_bite(apart, condition, nucleus),
        )
        for nucleus in nuclei
    ]
    drift = drift_of(rng, condition)
    emitters = [emitters_of(rng, condition, anatomy, labelling) for anatomy in anatomies]
    channels = [joined(parts) for parts in zip(*emitters, strict=True)]
    table, emitter = observe(rng, condition, [channel.position for channel in channels], drift, side)
    return table, _truth(name or "custom", anatomies, drift, joined(channels), emitter)


def _truth(
    name: str,
    anatomies: Sequence[Anatomy],
    drift: NDArray[np.float32],
    emitters: Emitters,
    emitter: NDArray[np.int32],
) -> Truth:
    real = emitter >= 0
    return Truth(
        condition=name,
        nuclei=tuple(anatomy.nucleus for anatomy in anatomies),
        nucleoli=tuple(anatomy.nucleoli for anatomy in anatomies),
        drift=drift,
        regions=tuple(anatomy.region for anatomy in anatomies),
        emitter=emitter,
        cluster=np.where(real, emitters.cluster[emitter], -1).astype(np.int32),
        altered=real & emitters.altered[emitter],
    )


def field_seed(seed: int, sample: str) -> int:
    """The seed of one field: the upper half is the seed of the run, by which the fields of a replicate share a part."""
    return seed * 2**32 + crc32(sample.encode())


def write_fields(
    rows: Sequence[Mapping[str, str]], known: Mapping[str, Condition], seed: int, truth: str | Path, threads: int = 1
) -> None:
    """Simulate rows of a sample sheet, and write their files and the truth.

    Parameters
    ----------
    rows : sequence of mapping
        With `sample`, `path` (whose ending gives the format), `label` (the condition), `replicate` and perhaps `place`,
        the number of the row among those of its label (by default as they come).
    known : mapping of str to Condition
        Conditions by name.
    seed : int
        Of the run.
    truth : path
        HDF5 file of the truth.
    threads : int
        Processes.

    Raises
    ------
    AinuError
        A label or an ending that cannot be simulated.
    """
    for row in rows:
        if row["label"] not in known:
            raise AinuError(
                f"sample {row['sample']}: label {row['label']!r} cannot be simulated; known: {', '.join(known)}"
            )
        writer_of(row["path"])
    own = _conditions_of(rows, known)
    truths = each(partial(_write_field, seed), list(zip(rows, own, strict=True)), threads, "simulate")
    write_truth(truth, dict(zip((row["sample"] for row in rows), truths, strict=True)))


def _conditions_of(rows: Sequence[Mapping[str, str]], known: Mapping[str, Condition]) -> list[Condition]:
    """The condition of each row; `sequential_share` of the places of a label are sequential, evenly spread."""
    found, seen = [], dict.fromkeys(known, 0)
    for row in rows:
        condition, before = known[row["label"]], int(row.get("place", seen[row["label"]]))
        seen[row["label"]] += 1
        due = int((before + 1) * condition.sequential_share) > int(before * condition.sequential_share)
        found.append(replace(condition, sequential=condition.sequential or due))
    return found


def _write_field(seed: int, item: tuple[Mapping[str, str], Condition]) -> Truth:
    row, condition = item
    own = field_seed(seed, row["sample"])
    table, truth = simulate(condition, own, replicate=row["replicate"], name=row["label"])
    write(table, row["path"], pixel_size_nm=PIXEL_SIZE_NM)
    return truth
