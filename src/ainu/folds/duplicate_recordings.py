"""One recording in two samples: found before anything is trained, since it could be trained on and then tested on.

It happens in three ways: the same file twice, the same table saved again (in another format, with an offset, a drift
correction, a filter, rounded numbers), and overlapping crops of one recording. The first is recognised by the digest of
the file. In the other two the samples share localizations of the same frames: the number of localizations in each frame
is a fingerprint that survives all of these changes. Recordings with similar fingerprints are then compared localization
by localization.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.files import write_json
from ainu.hdf5 import open_file
from ainu.localizations.table import Localizations
from ainu.shards import write_shard

BINS = 2048
"""Length of a fingerprint. Independent recordings correlate by chance, with a standard deviation of 1/√2048, 0.02."""
SIMILAR = 0.12
"""Correlation from which on two recordings are compared localization by localization: five SD."""
BLOCK = 256
"""Fingerprints that are compared with all others at a time."""
MOST_PAIRS = 2000
"""Pairs that are compared, the most similar first; more only come from a rhythm that all recordings share."""
SMOOTH = 65
"""Bins of the running mean that removes the slow course (bleaching)."""
OFFSET_NM = 100.0
"""Edge of the bins in which offsets between localizations are counted."""
MOST_ROWS = 40_000
"""Localizations of the smaller recording that are compared."""
LEAST_SHARE = 0.03
"""Share of the smaller recording's localizations that have to be in the other one."""
LEAST_WITHOUT_FRAMES = 0.2
"""The same without frames, where positions alone are compared."""
SAME_SHARE = 0.5
"""Share from which on two recordings are called the same and not overlapping."""


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


@dataclass(frozen=True)
class Recording:
    """One acquisition of a sample.

    Attributes
    ----------
    sample : str
        The sample.
    number : int
        Of the acquisition in the sample.
    sha256 : str
        Digest of its file; empty where unknown.
    fingerprint : (BINS,) float32
        As `fingerprint` gives it.
    """

    sample: str
    number: int
    sha256: str
    fingerprint: NDArray[np.float32]


# --- fingerprints -----------------------------------------------------------------------------------------------------


def fingerprint_shard(raw: str | Path, output: str | Path, samples: Sequence[str], threads: int = 1) -> None:
    """Write the fingerprint of every acquisition of a shard's samples.

    Parameters
    ----------
    raw : path
        The shard's localizations.
    output : path
        HDF5 with a group per sample and a fingerprint per acquisition.
    samples : sequence of str
        Groups of the file, in this order.
    threads : int
        Processes.
    """
    write_shard(output, samples, partial(_fingerprint_sample, str(raw)), threads=threads, title="fingerprint")


def _fingerprint_sample(raw: str, sample: str, group: h5py.Group) -> None:
    table = Localizations.load(raw, sample)
    for number, part in acquisitions(table).items():
        own = group.create_dataset(str(number), data=fingerprint(part), track_times=False)
        own.attrs["sha256"] = _digest_of(table, number)


def acquisitions(table: Localizations) -> dict[int, Localizations]:
    """The localizations of each acquisition of a sample."""
    number = np.asarray(table.meta.get("acquisition", [0] * len(table.channels)))[table.channel]
    return {int(k): table[number == k] for k in np.unique(number)}


def _digest_of(table: Localizations, number: int) -> str:
    """SHA-256 of the file that an acquisition was read from; empty where unknown."""
    files = table.meta.get("files") or [table.meta]
    return str(files[number].get("sha256", "")) if number < len(files) else ""


