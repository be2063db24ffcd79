"""Settings of the stage `quality`."""

from __future__ import annotations

from dataclasses import dataclass

Limit = float | str | None
"""A number, a quantile such as "q0.01", or None for no limit."""
Limits = tuple[Limit, Limit]
"""Lowest and highest value, both inclusive."""


@dataclass(frozen=True)
class CrowdedSettings:
    """Which places are too dense for a stained structure: fiducials and aggregates.

    Attributes
    ----------
    radius_nm : float
        Radius within which localizations are counted, nm.
    times : float
        How many times the typical number there is too many.
    """

    radius_nm: float
    times: float


@dataclass(frozen=True)
class MergeSettings:
    """Which blinks are merged.

    Attributes
    ----------
    radius_nm : float
        Largest distance from one blink to the next, nm.
    dark_frames : int
        Frames in which the emitter may stay dark in between.
    """

    radius_nm: float
    dark_frames: int


@dataclass(frozen=True)
class IsolatedSettings:
    """Which localizations are scattered background.

    Attributes
    ----------
    radius_nm : float
        Radius within which neighbours are counted, nm.
    neighbours : int
        Fewest other localizations within the radius.
    """

    radius_nm: float
    neighbours: int


@dataclass(frozen=True)
class QualitySettings:
    """Which localizations stay (`quality` in the config).

    Attributes
    ----------
    photons, precision_nm, sigma_nm : (lowest, highest)
        Limits of photons, lateral precision (nm), and width (standard deviation) of the fitted spot (nm).
    sigma_ratio : (lowest, highest)
        Limits of the larger over the smaller width of the spot.
    frames : (first, last)
        Camera frames that count, from 0.
    extra : dict of str to (lowest, highest)
        Limits of any other column, by its name.
    crowded : CrowdedSettings, optional
        Which places are dropped as fiducials or aggregates.
    merge : MergeSettings, optional
        Which blinks become one localization.
    isolated : IsolatedSettings, optional
        Which localizations are dropped as background.
    """

    photons: Limits
    precision_nm: Limits
    sigma_nm: Limits
    sigma_ratio: Limits
    frames: tuple[int | None, int | None]
    extra: dict[str, Limits]
    crowded: CrowdedSettings | None
    merge: MergeSettings | None
    isolated: IsolatedSettings | None
