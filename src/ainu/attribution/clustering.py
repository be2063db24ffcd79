"""Whether the localizations with the highest attribution cluster: pairs of them against random ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.attribution.settings import AttributionSettings
from ainu.evaluation.bootstrap import interval
from ainu.failures import failure_of
from ainu.hdf5 import open_file
from ainu.localizations.table import Localizations

DRAWS = 99
"""Random selections of localizations of a nucleus."""
MOST = 1000
"""Localizations of a nucleus whose pairs are counted; more are thinned to this."""
BOOTSTRAPS = 999


def top(values: NDArray[np.float32], share: float) -> NDArray[np.intp]:
    """(m,) rows of the share of highest of (n,) values, at least two."""
    n = max(2, round(share * len(values)))
    return np.argsort(-values, kind="stable")[:n]


def pairs(position: NDArray[np.float32], near_nm: float, far_nm: float) -> float:
    """Pairs of localizations at a distance above `near_nm` and up to `far_nm`, per localization.

    Parameters
    ----------
    position : (n, 2 or 3) float32
        x, y and z, nm.
    near_nm, far_nm : float
        Limits of the distance, nm.

    Returns
    -------
    float
        Each pair counts for both of its localizations.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(position)
    near, far = tree.count_neighbors(tree, [near_nm, far_nm])
    return float(far - near) / len(position)


def matched(channel: NDArray[np.integer], chosen: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Random localizations, of each channel as many as there are among the chosen ones.

    Parameters
    ----------
    channel : (n,) int
        Channel of every localization.
    chosen : (m,) int
        Rows of the chosen localizations.
    rng : Generator
        Draws the rows, without replacement.

    Returns
    -------
    (m,) int
        Rows, by channel.
    """
    parts = []
    for code in np.unique(channel[chosen]):
        rows = np.flatnonzero(channel == code)
        parts.append(rng.choice(rows, np.count_nonzero(channel[chosen] == code), replace=False))
    return np.concatenate(parts)


def _of_nucleus(
    table: Localizations, share: float, near_nm: float, far_nm: float, rng: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    """Pairs among the top localizations of a nucleus, and (DRAWS,) among matched random ones."""
    chosen = top(table.extra["attribution"], share)
    if len(chosen) > MOST:
        chosen = np.sort(rng.choice(chosen, MOST, replace=False))
    position = table.positions
    random = [pairs(position[matched(table.channel, chosen, rng)], near_nm, far_nm) for _ in range(DRAWS)]
    return pairs(position[chosen], near_nm, far_nm), np.array(random)


def measure_clustering(
    shards: Sequence[str | Path],
    samples: Sequence[Mapping[str, str]],
    settings: AttributionSettings,
    voxel_nm: float,
    seed: int,
) -> dict[str, Any]:
    """How much more clustered the top localizations of nuclei are than random ones.

    Counted are pairs farther apart than two voxels: localizations of one voxel, or of one molecule, share their
    attribution, and would be found together whatever the network relies on. Random ones are matched in number and
    channel within each nucleus.

    Parameters
    ----------
    shards : sequence of path
        Tables of `per_localization.explain_shard`.
    samples : sequence of mapping
        `sample`, `replicate` and `label` of each sample.
    settings : AttributionSettings
        Tells the share of top localizations and the largest distance of pairs.
    voxel_nm : float
        Edge of a voxel of the images that were explained, nm.
    seed : int
        Of the random localizations and of the bootstrap.

    Returns
    -------
    dict
        `share`, `near_nm`, `far_nm`, `draws`; `ratio`: pairs over those of random ones, for all and `per_label`:
        `value`, `ci` (95 %, bootstrap over replicates), `p` (one-sided, of the draws), `nuclei`.
    """
    near_nm = 2 * voxel_nm
    far_nm = max(settings.gather_nm, 2 * near_nm)
    known = {row["sample"]: (row["replicate"], row["label"]) for row in samples}
    rows, seen, random = [], [], []
    for sample, number, table in _nuclei(shards):
        rng = np.random.default_rng([seed, crc32(f"{sample}/{number}".encode())])
        own, drawn = _of_nucleus(table, settings.top, near_nm, far_nm, rng)
        rows.append(known[sample])
        seen.append(own)
        random.append(drawn)
    frame = pd.DataFrame(rows, columns=["replicate", "label"])
    top_pairs, random_pairs = np.array(seen), np.array(random).reshape(-1, DRAWS)
    groups = {name: np.flatnonzero(frame["label"] == name) for name in sorted(set(frame["label"]))}
    ratios = {
        name: _ratio(top_pairs[own], random_pairs[own], frame["replicate"].to_numpy()[own], seed)
        for name, own in groups.items()
    }
    whole = _ratio(top_pairs, random_pairs, frame["replicate"].to_numpy(), seed) if len(frame) else None
    described = {"share": settings.top, "near_nm": near_nm, "far_nm": far_nm, "draws": DRAWS}
    return described | {"ratio": whole, "per_label": ratios}


def _nuclei(shards: Sequence[str | Path]) -> Iterator[tuple[str, int, Localizations]]:
    for path in shards:
        with open_file(path) as file:
            names = [name for name, group in file.items() if not failure_of(group)]
        for sample in names:
            table = Localizations.load(path, sample)
            for number in np.unique(table.extra["nucleus"]):
                own = table[table.extra["nucleus"] == number]
                if len(own) > 2:
                    yield sample, int(number), own


def _ratio(
    seen: NDArray[np.float64], random: NDArray[np.float64], replicate: NDArray[Any], seed: int
) -> dict[str, Any]:
    expected = random.mean(axis=1)
    groups = [np.flatnonzero(replicate == name) for name in np.unique(replicate)]
    rng, values = np.random.default_rng(seed), []
    for _ in range(BOOTSTRAPS):
        rows = np.concatenate([groups[k] for k in rng.integers(len(groups), size=len(groups))])
        values.append(seen[rows].sum() / max(expected[rows].sum(), 1e-12))
    above = int((random.sum(axis=0) >= seen.sum()).sum())
    return {
        "value": float(seen.sum() / max(expected.sum(), 1e-12)),
        "ci": interval(np.array(values), len(groups)).tolist() if len(groups) > 1 else None,
        "p": (1 + above) / (1 + random.shape[1]),
        "nuclei": len(seen),
    }
