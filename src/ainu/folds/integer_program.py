"""The integer program behind the folds, solved by CBC through PuLP; what it finds is checked in exact arithmetic.

Replicates with the same number of nuclei in each column (class, or class in one batch) are one *kind*; an assignment
says how many replicates of each kind a part gets.
"""

from __future__ import annotations

import itertools
import math
import re
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

# Limits of the work, so that the folds do not depend on how busy the machine is; the clock is the second limit. Of
# CBC: nodes times integer variables. Forty hard replicates in five folds then take 3000 nodes; where these do not
# prove the optimum, 20000 rarely do, and the local search finds better folds in that time.
LEVEL_WORK, SPREAD_WORK, TIE_WORK, COVER_WORK = 600_000, 50_000, 10_000, 600_000
FEWEST_NODES = 10
COVER_SECONDS = 20.0
OPTIMAL = "Result - Optimal solution found"


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
    def equal_shares(self) -> bool:
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


@dataclass(frozen=True)
class _Program:
    """A PuLP model: integer variables `x[kind][part]`, and `counts[part][column]` as expressions in them."""

    model: Any
    x: list[list[Any]]
    counts: list[list[Any]]

    def require(self, *constraints: Any) -> None:
        for constraint in constraints:
            self.model.addConstraint(constraint)


def lowest_deviation(
    problem: Problem, start: Counts, floor: Fraction, work: int, deadline: float
) -> tuple[Counts, Fraction]:
    """Minimise the largest deviation.

    Parameters
    ----------
    problem : Problem
        What is to be assigned.
    start : (T, F) int64
        A valid assignment.
    floor : Fraction
        A lower bound that is known.
    work : int
        Limit: nodes times variables.
    deadline : float
        Limit, by `time.monotonic`, s.

    Returns
    -------
    assignment : (T, F) int64
        The best one found.
    floor : Fraction
        The best lower bound found.
    """
    import pulp

    worst = problem.quality(start)[1]
    if worst <= floor:
        return start, floor
    scale = int(problem.totals.max())
    with _quiet():
        program = _program(problem)
        # No upper limit: with the start's own height as the limit, CBC's rounding may call the program infeasible.
        height = pulp.LpVariable("height", float(floor * scale))
        program.model.setObjective(height)
        height.setInitialValue(float(worst * scale))
        for part, kind, target, total in _targets(problem):
            program.require(program.counts[part][kind] - target <= height * (total / scale))
            program.require(target - program.counts[part][kind] <= height * (total / scale))
        found, bound = _run(program, problem, start, work, deadline)
    return better(problem, start, found), max(floor, _next_attainable(problem, bound / scale, worst))


def _next_attainable(problem: Problem, bound: float, best: Fraction) -> Fraction:
    """The smallest deviation from `bound` to `best` that whole nuclei can have."""
    if math.isinf(bound):
        return Fraction(0)
    # CBC's numbers are good to about 1e-7; a bound that is a hair too high must not claim a proof.
    least = Fraction(bound) - Fraction(1, 10**7)
    found = [best]
    for targets in problem.targets:
        for target, total in zip(targets, map(int, problem.totals), strict=True):
            reached = (math.ceil(target + least * total), math.floor(target - least * total))
            found += [abs(n - target) / total for n in reached]
    return min(value for value in found if value >= least)


def better(problem: Problem, known: Counts, found: Counts | None) -> Counts:
    """The better of two (T, F) assignments; `known` where both are as good.

    Parameters
    ----------
    problem : Problem
        What is assigned.
    known : (T, F) int64
        One assignment.
    found : (T, F) int64, optional
        Another one; None where there is none.

    Returns
    -------
    (T, F) int64
        One of the two.
    """
    if found is None or problem.quality(found) >= problem.quality(known):
        return known
    return found


def evened_out(problem: Problem, start: Counts, deadline: float) -> Counts:
    """(T, F) assignment with the smallest sum of deviations among those whose largest deviation is no larger.

    Parameters
    ----------
    problem : Problem
        What is assigned.
    start : (T, F) int64
        An assignment; its largest deviation is the limit.
    deadline : float
        Limit, by `time.monotonic`, s.

    Returns
    -------
    (T, F) int64
        `start` where nothing better was found.
    """
    with _quiet():
        program, total = _capped(problem, problem.quality(start)[1], start)
        program.model.setObjective(total)
        found, _ = _run(program, problem, start, SPREAD_WORK, deadline)
    return better(problem, start, found)


