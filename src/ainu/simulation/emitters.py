"""Positions of the emitters of a simulated nucleus: Pol II and DNA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ainu.simulation.conditions import Condition
from ainu.simulation.shapes import Anatomy, Ellipse


@dataclass(frozen=True)
class Emitters:
    """Dyes of one channel.

    Attributes
    ----------
    position : (n, 2 or 3) float64
        In nm.
    cluster : (n,) int32
        To which cluster each belongs, numbered from 0; -1: to none.
    altered : (n,) bool
        Whether that cluster is altered.
    """

    position: NDArray[np.float64]
    cluster: NDArray[np.int32]
    altered: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.position)

    def __getitem__(self, selection: NDArray[np.bool_]) -> Emitters:
        """Those of a mask, under the same numbers of clusters."""
        return Emitters(self.position[selection], self.cluster[selection], self.altered[selection])

    @classmethod
    def single(cls, position: NDArray[np.float64]) -> Emitters:
        """Emitters of no cluster, at (n, 2 or 3) positions in nm."""
        n = len(position)
        return cls(position, np.full(n, -1, np.int32), np.zeros(n, bool))


def joined(parts: Sequence[Emitters]) -> Emitters:
    """One after the other, with their clusters numbered on."""
    numbers, first = [], 0
    for part in parts:
        numbers.append(np.where(part.cluster < 0, -1, part.cluster + first).astype(np.int32))
        first += int(part.cluster.max(initial=-1)) + 1
    return Emitters(
        np.concatenate([part.position for part in parts]),
        np.concatenate(numbers),
        np.concatenate([part.altered for part in parts]),
    )


def emitters_of(
    rng: np.random.Generator, condition: Condition, anatomy: Anatomy, labelling: NDArray[np.float64]
) -> tuple[Emitters, Emitters]:
    """The emitters of one nucleus.

    Parameters
    ----------
    rng : np.random.Generator
        Source of the random numbers.
    condition : Condition
        What the nucleus looks like.
    anatomy : Anatomy
        Its outlines.
    labelling : (2,) float64
        Labelling efficiency of Pol II and DNA.

    Returns
    -------
    pol_ii, dna : Emitters
    """
    apart = rng.spawn(1)[0]
    condition = _of_one_nucleus(apart, condition)
    efficiency = labelling * np.exp(rng.normal(0, condition.labelling_sd, 2))
    channels = (
        _pol_ii(rng, apart, condition, anatomy, efficiency[0]),
        _chromatin(rng, condition, anatomy, efficiency[1]),
    )
    if condition.labelled_share == 1:
        return channels
    pol_ii, dna = (part[apart.random(len(part)) < condition.labelled_share] for part in channels)
    return pol_ii, dna


def _of_one_nucleus(apart: np.random.Generator, condition: Condition) -> Condition:
    """The condition with the nucleolar share and the spreads of clusters that one nucleus happens to have."""
    if not (condition.nucleolar_share_sd or condition.cluster_sd):
        return condition
    share, spread = np.exp(apart.normal(0, 1, 2) * [condition.nucleolar_share_sd, condition.cluster_sd])
    return replace(
        condition,
        nucleolar_share=min(0.9, condition.nucleolar_share * float(share)),
        cluster_nm=condition.cluster_nm * float(spread),
        altered_nm=condition.altered_nm * float(spread),
    )


def _pol_ii(
    rng: np.random.Generator, apart: np.random.Generator, condition: Condition, anatomy: Anatomy, efficiency: float
) -> Emitters:
    total = efficiency * condition.clusters * condition.cluster_emitters / (1 - condition.single_share)
    inside, outside = total * condition.nucleolar_share, total * (1 - condition.nucleolar_share)
    parts = []
    for share, draw in (
        (outside, lambda n: _outside(rng, anatomy, n, 0.0)),
        (inside, lambda n: _inside(rng, anatomy.nucleoli, n)),
    ):
        centres = draw(rng.poisson(share * (1 - condition.single_share) / condition.cluster_emitters))
        altered = _altered(apart, condition, anatomy, centres)
        spread = np.where(altered, condition.altered_nm, condition.cluster_nm)
        placed = at_depths(rng, centres, condition)
        cluster, offsets = _members(rng, spread, condition.cluster_emitters, condition)
        parts.append(Emitters(placed[cluster] + offsets, cluster, altered[cluster]))
        parts.append(Emitters.single(at_depths(rng, draw(rng.poisson(share * condition.single_share)), condition)))
    return joined(parts)


def _altered(
    apart: np.random.Generator, condition: Condition, anatomy: Anatomy, centres: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(n,) bool: which clusters are altered."""
    if condition.altered_where == "random":
        return apart.random(len(centres)) < condition.altered_share
    return np.zeros(len(centres), bool) if anatomy.region is None else anatomy.region.contains(centres)


