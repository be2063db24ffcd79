"""Outlines of simulated nuclei and nucleoli, and their places in a field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.simulation.conditions import Condition


@dataclass(frozen=True)
class Ellipse:
    """An ellipse: centre (x, y) and semi-axes in nm, angle of the first axis in radians."""

    x: float
    y: float
    a: float
    b: float
    angle: float = 0.0

    def radius(self, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """Relative distance of (...) positions in nm from the centre, (...) float64: 0 there, 1 on the outline."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        u, v = (x - self.x) * c + (y - self.y) * s, (y - self.y) * c - (x - self.x) * s
        return np.hypot(u / self.a, v / self.b)

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of (n, 2 or 3) points in nm lie inside: (n,) bool."""
        return self.radius(points[:, 0], points[:, 1]) < 1

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """(n, 2) float64 points in nm, uniform inside."""
        radius, angle = np.sqrt(rng.random(n)), rng.uniform(0, 2 * np.pi, n)
        u, v = self.a * radius * np.cos(angle), self.b * radius * np.sin(angle)
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.stack([self.x + u * c - v * s, self.y + u * s + v * c], axis=1)

    def outline(self, points: int = 64) -> NDArray[np.float64]:
        """(points, 2) float64 outline in nm."""
        t = np.linspace(0, 2 * np.pi, points, endpoint=False)
        c, s = np.cos(self.angle), np.sin(self.angle)
        u, v = self.a * np.cos(t), self.b * np.sin(t)
        return np.stack([self.x + u * c - v * s, self.y + u * s + v * c], axis=1)


@dataclass(frozen=True)
class HalfPlane:
    """What lies beyond a line: one of its points (x, y) in nm, and the angle of its normal in radians."""

    x: float
    y: float
    angle: float

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of (n, 2 or 3) points in nm lie beyond the line: (n,) bool."""
        return (points[:, 0] - self.x) * np.cos(self.angle) + (points[:, 1] - self.y) * np.sin(self.angle) > 0


Region = Ellipse | HalfPlane
"""A part of a nucleus."""


@dataclass(frozen=True)
class Anatomy:
    """The parts of a nucleus.

    Attributes
    ----------
    nucleus : Ellipse
        Its outline.
    nucleoli : tuple of Ellipse
        In which there is no DNA.
    region : Ellipse or HalfPlane, optional
        Where clusters are altered.
    bite : tuple of Ellipse
        Where there is nothing: one, or none.
    """

    nucleus: Ellipse
    nucleoli: tuple[Ellipse, ...]
    region: Region | None
    bite: tuple[Ellipse, ...]


def place_region(rng: np.random.Generator, condition: Condition, nucleus: Ellipse) -> Region | None:
    """The part of a nucleus whose clusters are altered; None where no place decides it.

    Parameters
    ----------
    rng : Generator
        For its place.
    condition : Condition
        `altered_where` and `altered_share`, the share of the nucleus's area.
    nucleus : Ellipse
        The nucleus.

    Returns
    -------
    Ellipse or HalfPlane, optional
    """
    if condition.altered_where == "disc":
        radius = float(np.sqrt(condition.altered_share * nucleus.a * nucleus.b))
        inner = replace(nucleus, a=max(nucleus.a - radius, 1.0), b=max(nucleus.b - radius, 1.0))
        (x, y) = inner.draw(rng, 1)[0]
        return Ellipse(float(x), float(y), radius, radius)
    if condition.altered_where == "half":
        return _beyond(nucleus, condition.altered_share, float(rng.uniform(0, 2 * np.pi)))
    return None


def _beyond(nucleus: Ellipse, share: float, direction: float) -> HalfPlane:
    """The half-plane that holds a share of a nucleus; its direction is that in which the nucleus is a circle."""
    distances = np.linspace(-1, 1, 2001)
    beyond = (np.arccos(distances) - distances * np.sqrt(1 - distances**2)) / np.pi
    distance = np.interp(share, beyond[::-1], distances[::-1])
    u, v = np.cos(direction) / nucleus.a, np.sin(direction) / nucleus.b
    c, s = np.cos(nucleus.angle), np.sin(nucleus.angle)
    normal = np.array([u * c - v * s, u * s + v * c])
    x, y = np.array([nucleus.x, nucleus.y]) + distance * normal / (normal**2).sum()
    return HalfPlane(float(x), float(y), float(np.arctan2(normal[1], normal[0])))


def place_bite(rng: np.random.Generator, condition: Condition, nucleus: Ellipse) -> tuple[Ellipse, ...]:
    """The bite out of a side of a nucleus.

    Parameters
    ----------
    rng : Generator
        For the side.
    condition : Condition
        Its radius, `bite_nm`.
    nucleus : Ellipse
        The nucleus.

    Returns
    -------
    tuple of Ellipse
        One, or none.
    """
    if not condition.bite_nm:
        return ()
    side = nucleus.angle + rng.choice([-1, 1]) * np.pi / 2
    x, y = nucleus.x + nucleus.b * np.cos(side), nucleus.y + nucleus.b * np.sin(side)
    return (Ellipse(float(x), float(y), condition.bite_nm, condition.bite_nm),)


def place_nuclei(rng: np.random.Generator, condition: Condition) -> tuple[tuple[Ellipse, ...], float]:
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


def place_nucleoli(rng: np.random.Generator, condition: Condition, nucleus: Ellipse) -> tuple[Ellipse, ...]:
    """The nucleoli of a nucleus, apart from each other; fewer than drawn where there is no room.

    Parameters
    ----------
    rng : Generator
        For number, places and sizes.
    condition : Condition
        Their number and size.
    nucleus : Ellipse
        That holds them.

    Returns
    -------
    tuple of Ellipse
        The nucleoli, nm.
    """
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
