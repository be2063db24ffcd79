"""Simulated fields with a known drift: what the benchmark measures on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.table import Localizations
from ainu.simulation.conditions import Condition
from ainu.simulation.fields import simulate

FRAMES = 20_000
PIXEL_NM = 160.0
BLINKS, BLINK_FRAMES = 4.0, 1.5


@dataclass(frozen=True)
class Field:
    """A field, the drift that it was given ((frames, 2), nm, 0 in the first frame) and its side (nm)."""

    name: str
    localizations: Localizations
    drift: NDArray[np.float32]
    side_nm: float


def walk(rng: np.random.Generator) -> NDArray[np.float64]:
    """A smooth walk of about 400 nm."""
    t = np.linspace(0, 1, FRAMES)[:, None]
    harmonics = np.arange(1, 5)
    path = t * rng.normal(0, 1, 2) + np.sin(np.pi * t * harmonics) @ (rng.normal(0, 0.25, (4, 2)) / harmonics[:, None])
    return 400 * path / np.abs(path).max()


def steps(rng: np.random.Generator) -> NDArray[np.float64]:
    """Six sudden jumps (20 to 120 nm) on a slow slide of 100 nm."""
    path = np.linspace(0, 100, FRAMES)[:, None] * rng.normal(0, 1, 2) / 1.5
    for at in rng.integers(500, FRAMES - 500, 6):
        angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(20, 120)
        path[at:] += size * np.array([np.cos(angle), np.sin(angle)])
    return path


def thermal(rng: np.random.Generator) -> NDArray[np.float64]:
    """400 nm that die out with a time constant of 3,000 frames."""
    angle = rng.uniform(0, 2 * np.pi)
    fall = 1 - np.exp(-np.arange(FRAMES) / 3000)
    return 400 * fall[:, None] * np.array([np.cos(angle), np.sin(angle)])


DRIFTS: dict[str, Callable[[np.random.Generator], NDArray[np.float64]]] = {
    "walk": walk,
    "steps": steps,
    "thermal": thermal,
}
STRUCTURES = {"sparse": 24_000.0, "clustered": 16_000.0}
"""Side of the field in nm: emitters anywhere in it, or in clusters of 10 (sd 40 nm)."""


def spread(structure: str, drift: str, count: int, seed: int) -> Field:
    """A square field of about `count` localizations."""
    rng = np.random.default_rng([seed, count])
    side, path = STRUCTURES[structure], DRIFTS[drift](rng)
    emitters = rng.uniform(1000, side - 1000, (round(count / (BLINKS * BLINK_FRAMES)), 2))
    if structure == "clustered":
        centres = rng.uniform(1000, side - 1000, (len(emitters) // 10, 2))
        emitters = centres[rng.integers(0, len(centres), len(emitters))] + rng.normal(0, 40, emitters.shape)
    table = observe(rng, emitters, path, side)
    return Field(f"{structure} {drift} {len(table):,}", table, (path - path[0]).astype(np.float32), side)


def observe(
    rng: np.random.Generator, emitters: NDArray[np.float64], path: NDArray[np.float64], side: float
) -> Localizations:
    """Blinks over neighbouring frames, scatter of 5 to 15 nm (median 8), 5 % false localizations."""
    blink = np.repeat(np.arange(len(emitters)), rng.poisson(BLINKS, len(emitters)))
    length = rng.geometric(1 / BLINK_FRAMES, len(blink))
    frame = np.repeat(rng.integers(0, FRAMES, len(blink)), length)
    frame += np.arange(len(frame)) - np.repeat(np.cumsum(length) - length, length)
    emitter = np.repeat(blink, length)[frame < FRAMES]
    frame = frame[frame < FRAMES]
    precision = 8 * np.exp(rng.normal(0, 0.25, len(frame)))
    xy = emitters[emitter] + path[frame] + rng.normal(0, 1, (len(frame), 2)) * precision[:, None]
    n_false = len(frame) // 20
    xy = np.concatenate([xy, rng.uniform(0, side, (n_false, 2))])
    frame = np.concatenate([frame, rng.integers(0, FRAMES, n_false)])
    precision = np.concatenate([precision, np.full(n_false, 12.0)])
    order = np.argsort(frame, kind="stable")
    return Localizations(
        x=xy[order, 0],
        y=xy[order, 1],
        channel=np.zeros(len(order), np.uint8),
        channels=("any",),
        frame=frame[order],
        precision=precision[order],
    )


def nucleus(label: str, seed: int, **changes: float) -> Field:
    """A nucleus of the package's simulation, 20,000 frames, 400 nm."""
    table, truth = simulate(Condition(frames=FRAMES, drift_nm=400.0, **changes), seed, name=label)
    return Field(f"nucleus {label} {len(table):,}", table, truth.drift, float(table.meta["field_nm"]))


def fields(counts: tuple[int, ...] = (30_000, 300_000, 1_000_000), seed: int = 1) -> Iterator[Field]:
    """All simulated fields."""
    for count in counts:
        for structure in STRUCTURES:
            for drift in DRIFTS:
                yield spread(structure, drift, count, seed)
    yield nucleus("sparse", seed)
    yield nucleus("usual", seed, blinks=34.0)
    yield nucleus("dense", seed, blinks=220.0)
