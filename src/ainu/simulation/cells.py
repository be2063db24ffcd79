"""Simulated two-colour STORM fields of nuclei whose truth is known.

A nucleus is an ellipse with round nucleoli. DNA sits in chromatin clutches outside the nucleoli, denser at the rim;
RNA polymerase II in clusters and single molecules. What tells the conditions apart is where a share of the Pol II
lies (inside the nucleoli or not), at the same number of molecules. Emitters blink over neighbouring frames, each
localization is scattered by its photons, the field drifts, and false localizations are spread over it. Labelling
efficiency varies with the replicate and with the nucleus, so that counts say nothing about the condition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.hdf5 import new_file, open_file, write_array
from ainu.localizations.formats.writers import write, writer_of
from ainu.localizations.table import Localizations
from ainu.shards import each

CHANNELS = ("PolII", "DNA")
AXIAL = 2.5
"""How much coarser z is known than x and y, by astigmatism (Huang et al., Science 319, 810, 2008)."""
PIXEL_SIZE_NM = 160.0


@dataclass(frozen=True)
class Condition:
    """What a simulated cell state looks like; lengths in nm.

    Attributes
    ----------
    nucleolar_share : float
        Share of the Pol II molecules that lie inside the nucleoli: the planted cause.
    axes_nm, axes_sd_nm : pair of float, float
        Semi-axes of the nucleus and their spread.
    nucleoli : pair of int
        Fewest and most nucleoli.
    nucleolus_nm : pair of float
        Smallest and largest radius of a nucleolus.
    clutches, clutch_emitters, clutch_nm : int, float, float
        Chromatin clutches per nucleus, mean emitters in one, its spread (sd).
    rim_excess : float
        How much denser clutches are at the rim than inside.
    clusters, cluster_emitters, cluster_nm : int, float, float
        The same for Pol II clusters.
    single_share : float
        Share of the Pol II molecules outside clusters.
    blinks, blink_frames : float
        Mean number of times an emitter is seen, mean frames of one.
    photons, background : float
        Mean photons of a localization above the detection limit, mean background per pixel.
    sigma_nm : float
        Width of the point spread function.
    frames : int
        Length of the acquisition.
    drift_nm : float
        Typical way the field has drifted by the end.
    false_share : float
        Share of false localizations, spread over the field.
    labelling_sd : float
        Spread (of the logarithm) of the labelling efficiency between replicates and between nuclei.
    nuclei : int
        Nuclei in a field.
    gap_nm : float, optional
        Each nucleus lies this far from its nearest neighbour (0: they touch); None: well apart.
    depth_nm : float
        Depth of the optical section in which localizations have a z, as by astigmatism; nuclei and nucleoli pass
        through all of it. 0: no z.
    """

    nucleolar_share: float = 0.03
    axes_nm: tuple[float, float] = (5000.0, 4100.0)
    axes_sd_nm: float = 250.0
    nucleoli: tuple[int, int] = (2, 3)
    nucleolus_nm: tuple[float, float] = (800.0, 1200.0)
    clutches: int = 420
    clutch_emitters: float = 6.0
    clutch_nm: float = 45.0
    rim_excess: float = 2.0
    clusters: int = 240
    cluster_emitters: float = 5.0
    cluster_nm: float = 50.0
    single_share: float = 0.35
    blinks: float = 2.0
    blink_frames: float = 1.5
    photons: float = 1500.0
    background: float = 20.0
    sigma_nm: float = 130.0
    frames: int = 4000
    drift_nm: float = 200.0
    false_share: float = 0.04
    labelling_sd: float = 0.2
    nuclei: int = 1
    gap_nm: float | None = None
    depth_nm: float = 0.0

    @property
    def axes(self) -> int:
        """Axes in which molecules are seen: 2 or 3."""
        return 3 if self.depth_nm else 2


CONDITIONS = {
    "somatic": Condition(),
    "hiPSC": Condition(nucleolar_share=0.3),
    "mock": Condition(),
    "HSV-1": Condition(rim_excess=5.0, clusters=86, cluster_emitters=14.0, cluster_nm=90.0),
}
"""Conditions that `simulate` knows by name; others are given as a `Condition`.

