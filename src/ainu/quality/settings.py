"""What the config says of quality."""

from __future__ import annotations

from dataclasses import dataclass

Limits = tuple[float | str | None, float | str | None]
"""Lowest and highest value that stays: a number, a quantile such as "q0.01", or None for no limit."""


@dataclass(frozen=True)
class CrowdedSettings:
    """Places that count as fiducials or aggregates: `quality.crowded`.

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
    """Blinks that become one localization: `quality.merge`.

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
    """Localizations that count as scattered background: `quality.isolated`.

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
    """Which localizations stay: the config's `quality`.

    Attributes
    ----------
    photons, precision_nm, sigma_nm, sigma_ratio : Limits
    frames : pair of int, optional each
        First and last camera frame that count, from 0.
    extra : dict of str to Limits
        Limits of any other column, by its name.
    crowded : CrowdedSettings, optional
    merge : MergeSettings, optional
    isolated : IsolatedSettings, optional
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