def other_optimum(problem: Problem, start: Counts, rng: np.random.Generator, deadline: float) -> Counts:
    """(T, F) assignment as good as `start`, chosen among all such by random costs.

    Parameters
    ----------
    problem : Problem
        What is assigned.
    start : (T, F) int64
        An optimal assignment.
    rng : Generator
        For the costs.
    deadline : float
        Limit, by `time.monotonic`, s.

    Returns
    -------
    (T, F) int64
        `start` where no other was found.
    """
    import pulp

    _, worst, spread = problem.quality(start)
    price = rng.permuted(np.arange(start.size)).reshape(start.shape)
    with _quiet():
        program, total = _capped(problem, worst, start)
        program.require(total <= float(spread) * (1 + 1e-9) * int(problem.totals.max()) + 1e-5)
        program.model.setObjective(pulp.lpDot(price.ravel().tolist(), list(itertools.chain(*program.x))))
        found, _ = _run(program, problem, start, TIE_WORK, deadline)
    return start if found is None or problem.quality(found) > problem.quality(start) else found


def _capped(problem: Problem, worst: Fraction, start: Counts) -> tuple[_Program, Any]:
    """The program with no deviation above `worst`, and the scaled sum of the deviations as an expression."""
    import pulp

    program, scale, terms = _program(problem), int(problem.totals.max()), []
    for (part, kind, target, total), deviation in zip(_targets(problem), problem.deviations(start), strict=True):
        exact = problem.targets[part][kind]
        count, off = program.counts[part][kind], pulp.LpVariable(f"off_{part}_{kind}", 0)
        off.setInitialValue(float(deviation * total))
        program.require(count >= math.ceil(exact - worst * total))
        program.require(count <= math.floor(exact + worst * total))
        program.require(count - target <= off)
        program.require(target - count <= off)
        terms.append(off * (scale / total))
    return program, pulp.lpSum(terms)


def _targets(problem: Problem) -> Iterator[tuple[int, int, float, int]]:
    """Part, column, wanted nuclei, and nuclei of the column in total, in the order of `deviations`."""
    for part, targets in enumerate(problem.targets):
        for kind, (target, total) in enumerate(zip(targets, problem.totals, strict=True)):
            yield part, kind, float(target), int(total)


def _program(problem: Problem, *, least: int = 1) -> _Program:
    """Every replicate in one part, at least `least` nuclei of each class in each part."""
    import pulp

    model = pulp.LpProblem("folds", pulp.LpMinimize)
    parts = range(len(problem.shares))
    x = [
        [pulp.LpVariable(f"x_{kind}_{part}", 0, int(number), cat="Integer") for part in parts]
        for kind, number in enumerate(problem.number)
    ]
    for row, number in zip(x, problem.number, strict=True):
        model += pulp.lpSum(row) == int(number)
    counts = [[_count(x, column, part) for column in problem.kinds.T] for part in parts]
    for count in itertools.chain(*(row[: problem.classes] for row in counts)):
        model += count >= least
    if problem.equal_shares:
        _break_symmetry(model, x, problem.number)
    return _Program(model, x, counts)


def _count(x: list[list[Any]], column: Counts, part: int) -> Any:
    import pulp

    return pulp.lpSum(int(nuclei) * row[part] for nuclei, row in zip(column, x, strict=True) if nuclei)


def _break_symmetry(model: Any, x: list[list[Any]], number: Counts) -> None:
    """Only assignments whose parts are in falling lexicographic order, as far as linear constraints say it cheaply.

    In that order the parts that the first kinds use come first, so there are no more of them than such replicates.
    """
    for one, two in itertools.pairwise(x[0]):
        model += one >= two
    for row, used in zip(x, np.cumsum(number), strict=True):
        for variable in row[int(used) :]:
            variable.upBound = 0


