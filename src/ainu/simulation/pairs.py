"""Pairs of cell states that differ in one thing: a structure, or how they were recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ainu.errors import AinuError
from ainu.simulation.conditions import Condition
from ainu.simulation.tuning import precision_of, with_blinking, with_localizations, with_precision

BASE = with_localizations(
    with_blinking(with_precision(Condition(drift_nm=0, cluster_nm=25, least_photons=300, frames=10_000), 14), 2),
    30_000,
)
"""30 thousand localizations a nucleus, two per emitter, precision 14 nm, no drift, Pol II clusters of spread 25 nm."""


def _wider_clusters(base: Condition) -> Condition:
    return replace(base, cluster_nm=1.4 * base.cluster_nm)


def _more_in_nucleoli(base: Condition) -> Condition:
    return replace(base, nucleolar_share=0.3)


def _less_precise(base: Condition) -> Condition:
    return with_precision(base, 1.5 * precision_of(base))


def _blink_more(base: Condition) -> Condition:
    """Twice as often, by half of the emitters: as many localizations."""
    per_emitter = 2 * base.blinks * base.blink_frames
    return replace(with_blinking(base, per_emitter, base.blink_frames), labelled_share=base.labelled_share / 2)


def _larger(base: Condition, factor: float = 1.15) -> Condition:
    """Nucleus and nucleoli are larger at the same densities, with as many more clusters."""
    return replace(
        base,
        axes_nm=(base.axes_nm[0] * factor, base.axes_nm[1] * factor),
        nucleolus_nm=(base.nucleolus_nm[0] * factor, base.nucleolus_nm[1] * factor),
        clusters=round(base.clusters * factor**2),
        clutches=round(base.clutches * factor**2),
    )


PAIRS: dict[str, Callable[[Condition], Condition]] = {
    "none": lambda base: base,
    "nanoscale": _wider_clusters,
    "micrometre": _more_in_nucleoli,
    "two-scale": lambda base: _wider_clusters(_more_in_nucleoli(base)),
    "precision": _less_precise,
    "blinks": _blink_more,
    "drift": lambda base: replace(base, drift_nm=base.drift_nm + 60),
    "counts": lambda base: replace(base, labelled_share=0.6 * base.labelled_share),
    "area": _larger,
}
"""What two states differ in -> the second, given the first."""


def pair(kind: str, base: Condition = BASE) -> tuple[Condition, Condition]:
    """Two conditions that differ in nothing but one thing.

    Parameters
    ----------
    kind : str
        A name in `PAIRS`. Structure: "nanoscale" (Pol II clusters 1.4 times as wide, as many emitters), "micrometre"
        (30 % of Pol II in the nucleoli), "two-scale" (both). Recording: "precision" (1.5 times as bad), "blinks" (twice
        the localizations of an emitter, as many in all), "drift" (60 nm that a run without correction leaves), "counts"
        (60 % of the emitters labelled). "area": axes 1.15 times as long, at the same densities. "none": nothing.
    base : Condition
        The first.

    Returns
    -------
    pair of Condition

    Raises
    ------
    AinuError
        There is no such pair.
    """
    if kind not in PAIRS:
        raise AinuError(f"no pair of conditions {kind!r}; there are: {', '.join(PAIRS)}")
    return base, PAIRS[kind](base)
