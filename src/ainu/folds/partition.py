"""Whole replicates into parts that hold given shares of every class: folds, or a training and a validation set.

Replicates with the same number of nuclei in each column (class, or class in one batch) are one *kind*. How many of each
kind a part gets is an integer program; a local search gives it a good start and a fallback.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.folds.integer_program import (
    Counts,
    Problem,
    best_cover,
    better,
    evened_out,
    lowest_deviation,
    other_optimum,
)
from ainu.folds.table import check_nuclei

FIRST_SEARCH_WORK, VALIDATION_SEARCH_WORK = 20_000_000, 20_000_000
"""Limits of the local search for a start, and for a validation set whose optimum is not proven."""
VALIDATION_LEVEL_WORK = 20_000
"""Limit of the integer program for a validation set, as `integer_program.LEVEL_WORK` for folds."""


@dataclass(frozen=True)
class Replicates:
    """The replicates of a table by kind; the order of the table's rows does not matter.

    Attributes
    ----------
    classes : list of str
        Sorted.
    names : list of list of str
        The replicates of each kind.
    problem : Problem
        What is to be assigned.
    """

    classes: list[str]
    names: list[list[str]]
    problem: Problem

    @classmethod
    def of(cls, nuclei: pd.DataFrame, shares: Sequence[Fraction]) -> Replicates:
        """From a table of nuclei, for parts that should hold these shares."""
        classes = pd.crosstab(nuclei["replicate"], nuclei["label"]).sort_index(axis=0).sort_index(axis=1)
        counts = pd.concat([classes, _batches(nuclei)], axis=1).fillna(0)
        kinds, kind_of = np.unique(counts.to_numpy(np.int64), axis=0, return_inverse=True)
        order = np.argsort(-(kinds / counts.to_numpy().sum(axis=0)).max(axis=1), kind="stable")
        names = [[str(name) for name in counts.index[kind_of.ravel() == kind]] for kind in order]
        number = np.array([len(members) for members in names], np.int64)
        problem = Problem(kinds[order], number, tuple(shares), classes.shape[1])
        return cls([str(name) for name in classes.columns], names, problem)

    def holding(self, column: int) -> list[str]:
        """Names of the replicates that hold a class."""
        return sorted(itertools.chain(*itertools.compress(self.names, self.problem.kinds[:, column] > 0)))


def _batches(nuclei: pd.DataFrame) -> pd.DataFrame:
    """Nuclei per replicate (rows) of each class in each batch (columns) that can be spread: of several replicates."""
    if "batch" not in nuclei:
        return pd.DataFrame(index=pd.Index([], name="replicate"))
    known = nuclei[nuclei["batch"].astype(str) != ""]
    counts = pd.crosstab(known["replicate"], [known["label"], known["batch"]]).sort_index(axis=1)
    replicates = (counts > 0).sum(axis=0).to_numpy()
    of_class = nuclei.groupby("label")["replicate"].nunique()[counts.columns.get_level_values("label")].to_numpy()
    spread = counts.to_numpy()[:, (replicates > 1) & (replicates < of_class)]
    return pd.DataFrame(spread, index=counts.index)


def deal(replicates: Replicates, assignment: Counts, rng: np.random.Generator) -> dict[str, int]:
    """The part of each replicate, drawn at random among those of its kind, from a (T, F) assignment.

    Parameters
    ----------
    replicates : Replicates
        By kind.
    assignment : (T, F) int64
        How many replicates of each kind a part gets.
    rng : Generator
        For the draw.

    Returns
    -------
    dict of str to int
        Part of each replicate by its name, from 0.
    """
    parts = np.arange(assignment.shape[1])
    numbers = rng.permutation(parts) if replicates.problem.equal_shares else parts
    dealt: dict[str, int] = {}
    for names, row in zip(replicates.names, assignment, strict=True):
        dealt.update(zip(rng.permutation(names).tolist(), np.repeat(numbers, row).tolist(), strict=True))
    return dealt


@dataclass(frozen=True)
class Best:
    """The best assignment known.

    Attributes
    ----------
    assignment : (T, F) int64
        Replicates of each kind in each part.
    floor : Fraction
        No assignment has a smaller largest deviation.
    proven : bool
        Whether this one is proven to be optimal.
    """

    assignment: Counts
    floor: Fraction
    proven: bool


def best_assignment(problem: Problem, seed: int, deadline: float, work: int) -> Best | None:
    """The assignment with the smallest largest deviation, then with the smallest sum of deviations.

    Parameters
    ----------
    problem : Problem
        What is to be assigned.
    seed : int
        Of the local search for the start.
    deadline : float
        Limit, by `time.monotonic`, s.
    work : int
        Limit of the integer program: nodes times variables.

    Returns
    -------
    Best, optional
        None where not every part can have every class.
    """
    floor = _floor(problem)
    start = _start(problem, floor, np.random.default_rng(seed), part_of_time(deadline, 0.2))
    if start is None:
        return None
    start, floor = lowest_deviation(problem, start, floor, work, part_of_time(deadline, 0.5))
    proven = problem.quality(start)[1] <= floor
    if proven:
        start = evened_out(problem, start, part_of_time(deadline, 0.5))
    return Best(start, floor, proven)


def another(problem: Problem, best: Best, rng: np.random.Generator, work: int, deadline: float) -> Counts:
    """(T, F) assignment no worse than the best known: another optimum, or the result of another local search.

    Parameters
    ----------
    problem : Problem
        What is assigned.
    best : Best
        The best assignment known.
    rng : Generator
        For the random choices.
    work : int
        Limit of the local search.
    deadline : float
        Limit, by `time.monotonic`, s.

    Returns
    -------
    (T, F) int64
        How many replicates of each kind a part gets.
    """
    if best.proven:
        return other_optimum(problem, best.assignment, rng, deadline)
    return better(problem, best.assignment, _search(problem, _greedy(problem), best.floor, rng, work, deadline))


def part_of_time(deadline: float, part: float) -> float:
    """A deadline after a part of the time that is left."""
    now = time.monotonic()
    return now + part * (deadline - now)


def _floor(problem: Problem) -> Fraction:
    """A deviation below which no assignment can be: nuclei are whole, and the largest replicate is somewhere."""
    wholes = (
        _whole_floor(int(total), problem.shares, least=int(column < problem.classes))
        for column, total in enumerate(problem.totals)
    )
    largest = (
        int(most) / Fraction(int(total)) for most, total in zip(problem.kinds.max(axis=0), problem.totals, strict=True)
    )
    return max(*wholes, *(most - max(problem.shares) for most in largest))


def _whole_floor(total: int, shares: Sequence[Fraction], least: int) -> Fraction:
    """The smallest largest deviation when single nuclei of one column could be moved freely."""
    targets = [share * total for share in shares]
    near = {abs(n - t) for t in targets for n in (max(least, math.floor(t)), max(least, math.ceil(t)))}
    return next(slack for slack in sorted(near) if _fits(total, targets, slack, least)) / total


def _fits(total: int, targets: Sequence[Fraction], slack: Fraction, least: int) -> bool:
    lowest = [max(least, math.ceil(target - slack)) for target in targets]
    highest = [math.floor(target + slack) for target in targets]
    reachable = all(low <= high for low, high in zip(lowest, highest, strict=True))
    return reachable and sum(lowest) <= total <= sum(highest)


def _start(problem: Problem, floor: Fraction, rng: np.random.Generator, deadline: float) -> Counts | None:
    """A good assignment by greedy choice and local search; where that leaves classes out, from the exact cover."""
    found = _search(problem, _greedy(problem), floor, rng, FIRST_SEARCH_WORK, deadline)
    if not problem.missing(found):
        return found
    cover = best_cover(problem)
    if cover.lacking.any():
        return None
    return _search(problem, cover.assignment, floor, rng, FIRST_SEARCH_WORK, deadline)


def _greedy(problem: Problem) -> Counts:
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


def _search(
    problem: Problem, start: Counts, floor: Fraction, rng: np.random.Generator, work: int, deadline: float
) -> Counts:
    """Iterated local search: descend, move a few replicates of the best assignment at random, descend again."""
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


def split_validation(nuclei: pd.DataFrame, *, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Choose whole replicates of a training set to hold back for choosing the best step.

    Minimises the largest deviation, over the classes, of the share held back from `fraction`. Both the part held back
    and the rest have every class. Limited by work and not by the clock, so that a resumed training has the same part.

    Parameters
    ----------
    nuclei : DataFrame
        As for `assign_folds`: the n training nuclei.
    fraction : float
        Share to hold back, 0 <= fraction < 1.
    seed : int
        Chooses among equally good parts.

    Returns
    -------
    (n,) bool
        True for nuclei held back. All False where `fraction` is 0, and where it cannot be done because a class has
        too few replicates (one, say): training then has no validation set and ends with its last step.

    Raises
    ------
    AinuError
        The fraction is out of range, or a nucleus is unlabelled or there twice.
    """
    check_nuclei(nuclei)
    if not 0 <= fraction < 1:
        raise AinuError(f"validation_fraction: {fraction} found, allowed is 0 <= validation_fraction < 1")
    share = Fraction(fraction).limit_denominator(10_000)
    replicates = Replicates.of(nuclei, [share, 1 - share])
    best = None
    if share and all(len(replicates.holding(column)) > 1 for column in range(len(replicates.classes))):
        best = best_assignment(replicates.problem, seed, math.inf, VALIDATION_LEVEL_WORK)
    if best is None:
        return np.zeros(len(nuclei), bool)
    rng = np.random.default_rng([seed, 0])
    part_of = deal(replicates, another(replicates.problem, best, rng, VALIDATION_SEARCH_WORK, math.inf), rng)
    return nuclei["replicate"].map(part_of).to_numpy() == 0
