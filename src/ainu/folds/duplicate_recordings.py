"""The same recording under two names: found before anything is trained, since it would be learned and then tested.

Three ways lead there: the same file twice, the same table saved anew (another format, an offset, a drift correction, a
filter, rounded numbers), and crops of one recording that overlap. The first is told by the digest of the file. The
other two share localizations of the same frames: how many localizations there are in each frame is as good as a
fingerprint, which survives all of these changes. Recordings with alike fingerprints are then held against each other,
localization by localization.
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
"""Of a fingerprint. Those of independent recordings correlate by chance with a spread of one over its root, 0.02."""
ALIKE = 0.12
"""Correlation from which on two recordings are held against each other: five spreads."""
BLOCK = 256
"""Fingerprints that are compared with all others at a time."""
MOST_PAIRS = 2000
"""Pairs that are held against each other, the most alike first; more come only from a rhythm that all share."""
SMOOTH = 65
"""Bins over which the slow course (bleaching) is taken away."""
OFFSET_NM = 100.0
MOST_ROWS = 40_000
LEAST_SHARE = 0.03
"""Share of the localizations of the smaller recording that have to lie in the other one."""
LEAST_WITHOUT_FRAMES = 0.2
"""The same where there are no frames to tell which localizations to compare."""
SAME_SHARE = 0.5
"""Share from which on two recordings are called the same, not overlapping."""


@dataclass(frozen=True)
class Leak:
    """Two samples that share localizations, and how."""

    one: str
    other: str
    how: str


@dataclass(frozen=True)
class Recording:
    """One acquisition of a sample: its number in the sample, the file's digest, and its (BINS,) fingerprint."""

    sample: str
    number: int
    sha256: str
    fingerprint: NDArray[np.float32]


# --- fingerprints -----------------------------------------------------------------------------------------------------


def fingerprint_shard(raw: str | Path, output: str | Path, samples: Sequence[str], threads: int = 1) -> None:
    """Write the fingerprint of every acquisition of a shard's samples."""
    write_shard(output, samples, partial(_fingerprint_sample, str(raw)), threads=threads, title="fingerprint")


def _fingerprint_sample(raw: str, sample: str, group: h5py.Group) -> None:
    table = Localizations.load(raw, sample)
    for number, part in acquisitions(table).items():
        own = group.create_dataset(str(number), data=fingerprint(part), track_times=False)
        own.attrs["sha256"] = digest_of(table, number)


def acquisitions(table: Localizations) -> dict[int, Localizations]:
    """The localizations of each acquisition of a sample."""
    number = np.asarray(table.meta.get("acquisition", [0] * len(table.channels)))[table.channel]
    return {int(k): table[number == k] for k in np.unique(number)}


def digest_of(table: Localizations, number: int) -> str:
    """SHA-256 of the file that an acquisition was read from; empty where it is not known."""
    files = table.meta.get("files") or [table.meta]
    return str(files[number].get("sha256", "")) if number < len(files) else ""


