"""Conditions with a wanted precision, blinking and number of localizations."""

from __future__ import annotations

from dataclasses import replace
from math import log, pi, sqrt

from ainu.simulation.conditions import Condition
from ainu.simulation.microscope import PIXEL_SIZE_NM


def with_precision(condition: Condition, precision_nm: float) -> Condition:
    """A condition whose localizations have a wanted median precision, by their photons.

    Parameters
    ----------
    condition : Condition
        What else is simulated; its mean photons and detection limit keep their ratio.
    precision_nm : float
        Median lateral precision in one frame, nm.

    Returns
    -------
    Condition
    """
    variance = condition.sigma_nm**2 + PIXEL_SIZE_NM**2 / 12
    linear = variance * 16 / 9
    constant = variance * 8 * pi * variance * condition.background / PIXEL_SIZE_NM**2
    median = (linear + sqrt(linear**2 + 4 * precision_nm**2 * constant)) / (2 * precision_nm**2)
    factor = median / (condition.least_photons + condition.photons * log(2))
    return replace(condition, photons=condition.photons * factor, least_photons=condition.least_photons * factor)


def with_blinking(condition: Condition, per_emitter: float, blink_frames: float = 1.5) -> Condition:
    """A condition whose emitters have a wanted mean number of localizations, each of which may be the last.

    Parameters
    ----------
    condition : Condition
        What else is simulated; its emitters stay, so that the number of localizations changes.
    per_emitter : float
        Mean localizations of an emitter, at least 1.
    blink_frames : float
        Mean frames of a blink, where there are more localizations than that.

    Returns
    -------
    Condition
    """
    length = min(blink_frames, sqrt(per_emitter))
    return replace(condition, blinking="geometric", blinks=per_emitter / length, blink_frames=length)


def localizations_of(condition: Condition) -> float:
    """Localizations of a nucleus that are expected at a labelling efficiency of 1, false ones included."""
    pol_ii = condition.clusters * condition.cluster_emitters / (1 - condition.single_share)
    emitters = (pol_ii + condition.clutches * condition.clutch_emitters) * condition.labelled_share
    return emitters * condition.blinks * condition.blink_frames / (1 - condition.false_share)


def with_localizations(condition: Condition, localizations: float) -> Condition:
    """A condition whose nuclei have a wanted number of localizations, by more clusters with more emitters each.

    Parameters
    ----------
    condition : Condition
        What else is simulated; its blinks stay.
    localizations : float
        Of a nucleus, as in `localizations_of`.

    Returns
    -------
    Condition
    """
    factor = localizations / localizations_of(condition)
    clusters = max(1, round(condition.clusters * sqrt(factor)))
    clutches = max(1, round(condition.clutches * sqrt(factor)))
    return replace(
        condition,
        clusters=clusters,
        cluster_emitters=condition.clusters * condition.cluster_emitters * factor / clusters,
        clutches=clutches,
        clutch_emitters=condition.clutches * condition.clutch_emitters * factor / clutches,
    )