def _chromatin(rng: np.random.Generator, condition: Condition, anatomy: Anatomy, efficiency: float) -> Emitters:
    centres = _outside(rng, anatomy, rng.poisson(condition.clutches), condition.rim_excess)
    placed = at_depths(rng, centres, condition)
    spread = np.full(len(centres), condition.clutch_nm)
    mean = efficiency * condition.clutch_emitters
    cluster, offsets = _members(rng, spread, mean, replace(condition, cluster_shape="blob"))
    return Emitters(placed[cluster] + offsets, cluster, np.zeros(len(cluster), bool))


def at_depths(rng: np.random.Generator, points: NDArray[np.float64], condition: Condition) -> NDArray[np.float64]:
    """Give points a depth each, uniform over the section.

    Parameters
    ----------
    rng : Generator
        For the depths.
    points : (n, 2) float64
        nm.
    condition : Condition
        Thickness of the section, `depth_nm`; 0: nothing is seen of depth.

    Returns
    -------
    (n, 3) float64
        nm; (n, 2), the points as they are, where nothing is seen of depth.
    """
    if not condition.depth_nm:
        return points
    return np.column_stack([points, rng.uniform(-condition.depth_nm / 2, condition.depth_nm / 2, len(points))])


def _outside(rng: np.random.Generator, anatomy: Anatomy, n: int, rim_excess: float) -> NDArray[np.float64]:
    """(n, 2) points in the nucleus but not in its nucleoli, denser towards the rim by `rim_excess`."""
    found = np.empty((0, 2))
    while len(found) < n:
        points = anatomy.nucleus.draw(rng, 2 * n + 100)
        weight = 1 + rim_excess * np.exp((anatomy.nucleus.radius(points[:, 0], points[:, 1]) - 1) / 0.08)
        free = rng.random(len(points)) < weight / (1 + rim_excess)
        for empty in anatomy.nucleoli + anatomy.bite:
            free &= empty.radius(points[:, 0], points[:, 1]) > 1
        found = np.concatenate([found, points[free]])
    return found[:n]


def _inside(rng: np.random.Generator, nucleoli: tuple[Ellipse, ...], n: int) -> NDArray[np.float64]:
    """(n, 2) points in the nucleoli, by area."""
    if not nucleoli:
        return np.empty((0, 2))
    areas = np.array([nucleolus.a * nucleolus.b for nucleolus in nucleoli])
    counts = rng.multinomial(n, areas / areas.sum())
    return np.concatenate([nucleolus.draw(rng, count) for nucleolus, count in zip(nucleoli, counts, strict=True)])


def _members(
    rng: np.random.Generator, spread: NDArray[np.float64], mean: float, condition: Condition
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The members of clusters of (n,) spreads in nm: the cluster of each, and how far it lies from its middle."""
    cluster = np.repeat(np.arange(len(spread), dtype=np.int32), rng.poisson(mean, len(spread)))
    return cluster, SHAPES[condition.cluster_shape](rng, cluster, condition.axes) * spread[cluster, None]


def _blob(rng: np.random.Generator, cluster: NDArray[np.int32], axes: int) -> NDArray[np.float64]:
    return rng.normal(0, 1, (len(cluster), axes))


def _ring(rng: np.random.Generator, cluster: NDArray[np.int32], axes: int) -> NDArray[np.float64]:
    """A ring in the plane, a quarter of the spread in width."""
    offsets = rng.normal(0, 1, (len(cluster), axes))
    angle = rng.uniform(0, 2 * np.pi, len(cluster))
    around = np.sqrt(2 * (1 - RING_WIDTH**2)) * np.column_stack([np.cos(angle), np.sin(angle)])
    offsets[:, :2] = RING_WIDTH * offsets[:, :2] + around
    return offsets


def _rod(rng: np.random.Generator, cluster: NDArray[np.int32], axes: int) -> NDArray[np.float64]:
    """A straight rod in the plane; clusters lie in any direction."""
    offsets = rng.normal(0, 1, (len(cluster), axes))
    angle = rng.uniform(0, np.pi, int(cluster.max(initial=-1)) + 1)[cluster]
    along = np.sqrt(6 * (1 - ROD_WIDTH**2)) * rng.uniform(-1, 1, len(cluster))
    offsets[:, :2] = ROD_WIDTH * offsets[:, :2] + along[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return offsets


RING_WIDTH, ROD_WIDTH = 0.25, 0.35
"""Spread across a ring and a rod, in spreads of the whole."""

SHAPES = {"blob": _blob, "ring": _ring, "rod": _rod}
"""Shape of a cluster -> positions of its members from its middle, of a mean square of 1 along x and along y."""
