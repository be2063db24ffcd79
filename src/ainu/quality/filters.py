"""Quality filters: which localizations stay, and why the others are dropped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.failures import open_sample
from ainu.hdf5 import write_array
from ainu.localizations.neighbours import has_neighbours, local_counts
from ainu.localizations.table import Localizations, Merged, load
from ainu.quality.blinks import first_appearances, merge_blinks
from ainu.quality.settings import IsolatedSettings, Limit, Limits, MergeSettings, QualitySettings
from ainu.quality.spot_widths import asymmetry
from ainu.shards import write_shard
from ainu.typed import typed

REASONS = ("kept", "frames", "photons", "precision", "sigma", "sigma_ratio", "crowded", "merged", "isolated")
"""Why a localization was dropped, in the order in which the filters are applied; the first that applies counts. Filters
on further columns, named as the columns, come before `crowded`."""

LARGEST_PLACE = 0.01
"""Share of a sample's localizations that one place may contribute to the typical density."""

Pair = tuple[float | None, float | None]


def _nothing_merged() -> Merged:
    return Merged(np.zeros(0, np.uint32), {})


@dataclass(frozen=True)
class Quality:
    """Which localizations stay, and why the others are dropped.

    Attributes
    ----------
    reason : (n,) uint8
        Index into `reasons`; 0 for a localization that stays.
    reasons : tuple of str
        `REASONS`, and the names of the further columns that have limits.
    not_applied : tuple of str
        Filters that were not applied because the table lacks their column.
    thresholds : dict of str to (lowest, highest)
        The limits that were applied, quantiles resolved; None for no limit.
    merged : Merged
        Rows of kept localizations that stand for several blinks, and their merged columns.
    """

    reason: NDArray[np.uint8]
    reasons: tuple[str, ...] = REASONS
    not_applied: tuple[str, ...] = ()
    thresholds: dict[str, Pair] = field(default_factory=dict)
    merged: Merged = field(default_factory=_nothing_merged)

    @property
    def keep(self) -> NDArray[np.bool_]:
        """(n,) bool, which localizations stay."""
        return self.reason == 0

    @property
    def counts(self) -> dict[str, int]:
        """Localizations per reason."""
        return dict(zip(self.reasons, np.bincount(self.reason, minlength=len(self.reasons)).tolist(), strict=True))

    def of(self, *names: str) -> NDArray[np.bool_]:
        """(n,) bool, which localizations have one of these reasons."""
        return np.isin(self.reason, [self.reasons.index(name) for name in names])

    def apply(self, localizations: Localizations) -> Localizations:
        """The (n,) localizations without those that are dropped, blinks merged."""
        return self.merged.apply(localizations)[self.keep]


def filter_quality(
    localizations: Localizations,
    *,
    photons: Sequence[Limit] | None = None,
    precision_nm: Sequence[Limit] | None = None,
    sigma_nm: Sequence[Limit] | None = None,
    sigma_ratio: Sequence[Limit] | None = None,
    frames: Sequence[Limit] | None = None,
    extra: Mapping[str, Sequence[Limit] | None] | None = None,
    crowded: Mapping[str, float] | None = None,
    merge: Mapping[str, float] | None = None,
    isolated: Mapping[str, float] | None = None,
) -> Quality:
    """Decide which localizations stay. A filter that is not named is not applied.

    Parameters
    ----------
    localizations : Localizations
        Drift-corrected.
    photons, precision_nm, sigma_nm, frames : (lowest, highest), optional
        Inclusive limits; None for no limit, `"q0.01"` for the value below which 1 % of the sample's localizations lie.
        A value that is not a number is outside any limit; rows of a file that lacks the column stay.
    sigma_ratio : (lowest, highest), optional
        Limits of the larger over the smaller width of the spot, from columns of the table
        (`ainu.quality.spot_widths`).
    extra : mapping of str to (lowest, highest), optional
        Limits of any other column by its name (`z`, `background`, a column of the table's own).
    crowded : mapping, optional
        `radius_nm` and `times`: drops localizations with more than `times` the typical number of others within the
        radius (see `crowded_places`), such as fiducials and aggregates.
    merge : mapping, optional
        `radius_nm` and `dark_frames`: blinks of an emitter become one localization (see `first_appearances`).
    isolated : mapping, optional
        `radius_nm` and `neighbours`: drops localizations with fewer others within the radius, among those that the
        other filters and merging leave.

    Returns
    -------
    Quality
    """
    limits = {
        "photons": photons,
        "precision_nm": precision_nm,
        "sigma_nm": sigma_nm,
        "sigma_ratio": sigma_ratio,
        "frames": frames,
    }
    places = {"crowded": crowded, "merge": merge, "isolated": isolated}
    settings = typed(QualitySettings, {**_given(limits), "extra": _given(extra or {}), **places})
    return apply_filters(localizations, settings)


