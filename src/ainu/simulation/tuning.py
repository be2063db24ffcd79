"""Conditions with a wanted precision, blinking and number of localizations."""

from __future__ import annotations

from dataclasses import replace
from math import log, pi, sqrt

import numpy as np

from ainu.simulation.conditions import Condition
from ainu.simulation.microscope import PIXEL_SIZE_NM, localization_precision

FEWEST_PHOTONS = 300.0
"""Mean photons above the detection limit, below which more background makes localizations less precise."""


def precision_of(condition: Condition) -> float:
    """Lateral precision, nm, at the median of photons, with a width and background as the condition says."""
    photons = np.array(_median_photons(condition))
    return float(localization_precision(photons, np.array(condition.background), np.array(condition.sigma_nm)))


def with_precision(condition: Condition, precision_nm: float) -> Condition:
    """A condition whose localizations have a wanted median precision.

    Parameters
    ----------
    condition : Condition
        What else is simulated. Its detection limit and spot width stay; its mean photons change, and where too few
        would be left above the limit (`FEWEST_PHOTONS`), its background.
    precision_nm : float
        Median lateral precision in one frame, nm.

    Returns
    -------
    Condition
    """
    photons = (_photons_for(condition, precision_nm) - condition.least_photons) / log(2)
    bright = replace(condition, photons=max(photons, FEWEST_PHOTONS))
    if photons >= FEWEST_PHOTONS:
        return bright
    variance, median = _variance(condition), _median_photons(bright)
    excess = precision_nm**2 * median / variance - 16 / 9
    return replace(bright, background=max(excess, 0) * median * PIXEL_SIZE_NM**2 / (8 * pi * variance))


def _photons_for(condition: Condition, precision_nm: float) -> float:
    """Photons of a localization of this precision: `localization_precision` solved for them."""
    variance = _variance(condition)
    linear = variance * 16 / 9
    constant = 8 * pi * variance**2 * condition.background / PIXEL_SIZE_NM**2
    return (linear + sqrt(linear**2 + 4 * precision_nm**2 * constant)) / (2 * precision_nm**2)


def _median_photons(condition: Condition) -> float:
    return condition.least_photons + condition.photons * log(2)


def _variance(condition: Condition) -> float:
    """Of the spot, with that of a pixel, nm^2."""
    return condition.sigma_nm**2 + PIXEL_SIZE_NM**2 / 12


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