def fingerprint(table: Localizations) -> NDArray[np.float32]:
    """(BINS,) localizations in each frame (or, without frames, place), free of the slow course, of length 1.

    Frame t counts into bin t modulo BINS, so that long recordings have fingerprints of the same length.
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
    """(n,) bin of each localization by where it lies from the middle of all, in squares of a tenth of the spread."""
    centred = [axis - np.median(axis) for axis in (table.x, table.y)]
    edge = max(float(np.median(np.abs(np.concatenate(centred)))) / 10, 1e-3)
    x, y = (np.floor(axis / edge).astype(np.int64) for axis in centred)
    return (x * 73_856_093 ^ y * 19_349_663) % BINS


def read_fingerprints(paths: Sequence[str | Path], samples: Sequence[str]) -> list[Recording]:
    """Those of some samples, in their order."""
    found: dict[str, list[Recording]] = {}
    for path in paths:
        with open_file(path) as file:
            for sample in file:
                own = file[sample]
                found[sample] = [Recording(sample, int(k), str(own[k].attrs["sha256"]), own[k][()]) for k in own]
    return [recording for sample in samples for recording in found.get(sample, [])]


# --- pairs ------------------------------------------------------------------------------------------------------------


def candidates(recordings: Sequence[Recording]) -> list[tuple[int, int]]:
    """Pairs of recordings of different samples with alike fingerprints, the most alike first.

    Frames may be counted from 0 in one file and from 1 in the other. What all recordings share, a rhythm of the
    lasers, is taken away where there are enough of them to tell.
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
        alike = prints[own] @ later
        for shift in (-1, 1):
            np.maximum(alike, np.roll(prints[own], shift, axis=1) @ later, out=alike)
        rows, columns = np.nonzero(alike >= ALIKE)
        pairs = zip(rows, columns, alike[rows, columns], strict=True)
        found += [(float(value), own.start + int(i), own.start + int(j)) for i, j, value in pairs if i < j]
    found = [pair for pair in found if recordings[pair[1]].sample != recordings[pair[2]].sample]
    return [(i, j) for _, i, j in sorted(found, key=lambda pair: (-pair[0], pair[1], pair[2]))[:MOST_PAIRS]]


def shared(one: Localizations, other: Localizations) -> float:
    """Share of the smaller recording's localizations that lie in the other one, up to an offset and a drift.

    Localizations of the same frame are compared in pairs: offsets between the same emitters gather in one place, those
    of others spread over the field.
    """
    small, large = sorted((one, other), key=len)
    if not len(small) or (small.frame is None) != (large.frame is None):
        return 0.0
    if small.frame is None:
        return _shared_places(small, large)
    return max(_shared_frames(small, large, shift) for shift in (-1, 0, 1))


def _shared_frames(small: Localizations, large: Localizations, shift: int) -> float:
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
    return _gathered(large.x[theirs] - kept.x[mine], large.y[theirs] - kept.y[mine]) / max(len(kept), 1)


def _shared_places(small: Localizations, large: Localizations) -> float:
    """Without frames: how many lie on one of the other table when the middles are laid on each other; 0 for few.

    On it means closer than a twentieth of what parts neighbours, which is rare by chance even where both show the same
    shape, and survives rounding.
    """
    from scipy.spatial import cKDTree

    places = [table.positions[:, :2] - np.median(table.positions[:, :2], axis=0) for table in (small, large)]
    tree = cKDTree(places[1])
    apart = float(np.median(tree.query(places[1][:MOST_ROWS], k=2)[0][:, 1])) if len(large) > 1 else 0.0
    found = tree.query(places[0][:MOST_ROWS], distance_upper_bound=max(apart / 20, 1e-3))[0]
    share = float(np.isfinite(found).mean())
    return share if share >= LEAST_WITHOUT_FRAMES else 0.0


