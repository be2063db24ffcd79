"""One recording in two samples: found before anything is trained, since it could be trained on and then tested on.

It happens in three ways: the same file twice, the same table saved again (in another format, with an offset, a drift
correction, a filter, rounded numbers), and overlapping crops of one recording. The first is recognised by the digest of
the file. In the other two the samples share localizations of the same frames, and so the figures that these form with
their neighbours (`ainu.folds.fingerprints`). Recordings that share figures are then compared localization by
localization.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.files import write_json
from ainu.folds.fingerprints import Recording, acquisitions, read_fingerprints
from ainu.localizations.copies import SAME_SHARE, shared_fraction
from ainu.localizations.table import Localizations

LEAST_SHARED = 3
"""Figures that two fingerprints share, from which on recordings are compared localization by localization. Unrelated
ones share 0.002 on average, those of 200,000 localizations 0.07."""
MOST_LINKED = 16
"""Each recording with a figure is paired with so many of the next ones that have it; more only share an artefact."""
MOST_PAIRS = 2000
"""Pairs that are compared, the most similar first."""
AT_ONCE = 1 << 22
"""Figures that are looked at at a time, to save memory."""
LEAST_SHARE = 0.03
"""Share of the smaller recording's localizations that have to be in the other one."""


@dataclass(frozen=True)
class Duplicate:
    """Two samples that share localizations.

    Attributes
    ----------
    one, other : str
        Their names.
    how : str
        What they share, in words.
    """

    one: str
    other: str
    how: str


# --- pairs ------------------------------------------------------------------------------------------------------------


def similar_pairs(recordings: Sequence[Recording]) -> list[tuple[int, int]]:
    """Pairs of recordings of different samples whose fingerprints share figures, the most similar first.

    Sorting brings equal figures together, so that the work grows as the number of recordings times its logarithm.

    Parameters
    ----------
    recordings : sequence of Recording
        Of all samples.

    Returns
    -------
    list of (int, int)
        Indices of the recordings.
    """
    width = (len(recordings) - 1).bit_length()
    pairs = _linked(_sorted_figures(recordings, width), width)
    pairs.sort()
    # Equal numbers that follow each other; what few share is dropped before any is counted.
    often = np.unique(pairs[LEAST_SHARED - 1 :][pairs[LEAST_SHARED - 1 :] == pairs[: 1 - LEAST_SHARED]])
    shared = np.searchsorted(pairs, often, "right") - np.searchsorted(pairs, often)
    one, other = (often >> np.uint64(width)).astype(np.intp), (often & np.uint64(2**width - 1)).astype(np.intp)
    apart = [recordings[i].sample != recordings[j].sample for i, j in zip(one, other, strict=True)]
    order = np.lexsort((other, one, -shared))
    return [(int(one[k]), int(other[k])) for k in order[np.array(apart, bool)[order]][:MOST_PAIRS]]


def _sorted_figures(recordings: Sequence[Recording], width: int) -> NDArray[np.uint64]:
    """Figures of all (n,), each with its owner in its last bits: sorted in place, twice as fast as sorting rows."""
    both = np.concatenate([recording.fingerprint for recording in recordings])
    both <<= np.uint64(width)
    both |= np.repeat(
        np.arange(len(recordings), dtype=np.uint64), [len(recording.fingerprint) for recording in recordings]
    )
    both.sort()
    return both


def _linked(both: NDArray[np.uint64], width: int) -> NDArray[np.uint64]:
    """Owners (p,) that share a figure, first << width | second, from the sorted (n,) figures << width | owner."""
    found = [np.zeros(0, np.uint64)]
    for start in range(0, len(both), AT_ONCE):
        part = both[start : start + AT_ONCE + MOST_LINKED]
        figure, owner = part >> np.uint64(width), part & np.uint64(2**width - 1)
        for step in range(1, min(MOST_LINKED + 1, len(part))):
            same = np.flatnonzero(figure[step:][:AT_ONCE] == figure[:-step][:AT_ONCE])
            if not len(same):
                break
            found.append((owner[same] << np.uint64(width)) | owner[same + step])
    return np.concatenate(found)


# --- the check --------------------------------------------------------------------------------------------------------


