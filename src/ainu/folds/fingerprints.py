"""Fingerprints of recordings: constellations of localizations, by which a recording is found again.

A localization and its neighbours in space and time form a figure. Its shape (lags in frames, distances in bins) stays
the same under an offset, a drift correction, rounded numbers or another order of rows, and where a table was filtered
or cropped some figures are left whole. Each becomes a number, and the fingerprint is the lowest of these: two tables of
one recording keep the same ones. Stars are recognised like this (Lang et al., Astronomical Journal 139, 1782, 2010),
and sounds (Wang, ISMIR 2003); keeping the lowest numbers is the sketch of Broder (SEQUENCES 1997).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.hdf5 import open_file
from ainu.localizations.table import Localizations
from ainu.shards import write_shard

Keys = NDArray[np.uint64]

KEYS = 1024
"""Length of a fingerprint."""
MOST_ANCHORS = 10_000
"""About how many localizations have their neighbours sought; always those of the same frames."""
SAMPLED_FRAMES = 64
"""Successive frames that are looked at or left together."""
NUMBERED_FRAMES = 8
"""Successive frames whose figures carry the same number: mostly the same one when frames are counted from 1, not 0."""
FRAME_NM = 25.0
"""What counts as far as one frame: neighbours are of the next frames where there are many, of later ones where few."""
SOUGHT = 12
"""Neighbours that are sought, of which some are the anchor's own emitter."""


@dataclass(frozen=True)
class _Figure:
    """Which neighbours form a figure.

    Attributes
    ----------
    least_nm : float
        Closer ones may be blinks of one emitter, which look alike in all recordings.
    bin_nm : float
        In which distances are counted.
    nearest, chosen : int
        Every choice of so many of the nearest neighbours is a figure.
    """

    least_nm: float
    bin_nm: float
    nearest: int
    chosen: int


IN_FRAMES = _Figure(least_nm=200.0, bin_nm=50.0, nearest=4, chosen=2)
WITHOUT_FRAMES = _Figure(least_nm=0.0, bin_nm=10.0, nearest=5, chosen=4)


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
    fingerprint : (k,) uint64
        As `fingerprint` gives it.
    """

    sample: str
    number: int
    sha256: str
    fingerprint: Keys


def fingerprint(table: Localizations) -> Keys:
    """The lowest numbers of the figures of a recording, in order.

    Parameters
    ----------
    table : Localizations
        Of one recording, (n,).

    Returns
    -------
    (k,) uint64
        At most `KEYS`; fewer for a recording of few localizations.
    """
    from scipy.spatial import cKDTree

    rows = _sampled(table)
    figure = WITHOUT_FRAMES if table.frame is None else IN_FRAMES
    if len(rows) <= figure.chosen:
        return np.zeros(0, np.uint64)
    place = np.column_stack([table.x[rows], table.y[rows]]).astype(np.float64)
    frame = np.zeros(len(rows), np.int64) if table.frame is None else table.frame[rows].astype(np.int64)
    tree = cKDTree(np.column_stack([place, frame * FRAME_NM]))
    near = tree.query(tree.data, k=min(SOUGHT + 1, len(rows)))[1]
    return np.unique(_figures(place, frame, near, figure))[:KEYS]


def _sampled(table: Localizations) -> NDArray[np.intp]:
    """Rows of the localizations that are looked at: all, or those of some frames, chosen in the same way everywhere."""
    if table.frame is None or len(table) <= MOST_ANCHORS:
        return np.arange(len(table))
    block, number = np.unique(table.frame // SAMPLED_FRAMES, return_inverse=True)
    order = np.argsort(_mixed(block.astype(np.uint64)), kind="stable")
    held = np.cumsum(np.bincount(number)[order])
    chosen = np.zeros(len(block), bool)
    chosen[order[: 1 + int(np.searchsorted(held, MOST_ANCHORS))]] = True
    return np.flatnonzero(chosen[number])


def _figures(place: NDArray[np.float64], frame: NDArray[np.int64], near: NDArray[np.intp], figure: _Figure) -> Keys:
    """The number of each figure of n localizations at (n, 2) places, nm, with (n, k) neighbours, the nearest first."""
    away = place[near] - place[:, None]
    fit = (near != np.arange(len(near))[:, None]) & (np.hypot(*away.transpose(2, 0, 1)) >= figure.least_nm)
    first = np.argsort(~fit, axis=1, kind="stable")[:, : figure.nearest]
    fit, away = np.take_along_axis(fit, first, 1), np.take_along_axis(away, first[..., None], 1)
    lag = np.take_along_axis(frame[near] - frame[:, None], first, 1)
    bins = np.floor(away / figure.bin_nm).astype(np.int64)
    number = _mixed(_mixed(_mixed(lag.view(np.uint64)) + bins[..., 0].view(np.uint64)) + bins[..., 1].view(np.uint64))
    block = _mixed((frame // NUMBERED_FRAMES).view(np.uint64))
    found = []
    for own in map(list, itertools.combinations(range(first.shape[1]), figure.chosen)):
        whole = fit[:, own].all(axis=1)
        for one, other in itertools.combinations(own, 2):
            apart = np.hypot(*(away[:, one] - away[:, other]).T)
            whole &= apart >= figure.least_nm
        found.append(_mixed(number[whole][:, own].sum(axis=1) + block[whole]))
    return np.concatenate(found or [np.zeros(0, np.uint64)])


def _mixed(values: Keys) -> Keys:
    """Numbers that look random, the same for the same (n,) values (splitmix64)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


# --- files ------------------------------------------------------------------------------------------------------------


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


def read_fingerprints(paths: Sequence[str | Path], samples: Sequence[str]) -> list[Recording]:
    """The fingerprints of some samples from the files of `fingerprint_shard`, in the order of the samples."""
    found: dict[str, list[Recording]] = {}
    for path in paths:
        with open_file(path) as file:
            for sample in file:
                found[sample] = [
                    Recording(sample, int(number), str(own.attrs["sha256"]), own[()])
                    for number, own in file[sample].items()
                ]
    return [recording for sample in samples for recording in found.get(sample, [])]