def _run(program: _Program, problem: Problem, start: Counts, work: int, deadline: float) -> tuple[Counts | None, float]:
    """Solve from `start`: a valid assignment, or None, and a lower bound of the objective (-inf if unknown)."""
    seconds = deadline - time.monotonic()
    if seconds < 0.1:
        return None, -math.inf
    ordered = start[:, np.lexsort(-start[::-1])] if problem.equal_shares else start
    _set(program, ordered)
    log = _cbc(program.model, work, seconds)
    found = _values(program)
    return (found if problem.valid(found) else None), _bound(log)


def _values(program: _Program) -> Counts:
    return np.array([[round(variable.value() or 0) for variable in row] for row in program.x], np.int64)


def _set(program: _Program, assignment: Counts) -> None:
    for variables, values in zip(program.x, assignment, strict=True):
        for variable, value in zip(variables, values, strict=True):
            variable.setInitialValue(int(value))


def _cbc(model: Any, work: int, seconds: float) -> str:
    """Run CBC on the model, with a fixed seed and one thread; its log."""
    import pulp

    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "cbc.log"
        limit = {} if math.isinf(seconds) else {"timeLimit": seconds}
        solver = pulp.PULP_CBC_CMD(
            msg=False,
            warmStart=True,
            threads=1,
            maxNodes=max(FEWEST_NODES, work // len(model.variables())),
            logPath=str(log),
            options=["randomCbcSeed 1", "randomSeed 1"],
            **limit,
        )
        try:
            model.solve(solver)
        except pulp.PulpSolverError:
            return ""
        return log.read_text(errors="replace")


def _bound(log: str) -> float:
    """The lower bound that CBC states: the objective when it finished, its own when it was stopped; else -inf."""
    if OPTIMAL in log:
        return _stated("Objective value", log)
    # Stated to three decimals, so that it may be rounded up.
    return _stated("Lower bound", log) - 0.0005


def _stated(name: str, log: str) -> float:
    found = re.findall(rf"^{name}:\s+(-?[0-9.]+(?:e[+-]?[0-9]+)?)\s*$", log, re.MULTILINE)
    return float(found[-1]) if found else -math.inf


class _quiet(warnings.catch_warnings):  # noqa: N801
    """Without PuLP's announcements of its version 4, which are not for users."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore", DeprecationWarning)
        return entered


@dataclass(frozen=True)
class Cover:
    """An assignment that leaves classes out of as few parts as possible.

    Attributes
    ----------
    assignment : (T, F) int64
        Replicates of each kind in each part.
    lacking : (F, C) bool
        Which part lacks which class.
    proven : bool
        Whether no assignment has fewer parts that lack one.
    """

    assignment: Counts
    lacking: NDArray[np.bool_]
    proven: bool


def best_cover(problem: Problem) -> Cover:
    """Every class in every part, or missing from as few parts as possible: as many replicates are to be added."""
    import pulp

    presence = replace(problem, kinds=(problem.kinds[:, : problem.classes] > 0).astype(np.int64))
    with _quiet():
        program = _program(presence, least=0)
        lack = _lacks(program)
        parts = [pulp.LpVariable(f"part_{part}", 0, 1, cat="Integer") for part in range(len(lack))]
        for row, part in zip(lack, parts, strict=True):
            program.require(*(variable <= part for variable in row))
        weight = 1 + len(lack) * len(lack[0])
        program.model.setObjective(weight * pulp.lpSum(parts) + pulp.lpSum(itertools.chain(*lack)))
        log = _cbc(program.model, COVER_WORK, COVER_SECONDS)
    found = _values(program)
    whole = np.array_equal(found.sum(axis=1), problem.number)
    return Cover(found, (presence.counts(found) == 0) | (not whole), whole and OPTIMAL in log)


def _lacks(program: _Program) -> list[list[Any]]:
    """Variables that are 1 where a part has no nucleus of a class."""
    import pulp

    lack = []
    for part, counts in enumerate(program.counts):
        row = [pulp.LpVariable(f"lack_{part}_{kind}", 0, 1, cat="Integer") for kind in range(len(counts))]
        for count, variable in zip(counts, row, strict=True):
            program.require(count + variable >= 1)
        lack.append(row)
    return lack
