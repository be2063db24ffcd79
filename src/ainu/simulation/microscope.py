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
) -> tuple[Localizations, NDArray[np.int32]]:
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
    localizations : Localizations
        (n,), in order of frames.
    emitter : (n,) int32
        Which emitter each shows, channels counted one after the other; -1: none, it is a false localization.
    """
    emitter, frame = _blink(rng, condition, [len(part) for part in emitters])
    position = np.concatenate(emitters)[emitter]
    channel = np.repeat(np.arange(len(emitters)), [len(part) for part in emitters])[emitter]
    n_false = rng.poisson(len(position) * condition.false_share / (1 - condition.false_share))
    false = at_depths(rng, rng.uniform(0, side_nm, (n_false, 2)), condition)
    position = np.concatenate([position + drift[frame], false])
    frame = np.concatenate([frame, rng.integers(0, condition.frames, n_false)])
    emitter = np.concatenate([emitter, np.full(n_false, -1)])
    channel = np.concatenate([channel, rng.integers(0, len(emitters), n_false)])
    if condition.sequential:
        channel = np.minimum(frame // _frames_each(condition, len(emitters)), len(emitters) - 1)
    real = emitter >= 0
    photons = condition.least_photons + rng.exponential(np.where(real, condition.photons, condition.photons / 5))
    background = rng.normal(condition.background, condition.background / 10, len(position)).clip(1)
    sigma = rng.normal(condition.sigma_nm, np.where(real, 6, 40)).clip(40)
    precision = localization_precision(photons, background, sigma)
    position += rng.normal(0, 1, position.shape) * precision[:, None] * np.array([1, 1, AXIAL])[: condition.axes]
    order = np.flatnonzero(((position[:, :2] > 0) & (position[:, :2] < side_nm)).all(axis=1))
    order = order[np.argsort(frame[order], kind="stable")]
    table = Localizations(
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
    return table, emitter[order].astype(np.int32)


def _frames_each(condition: Condition, channels: int) -> int:
    """Frames in which a channel is recorded."""
    return condition.frames // channels if condition.sequential else condition.frames


def _blink(
    rng: np.random.Generator, condition: Condition, emitters: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Emitters and frames of all appearances of all emitters, given how many there are in each channel."""
    frames = _frames_each(condition, len(emitters))
    emitter = np.repeat(np.arange(sum(emitters)), _blinks(rng, condition, sum(emitters)))
    start = rng.integers(0, frames, len(emitter))
    length = rng.geometric(1 / condition.blink_frames, len(emitter))
    if condition.dark_frames is not None:
        start = _after_each_other(rng, emitter, start, length, condition.dark_frames)
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    emitter, frame = np.repeat(emitter, length), np.repeat(start, length) + offset
    seen = frame < frames
    emitter, frame = emitter[seen], frame[seen]
    if condition.sequential:
        frame += frames * np.repeat(np.arange(len(emitters)), emitters)[emitter]
    return emitter, frame


def _blinks(rng: np.random.Generator, condition: Condition, n: int) -> NDArray[np.int64]:
    """(n,) numbers of blinks, at least 1."""
    if condition.blinking == "geometric":
        return rng.geometric(1 / condition.blinks, n)
    return 1 + rng.poisson(condition.blinks - 1, n)


def _after_each_other(
    rng: np.random.Generator,
    emitter: NDArray[np.int64],
    start: NDArray[np.int64],
    length: NDArray[np.int64],
    dark_frames: float,
) -> NDArray[np.int64]:
    """(n,) first frames of blinks: the first of an emitter is where it is, each other one after a time in the dark."""
    first = np.diff(emitter, prepend=-1) > 0
    wait = np.floor(rng.exponential(dark_frames, len(emitter))).astype(np.int64) + 1
    step = np.where(first, start, wait + np.roll(length, 1))
    reached = np.cumsum(step)
    before = (reached - step)[first]
    return reached - np.repeat(before, np.diff(np.append(np.flatnonzero(first), len(emitter))))


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