def _given(limits: Mapping[str, Sequence[Limit] | None]) -> dict[str, Sequence[Limit]]:
    return {name: (None, None) if pair is None else pair for name, pair in limits.items()}


def apply_filters(localizations: Localizations, settings: QualitySettings) -> Quality:
    """Decide which localizations stay, by the settings of the config (`filter_quality` takes them one by one).

    Parameters
    ----------
    localizations : Localizations
        Drift-corrected.
    settings : QualitySettings
        A filter that is None, or whose limits are both None, is not applied.

    Returns
    -------
    Quality

    Raises
    ------
    AinuError
        A column of `extra` has the name of a reason, or a limit is neither a number nor a quantile.
    """
    state = _Filter(localizations, (*REASONS, *settings.extra))
    for name, limits in _limits(settings).items():
        if not (limits[0] in (None, 0) and limits[1] is None):
            state.limit(name, limited_values(localizations, name), limits)
    for name, limits in settings.extra.items():
        if name in REASONS:
            raise AinuError(f"quality.extra: {name!r} has a key of its own; allowed: names of other columns")
        if limits != (None, None):
            state.limit(name, limited_values(localizations, name), limits)
    if settings.crowded is not None:
        state.drop("crowded", partial(crowded_places, **vars(settings.crowded)))
    merged = _nothing_merged() if settings.merge is None else state.merge(settings.merge)
    if settings.isolated is not None:
        state.drop("isolated", partial(_isolated, settings.isolated), merged)
    return Quality(state.reason, state.reasons, tuple(state.not_applied), state.thresholds, merged)


def _limits(settings: QualitySettings) -> dict[str, Limits]:
    """Limits by the reason that they give, in the order in which they are applied."""
    return {
        "frames": settings.frames,
        "photons": settings.photons,
        "precision": settings.precision_nm,
        "sigma": settings.sigma_nm,
        "sigma_ratio": settings.sigma_ratio,
    }


def _isolated(settings: IsolatedSettings, table: Localizations) -> NDArray[np.bool_]:
    return ~has_neighbours(table.positions[:, :2], settings.radius_nm, int(settings.neighbours))


class _Filter:
    """Filters applied one after the other; a localization keeps the first reason that it is given."""

    def __init__(self, localizations: Localizations, reasons: tuple[str, ...]) -> None:
        self.localizations = localizations
        self.reasons = reasons
        self.reason = np.zeros(len(localizations), np.uint8)
        self.thresholds: dict[str, Pair] = {}
        self.not_applied: list[str] = []

    def limit(self, name: str, values: NDArray[Any] | None, limits: Sequence[Limit]) -> None:
        """Drop localizations outside limits; a column that no file has is noted. `values` are (n,)."""
        lacking = None if values is None else self.localizations.without(values)
        if values is None or lacking is None or lacking.all():
            self.not_applied.append(name)
            return
        low, high = self.thresholds[name] = _resolved(name, values, limits)
        inside = (values >= (-np.inf if low is None else low)) & (values <= (np.inf if high is None else high))
        self.reason[(self.reason == 0) & ~inside & ~lacking] = self.reasons.index(name)

    def drop(
        self, name: str, choose: Callable[[Localizations], NDArray[np.bool_]], merged: Merged | None = None
    ) -> None:
        """Drop the localizations that `choose` picks, as (m,) bool, among those that are left."""
        left = np.flatnonzero(self.reason == 0)
        table = self.localizations if merged is None else merged.apply(self.localizations)
        self.reason[left[choose(table[left])]] = self.reasons.index(name)

    def merge(self, settings: MergeSettings) -> Merged:
        """Drop all but the first appearance of each emitter."""
        if self.localizations.frame is None:
            self.not_applied.append("merge")
            return _nothing_merged()
        left = np.flatnonzero(self.reason == 0)
        table = self.localizations[left]
        first = first_appearances(table, radius_nm=settings.radius_nm, dark_frames=settings.dark_frames)
        merged = merge_blinks(table, first)
        self.reason[left[first != np.arange(len(first))]] = self.reasons.index("merged")
        return Merged(left[merged.rows], merged.columns)