Infected by HSV-1, the host's chromatin lies at the rim, and Pol II gathers in fewer, larger places (McSwiggen et al.,
eLife 2019), at the same number of molecules.
"""


def conditions(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Condition]:
    """The known conditions, changed or added to by plain settings (resources/simulation.yaml)."""
    known = {entry.name for entry in fields(Condition)}
    for name, values in settings.items():
        for key in values:
            if key not in known:
                raise AinuError(f"simulation of {name!r}: unknown setting {key!r}; allowed: {', '.join(sorted(known))}")
    changed = {name: replace(CONDITIONS.get(name, Condition()), **values) for name, values in settings.items()}
    return CONDITIONS | changed


@dataclass(frozen=True)
class Ellipse:
    """An ellipse: centre (x, y) and semi-axes in nm, angle of the first axis in radians."""

    x: float
    y: float
    a: float
    b: float
    angle: float = 0.0

    def radius(self, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """Relative distance from the centre: 0 there, 1 on the outline; any shape."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        u, v = (x - self.x) * c + (y - self.y) * s, (y - self.y) * c - (x - self.x) * s
        return np.hypot(u / self.a, v / self.b)

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """(n, 2) points, uniform inside."""
        radius, angle = np.sqrt(rng.random(n)), rng.uniform(0, 2 * np.pi, n)
        u, v = self.a * radius * np.cos(angle), self.b * radius * np.sin(angle)
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.stack([self.x + u * c - v * s, self.y + u * s + v * c], axis=1)

    def outline(self, points: int = 64) -> NDArray[np.float64]:
        """(points, 2) outline in nm."""
        t = np.linspace(0, 2 * np.pi, points, endpoint=False)
        c, s = np.cos(self.angle), np.sin(self.angle)
        u, v = self.a * np.cos(t), self.b * np.sin(t)
        return np.stack([self.x + u * c - v * s, self.y + u * s + v * c], axis=1)


@dataclass(frozen=True)
class Truth:
    """What was simulated: condition, outlines of nuclei and nucleoli, drift ((n_frames, 2 or 3) float32, nm)."""

    condition: str
    nuclei: tuple[Ellipse, ...]
    nucleoli: tuple[tuple[Ellipse, ...], ...]
    drift: NDArray[np.float32]


