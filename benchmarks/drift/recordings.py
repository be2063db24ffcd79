"""Simulated recordings of many kinds, each with its drift row by row: what the verdict is measured on.

They are made apart from `ainu.simulation`, so that nothing is tuned on the simulator that made it. `first_set` covers
wide ranges; `third_set` has other structures (arcs, islands, strings of spots), seeds and ranges. On these two methods
were developed. `fourth_set` has again others (honeycombs, spirals, clusters of all sizes), for one run at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ainu.localizations.table import Localizations

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """What a recording is drawn as.

    Attributes
    ----------
    structure, drift, channels : str
        How emitters lie, how the stage moves, how colours are recorded: "one", "interleaved", "sequential" or
        "sequential common" (both colours show one structure).
    count, frames, first, beads : int
        Localizations, frames, number of the first frame, beads.
    size_nm, precision_nm, background, per_emitter, field_nm : float
        Drift (RMS), precision, share of false localizations, localizations per emitter, width of the field.
    pause : float
        Share of the frames that is missing in the middle.
    seed : int
        Of all random numbers.
    """

    structure: str
    drift: str
    channels: str
    count: int
    frames: int
    first: int
    beads: int
    size_nm: float
    precision_nm: float
    background: float
    per_emitter: float
    field_nm: float
    pause: float
    seed: int


@dataclass(frozen=True)
class Recording:
    """A recording and the true shift of each of its localizations, (n, 2) nm."""

    kind: Kind
    localizations: Localizations
    shift: Array


def first_set(number: int = 400, seed: int = 13) -> Iterator[Recording]:
    """The set on which methods were developed."""
    for index in range(number):
        yield record(draw(np.random.default_rng([seed, index]), ("clustered", "filaments", "even"), index))


def third_set(number: int = 100, seed: int = 90210) -> Iterator[Recording]:
    """Other structures and ranges, on which methods were developed too."""
    for index in range(number):
        rng = np.random.default_rng([seed, index])
        kind = draw(rng, ("arcs", "islands", "strings"), index)
        changes = {
            "per_emitter": float(rng.choice([1, 2.5, 4, 15, 40])),
            "precision_nm": float(rng.uniform(6, 22)),
            "count": int(np.exp(rng.uniform(np.log(3_500), np.log(250_000)))),
            "frames": int(np.exp(rng.uniform(np.log(400), np.log(50_000)))),
            "field_nm": float(rng.uniform(6_000, 35_000)),
            "beads": int(rng.choice([0, 0, 0, 5])),
            "pause": float(rng.choice([0, 0, 0, 0.05, 0.3])),
        }
        yield record(Kind(**{**vars(kind), **changes}))


def fourth_set(number: int = 100, seed: int = 424242) -> Iterator[Recording]:
    """Again other structures and ranges: for one run at the end."""
    for index in range(number):
        rng = np.random.default_rng([seed, index])
        kind = draw(rng, ("honeycomb", "spirals", "all sizes"), index)
        changes = {
            "per_emitter": float(rng.choice([1, 1.7, 3, 8, 50])),
            "precision_nm": float(rng.uniform(5, 18)),
            "count": int(np.exp(rng.uniform(np.log(5_000), np.log(220_000)))),
            "frames": int(np.exp(rng.uniform(np.log(500), np.log(40_000)))),
            "field_nm": float(rng.uniform(7_000, 30_000)),
            "beads": int(rng.choice([0, 0, 0, 0, 2])),
            "pause": float(rng.choice([0, 0, 0, 0.07, 0.25])),
            "background": float(rng.uniform(0.02, 0.25)),
        }
        yield record(Kind(**{**vars(kind), **changes}))


def draw(rng: np.random.Generator, structures: tuple[str, ...], index: int) -> Kind:
    """A kind at random, wide ranges."""
    drift = ("walk", "brownian", "steps", "thermal", "vibration", "none")[index % 6]
    return Kind(
        structure=str(rng.choice(structures)),
        drift=drift,
        channels=str(rng.choice(["one", "interleaved", "sequential", "sequential common"], p=[0.4, 0.2, 0.25, 0.15])),
        count=int(np.exp(rng.uniform(np.log(3_000), np.log(300_000)))),
        frames=int(np.exp(rng.uniform(np.log(300), np.log(60_000)))),
        first=int(rng.choice([0, 1, 1000, 10**6])),
        beads=int(rng.choice([0, 0, 0, 3])),
        size_nm=0.0 if drift == "none" else float(np.exp(rng.uniform(np.log(5), np.log(500)))),
        precision_nm=float(rng.uniform(5, 20)),
        background=float(rng.uniform(0, 0.3)),
        per_emitter=float(rng.choice([1, 2, 5, 30])),
        field_nm=float(rng.uniform(8_000, 24_000)),
        pause=float(rng.choice([0, 0, 0, 0.1, 0.4])),
        seed=int(rng.integers(2**31)),
    )


def record(kind: Kind) -> Recording:
    """Observe emitters of one or two colours while the stage moves."""
    rng = np.random.default_rng(kind.seed)
    path = course(rng, kind)
    colours = 1 if kind.channels == "one" else 2
    common = places(rng, kind) if kind.channels == "sequential common" else None
    parts = [
        observe(rng, kind, places(rng, kind) if common is None else common, path, colour, colours)
        for colour in range(colours)
    ]
    xy, shift, frame, precision, channel = (np.concatenate(column) for column in zip(*parts, strict=True))
    frame = frame + np.where(frame >= kind.frames // 2, int(kind.pause * kind.frames), 0) + kind.first
    order = np.argsort(frame, kind="stable")
    table = Localizations(
        x=xy[order, 0],
        y=xy[order, 1],
        channel=channel[order],
        channels=("one", "two")[:colours],
        frame=frame[order],
        precision=precision[order],
    )
    return Recording(kind, table, shift[order])


def course(rng: np.random.Generator, kind: Kind) -> Array:
    """(frames, 2) path of the stage: it moves on during a pause, of which no frames are kept."""
    total = kind.frames + int(kind.pause * kind.frames)
    t = np.linspace(0, 1, total)[:, None]
    if kind.drift == "walk":
        waves = np.arange(1, 6)
        path = t * rng.normal(0, 1, 2) + np.sin(np.pi * t * waves) @ (rng.normal(0, 0.3, (5, 2)) / waves[:, None])
    elif kind.drift == "brownian":
        path = np.cumsum(rng.normal(0, 1, (total, 2)), axis=0)
    elif kind.drift == "steps":
        at = np.sort(rng.uniform(0, 1, rng.integers(1, 7)))
        path = 0.3 * t * rng.normal(0, 1, 2) + (t >= at) @ rng.normal(0, 1, (len(at), 2))
    elif kind.drift == "thermal":
        path = (1 - np.exp(-t / rng.uniform(0.05, 0.5))) * rng.normal(0, 1, 2)
    elif kind.drift == "vibration":
        path = np.sin(2 * np.pi * t * rng.uniform(3, 30)) * rng.normal(0, 1, 2) + t * rng.normal(0, 1, 2)
    else:
        path = np.zeros((total, 2))
    half, late = kind.frames // 2, total - kind.frames
    path = np.concatenate([path[:half], path[half + late :]])
    spread = np.sqrt(path.var(axis=0).sum())
    return path * (kind.size_nm / spread if spread else 0)


def places(rng: np.random.Generator, kind: Kind) -> Array:
    """(m, 2) emitters."""
    number = max(int(kind.count / kind.per_emitter), 20)
    side = kind.field_nm
    if kind.structure == "even":
        return rng.uniform(0, side, (number, 2))
    if kind.structure == "clustered":
        size = rng.choice([5, 20, 100])
        centres = rng.uniform(0, side, (max(number // size, 10), 2))
        return centres[rng.integers(0, len(centres), number)] + rng.normal(0, rng.uniform(15, 60), (number, 2))
    if kind.structure == "filaments":
        lines = rng.integers(10, 60)
        start, angle = rng.uniform(0, side, (lines, 2)), rng.uniform(0, 2 * np.pi, lines)
        own, along = rng.integers(0, lines, number), rng.uniform(-0.5, 0.5, number) * side
        bend = rng.normal(0, 0.3, lines)[own] * (along / side)
        turned = angle[own] + bend
        xy = start[own] + along[:, None] * np.stack([np.cos(turned), np.sin(turned)], axis=1)
        return xy + rng.normal(0, 12, (number, 2))
    if kind.structure == "arcs":
        arcs = max(number // 40, 10)
        own, radius = rng.integers(0, arcs, number), rng.uniform(150, 400, arcs)
        angle = rng.uniform(0, 2 * np.pi, arcs)[own] + rng.uniform(0, 2.5, number)
        bent = radius[own, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return rng.uniform(0, side, (arcs, 2))[own] + bent + rng.normal(0, 8, (number, 2))
    if kind.structure == "islands":
        islands = max(number // 200, 8)
        own, radius = rng.integers(0, islands, number), rng.uniform(200, 900, islands)
        angle, away = rng.uniform(0, 2 * np.pi, number), np.sqrt(rng.uniform(0, 1, number))
        inside = (radius[own] * away)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return rng.uniform(0, side, (islands, 2))[own] + inside
    if kind.structure == "strings":
        strings = max(number // 150, 8)
        own, bead = rng.integers(0, strings, number), rng.integers(0, 15, number)
        angle, step = rng.uniform(0, 2 * np.pi, strings), rng.uniform(60, 140, strings)
        along = (bead * step[own])[:, None] * np.stack([np.cos(angle[own]), np.sin(angle[own])], axis=1)
        return rng.uniform(0, side, (strings, 2))[own] + along + rng.normal(0, 12, (number, 2))
    if kind.structure == "honeycomb":
        period, along = rng.uniform(300, 1200), rng.uniform(0, 1, number)
        angle = rng.integers(0, 3, number) * 2 * np.pi / 3
        row, column = rng.integers(0, int(side / period) + 1, (2, number))
        corner = period * np.stack([column * np.sqrt(3) + (row & 1) * np.sqrt(3) / 2, row * 1.5], axis=1)
        wall = (period * along)[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        return (corner + wall) % side + rng.normal(0, 15, (number, 2))
    if kind.structure == "spirals":
        spirals = max(number // 300, 6)
        own, turn = rng.integers(0, spirals, number), np.sqrt(rng.uniform(0, 1, number)) * 5 * np.pi
        radius = rng.uniform(15, 45, spirals)[own] * turn
        bent = radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        return rng.uniform(0, side, (spirals, 2))[own] + bent + rng.normal(0, 10, (number, 2))
    clusters = max(number // 60, 8)
    share, size = rng.lognormal(0, 1.5, clusters), rng.lognormal(np.log(35), 0.6, clusters)
    own = rng.choice(clusters, number, p=share / share.sum())
    return rng.uniform(0, side, (clusters, 2))[own] + rng.normal(0, 1, (number, 2)) * size[own, None]


def observe(
    rng: np.random.Generator, kind: Kind, emitters: Array, path: Array, colour: int, colours: int
) -> tuple[Array, Array, NDArray[np.int64], Array, NDArray[np.uint8]]:
    """Blinks of one colour: positions, true shifts, frames, precisions, channel."""
    first, stop, step, late = 0, kind.frames, 1, 0
    if kind.channels.startswith("sequential"):
        first, stop = (0, kind.frames // 2) if colour == 0 else (kind.frames // 2, kind.frames)
    elif colours == 2:
        step, late = 2, colour
    emitter, frame = blink(rng, kind, len(emitters), stop - first, kind.count // colours)
    frame = np.minimum(first + frame // step * step + late, stop - 1)
    false = rng.binomial(len(frame), kind.background / (1 - kind.background))
    xy = np.concatenate([emitters[emitter], rng.uniform(0, kind.field_nm, (false, 2))])
    frame = np.concatenate([frame, rng.integers(first, stop, false)])
    beads = np.random.default_rng(kind.seed + 1).uniform(0, kind.field_nm, (kind.beads, 2))
    seen = np.flatnonzero(rng.random((kind.beads, stop - first)) < 0.8)
    xy = np.concatenate([xy, beads[seen // (stop - first)]]) if kind.beads else xy
    frame = np.concatenate([frame, first + seen % (stop - first)])
    precision = kind.precision_nm * np.exp(rng.normal(0, 0.25, len(frame)))
    precision[len(frame) - len(seen) :] = 4
    shift = path[frame]
    measured = xy + shift + rng.normal(0, 1, xy.shape) * precision[:, None]
    return measured, shift, frame.astype(np.int64), precision, np.full(len(frame), colour, np.uint8)


def blink(
    rng: np.random.Generator, kind: Kind, emitters: int, frames: int, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Emitter and frame of each localization: geometric numbers per emitter, in blinks of 1.5 frames on average."""
    held = np.ones(emitters, int) if kind.per_emitter <= 1 else rng.geometric(1 / kind.per_emitter, emitters)
    emitter = np.repeat(np.arange(emitters), held)
    new = rng.random(len(emitter)) < 2 / 3
    new[np.concatenate([[0], np.cumsum(held)[:-1]])] = True
    number = np.cumsum(new) - 1
    active = rng.uniform(0, frames, emitters)[emitter[new]]
    spread = rng.choice([0.1, 10.0]) * frames
    started = np.floor((active + rng.exponential(spread, len(active))) % frames).astype(np.int64)
    after = np.arange(len(emitter)) - np.flatnonzero(new)[number]
    frame = started[number] + after
    kept = np.flatnonzero(frame < frames)
    kept = kept[rng.permutation(len(kept))[:count]]
    return emitter[kept], frame[kept]
