"""Crosstalk between activator-reporter channels: localizations of one channel that turn up in another.

A localization itself does not show which channel it belongs to, but the densities around it do: where channel A is
dense and B has only what leaks from A, what is found in B is leakage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ainu.errors import AinuError
from ainu.localizations.settings import CrosstalkSettings
from ainu.localizations.table import Localizations

REASON = "crosstalk"


def subtract_crosstalk(
    localizations: Localizations, settings: CrosstalkSettings, seed: int
) -> tuple[Localizations, dict[str, Any]]:
    """Drop localizations at random, each with the probability that it is crosstalk.

    Parameters
    ----------
    localizations : Localizations
        Of one acquisition, several channels.
    settings : CrosstalkSettings
        `fractions["A"]["B"]`: share of the molecules of channel A that are found in channel B, as measured in a sample
        labelled with A alone.
    seed : int
        Of the random choice.

    Returns
    -------
    Localizations
        Without the crosstalk.
    dict
        `found`, `dropped` and `residual` per channel. `residual` is what remains beyond the number of genuine
        localizations that the fractions predict for the whole field, as a share of what is kept; below 0: too few are.

    Raises
    ------
    AinuError
        A channel that the table lacks, or fractions by which the channels cannot be separated.

    Notes
    -----
    The statistical subtraction of Bates et al., Science 317, 1749 (2007) and Dani et al., Neuron 68, 843 (2010): the
    observed local densities are the true ones times the matrix of fractions; solved for the true ones, they give the
    probability that a localization is genuine.
    """
    mixing = _mixing(localizations.channels, settings.fractions)
    seen = np.bincount(localizations.channel, minlength=len(mixing))
    genuine = _genuine(localizations, mixing, settings.radius_nm)
    table = localizations[np.random.default_rng(seed).random(len(localizations)) < genuine]
    kept = np.bincount(table.channel, minlength=len(mixing))
    expected = np.diag(mixing) * np.linalg.solve(mixing, seen.astype(float))
    residual = (kept - expected) / np.maximum(kept, 1)
    record = {
        name: {"found": int(seen[i]), "dropped": int(seen[i] - kept[i]), "residual": round(float(residual[i]), 4)}
        for i, name in enumerate(localizations.channels)
    }
    return table, record


def _mixing(channels: tuple[str, ...], fractions: Mapping[str, Mapping[str, float]]) -> NDArray[np.float64]:
    """(C, C) share of the molecules of channel k (column) that are found in channel j (row)."""
    mixing = np.zeros((len(channels), len(channels)))
    for source, targets in fractions.items():
        for target, share in targets.items():
            if source not in channels or target not in channels or source == target:
                there = ", ".join(channels)
                raise AinuError(f"ingest.crosstalk.fractions: from {source!r} to {target!r}; channels are: {there}")
            mixing[channels.index(target), channels.index(source)] = share
    own = 1 - mixing.sum(axis=0)
    if (own <= 0.5).any():
        raise AinuError(
            f"ingest.crosstalk.fractions: half or more of {channels[int(own.argmin())]!r} is found in other channels; "
            "such channels cannot be separated"
        )
    return mixing + np.diag(own)


def _genuine(localizations: Localizations, mixing: NDArray[np.float64], radius_nm: float) -> NDArray[np.float64]:
    """(n,) probability of each localization to be of the channel it is found in."""
    counts = _counts_around(localizations, len(mixing), radius_nm)
    true = np.maximum(np.linalg.solve(mixing, counts.T), 0)
    channel, rows = localizations.channel, np.arange(len(localizations))
    own = np.diag(mixing)[channel] * true[channel, rows]
    found = (mixing @ true)[channel, rows]
    return np.divide(own, found, out=np.ones(len(rows)), where=found > 0)


def _counts_around(localizations: Localizations, channels: int, radius_nm: float) -> NDArray[np.float64]:
    """(n, C) localizations of each channel within the radius of each localization, itself included."""
    places = localizations.positions[:, :2]
    counts = np.zeros((len(places), channels))
    for index in range(channels):
        own = places[localizations.channel == index]
        if len(own):
            counts[:, index] = cKDTree(own).query_ball_point(places, radius_nm, return_length=True)
    return counts
