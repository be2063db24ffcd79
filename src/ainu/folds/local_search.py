"""Replicates into parts by local search: a start for the integer program, and the fallback where that proves nothing.

Replicates with the same number of nuclei in each column (class, or class in one batch) are one *kind*; an assignment
says how many replicates of each kind a part gets.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """Replicates of T kinds to be put into F parts, each of which should hold a given share of each of C columns.

    The first columns are the classes, which every part must hold; others are only to be spread. An assignment is a
    (T, F) array: how many replicates of each kind a part gets.

    Attributes
    ----------
    kinds : (T, C) int64
        Nuclei of each column in one replicate of the kind.
    number : (T,) int64
        Replicates of the kind.
    shares : tuple of F Fraction
        What share of each column the parts should hold.
    classes : int
        How many of the columns are classes.
    """

    kinds: Counts
    number: Counts
    shares: tuple[Fraction, ...]
    classes: int

    @property
    def totals(self) -> Counts:
        """(C,) nuclei of each column."""
        return self.number @ self.kinds

    @property
    def alike(self) -> bool:
        """Whether all parts should hold the same share."""
        return len(set(self.shares)) == 1

    @property
    def targets(self) -> list[list[Fraction]]:
        """(F, C) nuclei that would be exactly the share, as fractions."""
        return [[share * int(total) for total in self.totals] for share in self.shares]

    def counts(self, assignment: Counts) -> Counts:
        """(F, C) nuclei of each column in each part under a (T, F) assignment."""
        return assignment.T @ self.kinds

    def missing(self, assignment: Counts) -> int:
        """Number of classes that parts lack under a (T, F) assignment."""
        return int((self.counts(assignment)[:, : self.classes] == 0).sum())

    def deviations(self, assignment: Counts) -> list[Fraction]:
        """Per part and column, how far the share of the column is from the wanted one; of a (T, F) assignment."""
        rows = zip(self.counts(assignment), self.targets, strict=True)
        pairs = [zip(row, targets, self.totals, strict=True) for row, targets in rows]
        return [abs(int(n) - target) / int(total) for n, target, total in itertools.chain(*pairs)]

    def quality(self, assignment: Counts) -> tuple[int, Fraction, Fraction]:
        """Minimised for a (T, F) assignment, in this order: missing classes, largest deviation, sum of deviations."""
        deviations = self.deviations(assignment)
        return self.missing(assignment), max(deviations), sum(deviations, Fraction())

    def valid(self, assignment: Counts) -> bool:
        """Whether a (T, F) assignment has each replicate in one part and each class in each part."""
        whole = bool((assignment >= 0).all()) and np.array_equal(assignment.sum(axis=1), self.number)
        return whole and self.missing(assignment) == 0


def greedy(problem: Problem) -> Counts:
    """(T, F) assignment of replicates from large to small, each to the part that costs least afterwards."""
    assignment = np.zeros((len(problem.kinds), len(problem.shares)), np.int64)
    counts = problem.counts(assignment)
    for kind, number in enumerate(problem.number):
        for _ in range(number):
            fill = (counts + problem.kinds[kind]) / problem.totals / np.array(problem.shares, float)[:, None]
            new = (counts == 0) & (problem.kinds[kind] > 0)
            part = int(np.argmin((fill**2).sum(axis=1) - new.sum(axis=1)))
            assignment[kind, part] += 1
            counts[part] += problem.kinds[kind]
    return assignment


def search(
    problem: Problem, start: Counts, floor: Fraction, rng: np.random.Generator, work: int, deadline: float
) -> Counts:
    """Iterated local search: descend, move a few replicates of the best assignment at random, descend again.

    Parameters
    ----------
    problem : Problem
        What is to be assigned.
    start : (T, F) int64
        Where it starts.
    floor : Fraction
        Ends where the largest deviation is as low.
    rng : Generator
        Draws the moves.
    work : int
        Limit: comparisons of pairs of replicates, roughly.
    deadline : float
        Limit, by `time.monotonic`.

    Returns
    -------
    (T, F) int64
        The best assignment found.
    """
    best = _descend(problem, start, deadline)
    quality = problem.quality(best)
    work_per_kick = len(_slots(problem, best)[0]) ** 2 * len(problem.totals) + 100_000
    for _ in range(work // work_per_kick):
        if quality[:2] <= (0, floor) or time.monotonic() > deadline:
            break
        tried = _descend(problem, _kick(best, rng), deadline)
        if problem.quality(tried) < quality:
            best, quality = tried, problem.quality(tried)
    return best


def _kick(assignment: Counts, rng: np.random.Generator) -> Counts:
    kicked = assignment.copy()
    for _ in range(3):
        kind, part = rng.choice(np.argwhere(kicked > 0))
        kicked[kind, part] -= 1
        kicked[kind, rng.integers(kicked.shape[1])] += 1
    return kicked


def _descend(problem: Problem, assignment: Counts, deadline: float) -> Counts:
    """Make the best swap of two replicates, or move of one, until none helps."""
    while time.monotonic() < deadline:
        improved = _improve(problem, assignment)
        if improved is None:
            break
        assignment = improved
    return assignment


def _slots(problem: Problem, assignment: Counts) -> tuple[Counts, Counts, Counts]:
    """Kind, part and (n, C) nuclei of what can be swapped; each part also has an empty place, of kind -1."""
    kind, part = np.nonzero(assignment)
    parts = np.arange(assignment.shape[1])
    empty = np.zeros((len(parts), problem.kinds.shape[1]), np.int64)
    contents = np.concatenate([problem.kinds[kind], empty])
    return np.append(kind, np.full(len(parts), -1)), np.append(part, parts), contents


def _improve(problem: Problem, assignment: Counts) -> Counts | None:
    kind, part, contents = _slots(problem, assignment)
    one, two = np.triu_indices(len(kind), 1)
    apart = part[one] != part[two]
    one, two = one[apart], two[apart]
    counts, change = problem.counts(assignment), contents[two] - contents[one]
    before = _cost(problem, counts, np.arange(len(counts)))
    after = _cost(problem, counts[part[one]] + change, part[one]) + _cost(
        problem, counts[part[two]] - change, part[two]
    )
    gain = before[part[one]] + before[part[two]] - after
    best = int(np.argmax(gain))
    if gain[best] <= 1e-9 * before.sum():
        return None
    return _swapped(assignment, kind, part, int(one[best]), int(two[best]))


def _swapped(assignment: Counts, kind: Counts, part: Counts, one: int, two: int) -> Counts:
    changed = assignment.copy()
    for slot, to in ((one, part[two]), (two, part[one])):
        if kind[slot] >= 0:
            changed[kind[slot], part[slot]] -= 1
            changed[kind[slot], to] += 1
    return changed


def _cost(problem: Problem, counts: Counts, parts: Counts) -> NDArray[np.float64]:
    """(n,) cost of parts with these (n, C) nuclei: a smooth largest deviation, and more per missing class."""
    off = np.abs(counts / problem.totals - np.array(problem.shares, float)[parts, None])
    eighth_power = np.square(np.square(np.square(off)))
    return eighth_power.sum(axis=1) + 2.0 * (counts[:, : problem.classes] == 0).sum(axis=1)