def fingerprint(table: Localizations) -> NDArray[np.float32]:
    """Localizations per frame (without frames, per place) less their slow course, scaled to length 1.

    Frame t counts into bin t modulo `BINS`, so that long recordings have fingerprints of the same length.

    Parameters
    ----------
    table : Localizations
        Of one recording, (n,).

    Returns
    -------
    (BINS,) float32
    """
    if not len(table):
        return np.zeros(BINS, np.float32)
    counts = np.bincount(_places(table) if table.frame is None else table.frame % BINS, minlength=BINS).astype(float)
    n = min(BINS, table.n_frames) if table.frame is not None else BINS
    course = np.convolve(
        np.pad(counts[:n], SMOOTH // 2, mode="reflect" if n > SMOOTH else "edge"), np.ones(SMOOTH) / SMOOTH, "valid"
    )
    left = counts.copy()
    left[:n] -= course[:n]
    length = np.linalg.norm(left)
    return (left / length if length > 0 else left).astype(np.float32)


def _places(table: Localizations) -> NDArray[np.int64]:
    """(n,) bin of each localization, from its position relative to the median in squares of a tenth of the spread."""
    centred = [axis - np.median(axis) for axis in (table.x, table.y)]
    edge = max(float(np.median(np.abs(np.concatenate(centred)))) / 10, 1e-3)
    x, y = (np.floor(axis / edge).astype(np.int64) for axis in centred)
    return (x * 73_856_093 ^ y * 19_349_663) % BINS


def read_fingerprints(paths: Sequence[str | Path], samples: Sequence[str]) -> list[Recording]:
    """The fingerprints of some samples from the files of `fingerprint_shard`, in the order of the samples."""
    found: dict[str, list[Recording]] = {}
    for path in paths:
        with open_file(path) as file:
            for sample in file:
                own = file[sample]
                found[sample] = [Recording(sample, int(k), str(own[k].attrs["sha256"]), own[k][()]) for k in own]
    return [recording for sample in samples for recording in found.get(sample, [])]


# --- pairs ------------------------------------------------------------------------------------------------------------


def similar_pairs(recordings: Sequence[Recording]) -> list[tuple[int, int]]:
    """Pairs of recordings of different samples with similar fingerprints, the most similar first.

    Frames may be counted from 0 in one file and from 1 in the other. What all recordings share, such as a rhythm of the
    lasers, is subtracted where there are enough of them (20) to estimate it.

    Parameters
    ----------
    recordings : sequence of Recording
        Of all samples.

    Returns
    -------
    list of (int, int)
        Indices of the recordings.
    """
    prints: NDArray[Any] = np.stack([recording.fingerprint for recording in recordings])
    blocks = [slice(start, start + BLOCK) for start in range(0, len(prints), BLOCK)]
    if len(prints) >= 20:
        middle = prints.mean(axis=0)
        for own in blocks:
            block = prints[own]
            block -= np.outer(block @ middle, middle) / max(float(middle @ middle), 1e-12)
            block /= np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
    found = []
    for own in blocks:
        later = prints[own.start :].T
        similarity = prints[own] @ later
        for shift in (-1, 1):
            np.maximum(similarity, np.roll(prints[own], shift, axis=1) @ later, out=similarity)
        rows, columns = np.nonzero(similarity >= SIMILAR)
        pairs = zip(rows, columns, similarity[rows, columns], strict=True)
        found += [(float(value), own.start + int(i), own.start + int(j)) for i, j, value in pairs if i < j]
    found = [pair for pair in found if recordings[pair[1]].sample != recordings[pair[2]].sample]
    return [(i, j) for _, i, j in sorted(found, key=lambda pair: (-pair[0], pair[1], pair[2]))[:MOST_PAIRS]]


def shared_fraction(one: Localizations, other: Localizations) -> float:
    """Share of the smaller recording's localizations that are in the other one, whatever their offset and drift.

    Localizations of the same frame are compared in pairs: offsets between the same emitters pile up in one place, those
    between different ones spread over the field.

    Parameters
    ----------
    one, other : Localizations
        Two recordings, (n,) and (m,).

    Returns
    -------
    float
        From 0 to about 1.
    """
    small, large = sorted((one, other), key=len)
    if not len(small) or (small.frame is None) != (large.frame is None):
        return 0.0
    if small.frame is None:
        return _shared_by_place(small, large)
    return max(_shared_by_frame(small, large, shift) for shift in (-1, 0, 1))


def _shared_by_frame(small: Localizations, large: Localizations, shift: int) -> float:
    assert small.frame is not None
    assert large.frame is not None
    kept = small[:MOST_ROWS]
    frame = kept.frame.astype(np.int64) + shift  # type: ignore[union-attr]
    order = np.argsort(large.frame, kind="stable")
    ordered = large.frame[order].astype(np.int64)
    first, last = np.searchsorted(ordered, frame), np.searchsorted(ordered, frame, "right")
    number = last - first
    mine = np.repeat(np.arange(len(frame)), number)
    theirs = order[np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number) + np.repeat(first, number)]
    return _common_offsets(large.x[theirs] - kept.x[mine], large.y[theirs] - kept.y[mine]) / max(len(kept), 1)


def _shared_by_place(small: Localizations, large: Localizations) -> float:
    """Without frames: the share that coincides with one of the other table once medians are aligned; 0 if few do."""
    # Coinciding is closer than a twentieth of the distance of neighbours: rare by chance, even for one and the same
    # shape, and it survives rounding.
    from scipy.spatial import cKDTree

    places = [table.positions[:, :2] - np.median(table.positions[:, :2], axis=0) for table in (small, large)]
    tree = cKDTree(places[1])
    apart = float(np.median(tree.query(places[1][:MOST_ROWS], k=2)[0][:, 1])) if len(large) > 1 else 0.0
    found = tree.query(places[0][:MOST_ROWS], distance_upper_bound=max(apart / 20, 1e-3))[0]
    share = float(np.isfinite(found).mean())
    return share if share >= LEAST_WITHOUT_FRAMES else 0.0


def _common_offsets(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Number of offsets in the fullest 3 x 3 squares of 100 nm, beyond what is expected there by chance."""
    if not len(x):
        return 0.0
    column, row = (np.floor((axis - axis.min()) / OFFSET_NM).astype(np.int64) for axis in (x, y))
    width, height = int(column.max()) + 3, int(row.max()) + 3
    counts = np.bincount((row + 1) * width + column + 1, minlength=width * height).reshape(height, width).astype(float)
    rows = counts[:-2] + counts[1:-1] + counts[2:]
    peaks = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    place = np.unravel_index(peaks.argmax(), peaks.shape)
    # Offsets of unrelated localizations are densest in the middle: the surroundings of the peak are what chance gives.
    low, high = [max(0, k - 5) for k in place], [k + 6 for k in place]
    around = peaks[low[0] : high[0], low[1] : high[1]]
    chance = float(np.median(around))
    spread = np.sqrt(max(chance, 1.0))
    return float(peaks.max() - chance) if peaks.max() > chance + 8 * spread else 0.0


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
        if (one.sample, other.sample) not in duplicates:
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
        for one, other in itertools.combinations(dict.fromkeys(samples), 2):
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