def limited_values(localizations: Localizations, name: str) -> NDArray[Any] | None:
    """(n,) values that the limits of a filter are on, by its reason; None where no file of the sample has them."""
    if name == "frames":
        return localizations.frame
    if name in ("x", "y", "z") and name in localizations.columns():
        return localizations.absolute(name)
    return asymmetry(localizations) if name == "sigma_ratio" else localizations.columns().get(name)


def _resolved(name: str, values: NDArray[Any], limits: Sequence[Limit]) -> Pair:
    """Limits as numbers."""
    low, high = (_number(name, limit, values) for limit in limits)
    return low, high


def _number(name: str, limit: Limit, values: NDArray[Any]) -> float | None:
    if not isinstance(limit, str):
        return limit
    share = quantile(limit)
    if share is None:
        raise AinuError(f"quality: found {limit!r} for {name}, allowed: a number, a quantile such as 'q0.01', or null")
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, share)) if len(finite) else None


def quantile(limit: Any) -> float | None:
    """The quantile, 0 to 1, of a limit such as "q0.01"; None if it is not one."""
    try:
        share = float(limit.removeprefix("q")) if isinstance(limit, str) and limit.startswith("q") else -1.0
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None


def crowded_places(localizations: Localizations, radius_nm: float, times: float) -> NDArray[np.bool_]:
    """Which localizations lie in places that are far denser than stained structures.

    Parameters
    ----------
    localizations : Localizations
        (n,).
    radius_nm : float
        Radius within which others are counted (see `local_counts`), nm.
    times : float
        How many times the typical number is too many. Typical is the median, to which no place contributes more than
        one in a hundred localizations, so that a fiducial with a localization in every frame does not raise it.

    Returns
    -------
    (n,) bool
    """
    others = local_counts(localizations.positions[:, :2], radius_nm)
    return others > times * max(_typical(others), 1)


def _typical(others: NDArray[np.int64]) -> float:
    if not len(others):
        return 0.0
    order = np.argsort(others, kind="stable")
    weights = np.cumsum(np.minimum(1, max(LARGEST_PLACE * len(others), 1) / (others[order] + 1)))
    return float(others[order[np.searchsorted(weights, weights[-1] / 2)]])


def filter_shard(
    raw: str | Path,
    drift: str | Path,
    output: str | Path,
    samples: list[str],
    settings: QualitySettings,
    threads: int = 1,
) -> None:
    """Filter a shard's samples: `/{sample}/reason` and `merged`, with counts and applied thresholds as attributes.

    Parameters
    ----------
    raw, drift : path
        The shard's files of localizations and of drift.
    output : path
        The shard's file of the filter.
    samples : list of str
        Names.
    settings : QualitySettings
        Which filters, and their thresholds.
    threads : int
        Processes.
    """
    work = partial(_filter_sample, str(raw), str(drift), settings)
    write_shard(output, samples, work, threads=threads, title="filter_quality")


def _filter_sample(raw: str, drift: str, settings: QualitySettings, sample: str, group: h5py.Group) -> None:
    quality = apply_filters(load(raw, sample, drift=drift), settings)
    write_array(group, "reason", quality.reason)
    quality.merged.write(group)
    for name, value in _attributes(quality):
        group.attrs[name] = json.dumps(value, sort_keys=True)


def _attributes(quality: Quality) -> Iterator[tuple[str, Any]]:
    yield "reasons", quality.reasons
    yield "counts", quality.counts
    yield "not_applied", quality.not_applied
    yield "thresholds", quality.thresholds


def read_quality(path: str | Path, sample: str) -> Quality:
    """Read which localizations of a sample stay."""
    with open_sample(path, sample) as group:
        attributes = {name: json.loads(group.attrs[name]) for name in ("reasons", "not_applied", "thresholds")}
        thresholds = {name: (low, high) for name, (low, high) in attributes["thresholds"].items()}
        names = tuple(attributes["reasons"]), tuple(attributes["not_applied"])
        return Quality(group["reason"][()], *names, thresholds, Merged.read(group))