def _gathered(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Number of offsets in the three by three fullest squares of 100 nm, beyond what an even spread would put there."""
    if not len(x):
        return 0.0
    column, row = (np.floor((axis - axis.min()) / OFFSET_NM).astype(np.int64) for axis in (x, y))
    width, height = int(column.max()) + 3, int(row.max()) + 3
    counts = np.bincount((row + 1) * width + column + 1, minlength=width * height).reshape(height, width).astype(float)
    rows = counts[:-2] + counts[1:-1] + counts[2:]
    peaks = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    place = np.unravel_index(peaks.argmax(), peaks.shape)
    # Offsets of unrelated localizations are dense in the middle: what lies around the peak is what chance puts there.
    low, high = [max(0, k - 5) for k in place], [k + 6 for k in place]
    around = peaks[low[0] : high[0], low[1] : high[1]]
    chance = float(np.median(around))
    spread = np.sqrt(max(chance, 1.0))
    return float(peaks.max() - chance) if peaks.max() > chance + 8 * spread else 0.0


# --- the check --------------------------------------------------------------------------------------------------------


def find_leaks(recordings: Sequence[Recording], raw: Mapping[str, str | Path]) -> list[Leak]:
    """Samples that share a file or localizations; `raw` is the localization file of each sample."""
    leaks = {(leak.one, leak.other): leak for leak in _same_files(recordings)}
    for i, j in candidates(recordings) if len(recordings) > 1 else []:
        one, other = recordings[i], recordings[j]
        if (one.sample, other.sample) not in leaks:
            share = shared(*(_read(raw, recording) for recording in (one, other)))
            if share >= LEAST_SHARE:
                leaks[one.sample, other.sample] = Leak(one.sample, other.sample, _how(share))
    return list(leaks.values())


def _read(raw: Mapping[str, str | Path], recording: Recording) -> Localizations:
    return acquisitions(Localizations.load(raw[recording.sample], recording.sample))[recording.number]


def _how(share: float) -> str:
    percent = f"{min(100 * share, 100):.0f} % of the localizations of one lie in the other"
    if share >= SAME_SHARE:
        return f"the same recording, saved anew ({percent})"
    return f"overlapping regions of one recording ({percent})"


def _same_files(recordings: Sequence[Recording]) -> Iterator[Leak]:
    by_digest: dict[str, list[str]] = {}
    for recording in recordings:
        if recording.sha256:
            by_digest.setdefault(recording.sha256, []).append(recording.sample)
    for samples in by_digest.values():
        for one, other in itertools.combinations(dict.fromkeys(samples), 2):
            yield Leak(one, other, "files of the same content (SHA-256)")


def refuse_leaks(
    rows: Sequence[Mapping[str, str]], fingerprints: Sequence[str | Path], raw: Mapping[str, str | Path]
) -> dict[str, Any]:
    """Stop where samples that can end up on both sides of a split share localizations.

    Parameters
    ----------
    rows : sequence of mapping
        `sample`, `replicate`, `label` and `role` of the experiment's samples, the hold-out among them.
    fingerprints : sequence of path
        As `fingerprint_shard` writes them.
    raw : mapping
        Localization file of each sample.

    Returns
    -------
    dict
        What was compared, and the pairs that share localizations within one replicate: no leak, but fewer nuclei than
        it seems.

    Raises
    ------
    AinuError
        Names every pair of samples of different replicates, labels or roles, and what they share.
    """
    known = {row["sample"]: row for row in rows}
    recordings = read_fingerprints(fingerprints, list(known))
    leaks = find_leaks(recordings, raw)
    crossing = [leak for leak in leaks if _place(known[leak.one]) != _place(known[leak.other])]
    if crossing:
        lines = [
            f"{leak.one} ({_words(known[leak.one])}) and {leak.other} ({_words(known[leak.other])}): {leak.how}"
            for leak in crossing
        ]
        raise AinuError(
            "samples that could be trained on and tested on share localizations; list each recording once, or give all "
            "samples of a recording one replicate, label and role\n  " + "\n  ".join(lines)
        )
    within = [{"samples": [leak.one, leak.other], "how": leak.how} for leak in leaks]
    pairs = len(recordings) * (len(recordings) - 1) // 2
    return {"recordings": len(recordings), "pairs": pairs, "within_a_replicate": within}


def _place(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[key] for key in ("replicate", "label", "role"))


def _words(row: Mapping[str, str]) -> str:
    return f"replicate {row['replicate']!r}, label {row['label']!r}, role {row['role']}"


def check_and_write(
    rows: Sequence[Mapping[str, str]],
    fingerprints: Sequence[str | Path],
    raw: Mapping[str, str | Path],
    output: str | Path,
) -> None:
    """`refuse_leaks`, and write down what was compared."""
    write_json(output, refuse_leaks(rows, fingerprints, raw))