def find_duplicates(recordings: Sequence[Recording], raw: Mapping[str, str | Path]) -> list[Duplicate]:
    """Samples that share a file or localizations.

    Parameters
    ----------
    recordings : sequence of Recording
        All acquisitions of the samples.
    raw : mapping
        Localization file of each sample.

    Returns
    -------
    list of Duplicate
    """
    duplicates = {(pair.one, pair.other): pair for pair in _same_files(recordings)}
    for i, j in similar_pairs(recordings) if len(recordings) > 1 else []:
        one, other = recordings[i], recordings[j]
        if (one.sample, other.sample) not in duplicates and not (one.sha256 and one.sha256 == other.sha256):
            share = shared_fraction(*(_read(raw, recording) for recording in (one, other)))
            if share >= LEAST_SHARE:
                duplicates[one.sample, other.sample] = Duplicate(one.sample, other.sample, _how(share))
    return list(duplicates.values())


def _read(raw: Mapping[str, str | Path], recording: Recording) -> Localizations:
    return acquisitions(Localizations.load(raw[recording.sample], recording.sample))[recording.number]


def _how(share: float) -> str:
    percent = f"{min(100 * share, 100):.0f} % of the localizations of one are in the other"
    if share >= SAME_SHARE:
        return f"the same recording, saved again ({percent})"
    return f"overlapping regions of one recording ({percent})"


def _same_files(recordings: Sequence[Recording]) -> Iterator[Duplicate]:
    by_digest: dict[str, list[str]] = {}
    for recording in recordings:
        if recording.sha256:
            by_digest.setdefault(recording.sha256, []).append(recording.sample)
    for samples in by_digest.values():
        # Of many copies each with the next: where any two may not be together, neither may some of these.
        for one, other in itertools.pairwise(dict.fromkeys(samples)):
            yield Duplicate(one, other, "identical files (SHA-256)")


def refuse_duplicates(
    rows: Sequence[Mapping[str, str]], fingerprints: Sequence[str | Path], raw: Mapping[str, str | Path]
) -> dict[str, Any]:
    """Stop where samples that could be trained on and tested on share localizations.

    Parameters
    ----------
    rows : sequence of mapping
        `sample`, `replicate`, `label` and `role` of the experiment's samples, the held-out test set included.
    fingerprints : sequence of path
        As `fingerprint_shard` writes them.
    raw : mapping
        Localization file of each sample.

    Returns
    -------
    dict
        `recordings` and `pairs`, how many were compared, and `within_a_replicate`, the pairs within one replicate that
        share localizations: no leakage, but fewer nuclei than counted.

    Raises
    ------
    AinuError
        Samples of different replicates, labels or roles share localizations: names each pair and what they share.
    """
    known = {row["sample"]: row for row in rows}
    recordings = read_fingerprints(fingerprints, list(known))
    duplicates = find_duplicates(recordings, raw)
    crossing = [pair for pair in duplicates if _group(known[pair.one]) != _group(known[pair.other])]
    if crossing:
        lines = [
            f"{pair.one} ({_words(known[pair.one])}) and {pair.other} ({_words(known[pair.other])}): {pair.how}"
            for pair in crossing
        ]
        raise AinuError(
            "samples that could be trained on and tested on share localizations; list each recording once, or give all "
            "samples of a recording one replicate, label and role\n  " + "\n  ".join(lines)
        )
    within = [{"samples": [pair.one, pair.other], "how": pair.how} for pair in duplicates]
    pairs = len(recordings) * (len(recordings) - 1) // 2
    return {"recordings": len(recordings), "pairs": pairs, "within_a_replicate": within}


def _group(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[key] for key in ("replicate", "label", "role"))


def _words(row: Mapping[str, str]) -> str:
    return f"replicate {row['replicate']!r}, label {row['label']!r}, role {row['role']}"


def check_recordings(
    rows: Sequence[Mapping[str, str]],
    fingerprints: Sequence[str | Path],
    raw: Mapping[str, str | Path],
    output: str | Path,
) -> None:
    """Write the result of `refuse_duplicates` as JSON, or stop as it does.

    Parameters
    ----------
    rows : sequence of mapping
        `sample`, `replicate`, `label` and `role` of the experiment's samples.
    fingerprints : sequence of path
        As `fingerprint_shard` writes them.
    raw : mapping of str to path
        Localization file of each sample.
    output : path
        The JSON file.
    """
    write_json(output, refuse_duplicates(rows, fingerprints, raw))
