"""Positions of the emitters of a simulated nucleus: Pol II and DNA."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ainu.simulation.conditions import Condition
from ainu.simulation.shapes import Ellipse


def emitters_of(
    rng: np.random.Generator,
    condition: Condition,
    nucleus: Ellipse,
    nucleoli: tuple[Ellipse, ...],
    labelling: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions of the emitters of one nucleus.

    Parameters
    ----------
    rng : np.random.Generator
        Source of the random numbers.
    condition : Condition
        What the nucleus looks like.
    nucleus : Ellipse
        Its outline.
    nucleoli : tuple of Ellipse
        Their outlines.
    labelling : (2,) float64
        Labelling efficiency of Pol II and DNA.

    Returns
    -------
    pol_ii, dna : (n, 2 or 3) float64
        In nm.
    """
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
        placed = at_depths(rng, centres, condition)
        parts.append(_clustered(rng, placed, condition.cluster_emitters, condition.cluster_nm))
        parts.append(at_depths(rng, draw(rng.poisson(share * condition.single_share)), condition))
    return np.concatenate(parts)


def _chromatin(
    rng: np.random.Generator, condition: Condition, nucleus: Ellipse, nucleoli: tuple[Ellipse, ...], efficiency: float
) -> NDArray[np.float64]:
    centres = _outside(rng, nucleus, nucleoli, rng.poisson(condition.clutches), condition.rim_excess)
    placed = at_depths(rng, centres, condition)
    return _clustered(rng, placed, efficiency * condition.clutch_emitters, condition.clutch_nm)


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
