"""What the microscope makes of emitters: blinks, localizations with their errors, drift, false localizations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.table import Localizations
from ainu.simulation.conditions import Condition
from ainu.simulation.emitters import at_depths

CHANNELS = ("PolII", "DNA")
AXIAL = 2.5
"""How much coarser z is known than x and y, by astigmatism (Huang et al., Science 319, 810, 2008)."""
PIXEL_SIZE_NM = 160.0


def drift_of(rng: np.random.Generator, condition: Condition) -> NDArray[np.float32]:
    """A smooth walk from 0: (frames, 2 or 3) float32, nm."""
    t = np.linspace(0, 1, condition.frames)[:, None]
    harmonics = np.arange(1, 5)
    amplitude = rng.normal(0, 0.25, (4, condition.axes)) / harmonics[:, None]
    walk = t * rng.normal(0, 1, condition.axes) + np.sin(np.pi * t * harmonics) @ amplitude
    return (condition.drift_nm * (walk - walk[0])).astype(np.float32)


def observe(
    rng: np.random.Generator,
    condition: Condition,
    emitters: list[NDArray[np.float64]],
    drift: NDArray[np.float32],
    side_nm: float,
) -> Localizations:
    """Localizations of emitters.

    Parameters
    ----------
    rng : np.random.Generator
        Source of the random numbers.
    condition : Condition
        How emitters blink and are localized.
    emitters : list of (n, 2 or 3) float64
        Positions in nm, per channel.
    drift : (frames, 2 or 3) float32
        Of the field, nm.
    side_nm : float
        Edge of the field.

    Returns
    -------
    Localizations
        In order of frames.
    """
    position, frame, channel = _blink(rng, condition, emitters)
    n_false = rng.poisson(len(position) * condition.false_share / (1 - condition.false_share))
    false = at_depths(rng, rng.uniform(0, side_nm, (n_false, 2)), condition)
    position = np.concatenate([position + drift[frame], false])
    frame = np.concatenate([frame, rng.integers(0, condition.frames, n_false)])
    channel = np.concatenate([channel, rng.integers(0, len(emitters), n_false)])
    real = np.arange(len(position)) < len(position) - n_false
    photons = 200 + rng.exponential(np.where(real, condition.photons, condition.photons / 5))
    background = rng.normal(condition.background, condition.background / 10, len(position)).clip(1)
    sigma = rng.normal(condition.sigma_nm, np.where(real, 6, 40)).clip(40)
    precision = localization_precision(photons, background, sigma)
    position += rng.normal(0, 1, position.shape) * precision[:, None] * np.array([1, 1, AXIAL])[: condition.axes]
    order = np.flatnonzero(((position[:, :2] > 0) & (position[:, :2] < side_nm)).all(axis=1))
    order = order[np.argsort(frame[order], kind="stable")]
    return Localizations(
        x=position[order, 0].astype(np.float32),
        y=position[order, 1].astype(np.float32),
        z=position[order, 2].astype(np.float32) if condition.depth_nm else None,
        frame=frame[order].astype(np.uint32),
        channel=channel[order].astype(np.uint8),
        channels=CHANNELS[: len(emitters)],
        meta={"field_nm": side_nm, "frames": condition.frames},
        photons=photons[order].astype(np.float32),
        background=background[order].astype(np.float32),
        precision=precision[order].astype(np.float32),
        sigma=sigma[order].astype(np.float32),
    )


def _blink(
    rng: np.random.Generator, condition: Condition, emitters: list[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Positions, frames and channels of all appearances of all emitters."""
    position = np.concatenate(emitters)
    channel = np.repeat(np.arange(len(emitters)), [len(part) for part in emitters])
    emitter = np.repeat(np.arange(len(position)), 1 + rng.poisson(condition.blinks - 1, len(position)))
    start = rng.integers(0, condition.frames, len(emitter))
    length = rng.geometric(1 / condition.blink_frames, len(emitter))
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    emitter, frame = np.repeat(emitter, length), np.repeat(start, length) + offset
    seen = frame < condition.frames
    return position[emitter[seen]], frame[seen], channel[emitter[seen]]


def localization_precision(
    photons: NDArray[Any], background: NDArray[Any], sigma_nm: NDArray[Any], pixel_nm: float = PIXEL_SIZE_NM
) -> NDArray[np.float64]:
    """Lateral precision of a least-squares fit.

    Parameters
    ----------
    photons, background : (n,) float
        Photons of a localization, and background per pixel.
    sigma_nm : (n,) float
        Width of the point spread function.
    pixel_nm : float
        Camera pixel.

    Returns
    -------
    (n,) float64
        In nm.

    Notes
    -----
    Equation 6 of Mortensen et al., Nature Methods 7, 377 (2010).
    """
    variance = sigma_nm**2 + pixel_nm**2 / 12
    return np.sqrt(variance / photons * (16 / 9 + 8 * np.pi * variance * background / (photons * pixel_nm**2)))