def simulate(
    condition: str | Condition, seed: int, *, replicate: str = "", name: str | None = None
) -> tuple[Localizations, Truth]:
    """Simulate one field of view.

    Parameters
    ----------
    condition : str or Condition
        A name in `CONDITIONS`, or settings of your own.
    seed : int
        The same seed gives the same field.
    replicate : str
        Fields of one replicate share their labelling efficiency.
    name : str, optional
        What the truth calls the condition.

    Returns
    -------
    localizations : Localizations
        Channels PolII and DNA, with frame, photons, background, precision and sigma, and z where the condition has a
        depth; in order of frames.
    truth : Truth
    """
    if isinstance(condition, str):
        if condition not in CONDITIONS:
            raise AinuError(f"no simulated condition {condition!r}; there are: {', '.join(CONDITIONS)}")
        name, condition = condition, CONDITIONS[condition]
    rng = np.random.default_rng([seed, crc32((name or "").encode())])
    batch = np.random.default_rng([seed // 2**32, crc32(replicate.encode())])
    labelling = np.exp(batch.normal(0, condition.labelling_sd, len(CHANNELS)))
    nuclei, side = _place_nuclei(rng, condition)
    nucleoli = tuple(_place_nucleoli(rng, condition, nucleus) for nucleus in nuclei)
    drift = _drift(rng, condition)
    emitters = [_emitters(rng, condition, *pair, labelling) for pair in zip(nuclei, nucleoli, strict=True)]
    table = _observe(rng, condition, [np.concatenate(parts) for parts in zip(*emitters, strict=True)], drift, side)
    return table, Truth(name or "custom", nuclei, nucleoli, drift)


def _place_nuclei(rng: np.random.Generator, condition: Condition) -> tuple[tuple[Ellipse, ...], float]:
    """The nuclei of a field and its edge in nm."""
    return (
        _spread_nuclei(rng, condition) if condition.gap_nm is None else _pack_nuclei(rng, condition, condition.gap_nm)
    )


def _spread_nuclei(rng: np.random.Generator, condition: Condition) -> tuple[tuple[Ellipse, ...], float]:
    columns = int(np.ceil(np.sqrt(condition.nuclei)))
    pitch = 2 * max(condition.axes_nm) + 8 * condition.axes_sd_nm + 1500
    side = columns * pitch + 4000
    cells = rng.permutation(columns**2)[: condition.nuclei]
    found = []
    for cell in cells:
        a, b = rng.normal(condition.axes_nm, condition.axes_sd_nm)
        x, y = 2000 + (np.array([cell % columns, cell // columns]) + 0.5) * pitch + rng.uniform(-300, 300, 2)
        found.append(Ellipse(float(x), float(y), float(a), float(b), float(rng.uniform(0, np.pi))))
    return tuple(found), side


def _pack_nuclei(rng: np.random.Generator, condition: Condition, gap_nm: float) -> tuple[tuple[Ellipse, ...], float]:
    """Each nucleus is moved away from an earlier one, in a random direction, until it is free of all."""
    found: list[Ellipse] = []
    for _ in range(condition.nuclei):
        a, b = (float(axis) for axis in rng.normal(condition.axes_nm, condition.axes_sd_nm))
        nucleus = Ellipse(0.0, 0.0, a, b, float(rng.uniform(0, np.pi)))
        if found:
            start, direction = found[rng.integers(len(found))], rng.uniform(0, 2 * np.pi)
            nucleus = _moved_free(nucleus, start, direction, found, gap_nm)
        found.append(nucleus)
    points = np.concatenate([nucleus.outline() for nucleus in found])
    low, side = points.min(axis=0) - 2000, float(np.ptp(points, axis=0).max()) + 4000
    return tuple(replace(nucleus, x=nucleus.x - low[0], y=nucleus.y - low[1]) for nucleus in found), side


def _moved_free(
    nucleus: Ellipse, start: Ellipse, direction: float, others: Sequence[Ellipse], gap_nm: float, step_nm: float = 10.0
) -> Ellipse:
    way = np.array([np.cos(direction), np.sin(direction)]) * step_nm
    moved = replace(nucleus, x=start.x, y=start.y)
    while not all(_apart(moved, other, gap_nm) for other in others):
        moved = replace(moved, x=float(moved.x + way[0]), y=float(moved.y + way[1]))
    return moved


def _apart(one: Ellipse, other: Ellipse, gap_nm: float) -> bool:
    """Whether one outline lies outside the other, widened by the gap."""
    widened = replace(other, a=other.a + gap_nm, b=other.b + gap_nm)
    return bool(
        (widened.radius(*one.outline(128).T) >= 1).all() and widened.radius(np.array(one.x), np.array(one.y)) >= 1
    )


def _place_nucleoli(rng: np.random.Generator, condition: Condition, nucleus: Ellipse) -> tuple[Ellipse, ...]:
    found: list[Ellipse] = []
    wanted = rng.integers(condition.nucleoli[0], condition.nucleoli[1] + 1)
    inner = replace(nucleus, a=nucleus.a * 0.65, b=nucleus.b * 0.65)
    for _ in range(1000):
        if len(found) == wanted:
            break
        (x, y), radius = inner.draw(rng, 1)[0], rng.uniform(*condition.nucleolus_nm)
        if all(np.hypot(x - other.x, y - other.y) > radius + other.a + 300 for other in found):
            stretch = rng.uniform(1.0, 1.25)
            found.append(Ellipse(float(x), float(y), radius * stretch, radius / stretch, float(rng.uniform(0, np.pi))))
    return tuple(found)


def _drift(rng: np.random.Generator, condition: Condition) -> NDArray[np.float32]:
    """A smooth walk from 0: (frames, 2 or 3) float32, nm."""
    t = np.linspace(0, 1, condition.frames)[:, None]
    harmonics = np.arange(1, 5)
    amplitude = rng.normal(0, 0.25, (4, condition.axes)) / harmonics[:, None]
    walk = t * rng.normal(0, 1, condition.axes) + np.sin(np.pi * t * harmonics) @ amplitude
    return (condition.drift_nm * (walk - walk[0])).astype(np.float32)


def _emitters(
    rng: np.random.Generator,
    condition: Condition,
    nucleus: Ellipse,
    nucleoli: tuple[Ellipse, ...],
    labelling: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions of the Pol II and the DNA emitters of one nucleus."""
    efficiency = labelling * np.exp(rng.normal(0, condition.labelling_sd, 2))
    return (
        _pol_ii(rng, condition, nucleus, nucleoli, efficiency[0]),
        _chromatin(rng, condition, nucleus, nucleoli, efficiency[1]),
    )


def _pol_ii(
    rng: np.random.Generator, condition: Condition, nucleus: Ellipse, nucleoli: tuple[Ellipse, ...], efficiency: float
) -> NDArray[np.float64]:
    total = efficiency * condition.clusters * condition.cluster_emitters / (1 - condition.single_share)
    inside, outside = total * condition.nucleolar_share, total * (1 - condition.nucleolar_share)
    parts = []
    for share, draw in (
        (outside, lambda n: _outside(rng, nucleus, nucleoli, n, 0.0)),
        (inside, lambda n: _inside(rng, nucleoli, n)),
    ):
        centres = draw(rng.poisson(share * (1 - condition.single_share) / condition.cluster_emitters))
        placed = _at_depths(rng, centres, condition)
        parts.append(_clustered(rng, placed, condition.cluster_emitters, condition.cluster_nm))
        parts.append(_at_depths(rng, draw(rng.poisson(share * condition.single_share)), condition))
    return np.concatenate(parts)


def _chromatin(
    rng: np.random.Generator, condition: Condition, nucleus: Ellipse, nucleoli: tuple[Ellipse, ...], efficiency: float
) -> NDArray[np.float64]:
    centres = _outside(rng, nucleus, nucleoli, rng.poisson(condition.clutches), condition.rim_excess)
    placed = _at_depths(rng, centres, condition)
    return _clustered(rng, placed, efficiency * condition.clutch_emitters, condition.clutch_nm)


def _at_depths(rng: np.random.Generator, points: NDArray[np.float64], condition: Condition) -> NDArray[np.float64]:
    """(n, 2) points with a depth each, uniform over the section; as they are where nothing is seen of depth."""
    if not condition.depth_nm:
        return points
    return np.column_stack([points, rng.uniform(-condition.depth_nm / 2, condition.depth_nm / 2, len(points))])


def _outside(
    rng: np.random.Generator, nucleus: Ellipse, nucleoli: tuple[Ellipse, ...], n: int, rim_excess: float
) -> NDArray[np.float64]:
    """(n, 2) points in the nucleus but not in its nucleoli, denser towards the rim by `rim_excess`."""
    found = np.empty((0, 2))
    while len(found) < n:
        points = nucleus.draw(rng, 2 * n + 100)
        weight = 1 + rim_excess * np.exp((nucleus.radius(points[:, 0], points[:, 1]) - 1) / 0.08)
        free = rng.random(len(points)) < weight / (1 + rim_excess)
        for nucleolus in nucleoli:
            free &= nucleolus.radius(points[:, 0], points[:, 1]) > 1
        found = np.concatenate([found, points[free]])
    return found[:n]


def _inside(rng: np.random.Generator, nucleoli: tuple[Ellipse, ...], n: int) -> NDArray[np.float64]:
    """(n, 2) points in the nucleoli, by area."""
    if not nucleoli:
        return np.empty((0, 2))
    areas = np.array([nucleolus.a * nucleolus.b for nucleolus in nucleoli])
    counts = rng.multinomial(n, areas / areas.sum())
    return np.concatenate([nucleolus.draw(rng, count) for nucleolus, count in zip(nucleoli, counts, strict=True)])


def _clustered(rng: np.random.Generator, centres: NDArray[np.float64], mean: float, sd: float) -> NDArray[np.float64]:
    members = np.repeat(centres, rng.poisson(mean, len(centres)), axis=0)
    return members + rng.normal(0, sd, members.shape)


def _observe(
    rng: np.random.Generator,
    condition: Condition,
    emitters: list[NDArray[np.float64]],
    drift: NDArray[np.float32],
    side_nm: float,
) -> Localizations:
    """What the microscope makes of the emitters (one array of positions per channel)."""
    position, frame, channel = _blink(rng, condition, emitters)
    n_false = rng.poisson(len(position) * condition.false_share / (1 - condition.false_share))
    false = _at_depths(rng, rng.uniform(0, side_nm, (n_false, 2)), condition)
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
    """Lateral precision in nm of a least-squares fit (Mortensen et al., Nature Methods 7, 377, 2010, eq. 6)."""
    variance = sigma_nm**2 + pixel_nm**2 / 12
    return np.sqrt(variance / photons * (16 / 9 + 8 * np.pi * variance * background / (photons * pixel_nm**2)))


def field_seed(seed: int, sample: str) -> int:
    """The seed of one simulated field: the run's seed in the upper half, so that replicates can be shared by fields."""
    return seed * 2**32 + crc32(sample.encode())


def write_fields(
    rows: Sequence[Mapping[str, str]], known: Mapping[str, Condition], seed: int, truth: str | Path, threads: int = 1
) -> None:
    """Simulate rows of a sample sheet (`sample`, `path`, `label`, `replicate`) and write files and truth.

    The ending of the path says the format. Raises an `AinuError` for a label or an ending that cannot be simulated.
    """
    for row in rows:
        if row["label"] not in known:
            raise AinuError(
                f"sample {row['sample']}: label {row['label']!r} cannot be simulated; known: {', '.join(known)}"
            )
        writer_of(row["path"])
    truths = each(partial(_write_field, dict(known), seed), list(rows), threads, "simulate")
    write_truth(truth, dict(zip((row["sample"] for row in rows), truths, strict=True)))


def _write_field(known: dict[str, Condition], seed: int, row: Mapping[str, str]) -> Truth:
    own = field_seed(seed, row["sample"])
    table, truth = simulate(known[row["label"]], own, replicate=row["replicate"], name=row["label"])
    write(table, row["path"], pixel_size_nm=PIXEL_SIZE_NM)
    return truth


def write_truth(path: str | Path, truths: Mapping[str, Truth]) -> None:
    """Write the truth of several samples as one HDF5 file (a group per sample)."""
    with new_file(path) as file:
        for sample, truth in truths.items():
            group = file.create_group(sample)
            write_array(group, "drift", truth.drift)
            shapes = {
                "condition": truth.condition,
                "nuclei": [asdict(nucleus) for nucleus in truth.nuclei],
                "nucleoli": [[asdict(nucleolus) for nucleolus in each] for each in truth.nucleoli],
            }
            group.attrs["truth"] = json.dumps(shapes, sort_keys=True)


def read_truth(path: str | Path, sample: str) -> Truth:
    """Read the truth of one sample."""
    with open_file(path) as file:
        shapes = json.loads(file[sample].attrs["truth"])
        drift = file[sample]["drift"][()]
    nuclei = tuple(Ellipse(**values) for values in shapes["nuclei"])
    nucleoli = tuple(tuple(Ellipse(**values) for values in each) for each in shapes["nucleoli"])
    return Truth(shapes["condition"], nuclei, nucleoli, drift)
