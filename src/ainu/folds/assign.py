"""Folds of the cross-validation: whole replicates, every class everywhere, class shares as even as they can be.

Nuclei of one replicate share the day, the dish and the staining, so a replicate never straddles two folds. Which
replicate goes where is an integer program: replicates with the same number of nuclei of each class are one *kind*, and
the program decides how many replicates of each kind a fold gets. A local search gives it a good start and a fallback;
what the program finds is checked in exact arithmetic and never taken on trust.

Where replicates come in batches (a staining, a day), each class's nuclei of a batch are spread like the class's:
evenness of the classes alone may well put all of one preparation into one fold, to be tested by networks that never saw
any of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pandas as pd

from ainu.errors import AinuError
from ainu.folds.integer_program import LEVEL_WORK, Counts, Cover, Problem, best_cover
from ainu.folds.partition import Best, Replicates, another, best_assignment, deal, part_of_time
from ainu.folds.table import NUCLEUS_COLUMNS, check_nuclei, check_table
from ainu.prose import listed

LONG_SEARCH_WORK = 200_000_000
"""Limit of the local searches of all repeats together, where the optimum is not proven."""
TIE_DRAWS = 5
"""Draws for a repeat that differs from those before it."""


@dataclass(frozen=True)
class Folds:
    """Which fold each nucleus is in, and how good that is.

    Attributes
    ----------
    table : DataFrame
        Columns nucleus, sample, replicate, label (str), repeat, fold (int, from 0); the nuclei in the order given,
        once per repeat.
    deviation : list of float
        Per repeat, the largest difference over folds and classes (and batches of a class) between the share of the
        nuclei that a fold holds and 1 / folds.
    gap : list of float
        Per repeat, by how much that could at most be lower for any other folds; 0.0 = proven optimal.
    """

    table: pd.DataFrame
    deviation: list[float]
    gap: list[float]


def assign_folds(nuclei: pd.DataFrame, *, folds: int, repeats: int, seed: int, time_limit_s: float = 30) -> Folds:
    """Put whole replicates into folds so that each class is spread over them as evenly as possible.

    Minimises the largest deviation of a class's share in a fold from 1 / folds, then the sum of the deviations; among
    equals the seed and the repeat choose. Every fold has every class. The integer program is solved by CBC through
    PuLP. Where there is only one optimum, the repeats differ in nothing but the numbers of the folds. Where the
    optimum cannot be proven, each repeat is the result of a local search of its own and has a deviation of its own.

    Parameters
    ----------
    nuclei : DataFrame
        One row per labelled nucleus: nucleus, sample, replicate, label (str), and where known batch (str, '' =
        unknown), which is spread over the folds within each class. The order of the rows has no influence on the fold
        of a nucleus.
    folds : int
        Number of folds, at least 2.
    repeats : int
        How often to do it, with other folds each time where equally good ones exist.
    seed : int
        Not negative. The same seed gives the same folds, as long as the time limit does not cut the work short.
    time_limit_s : float
        Seconds for all repeats together; then the best folds so far are returned, with their gap.

    Returns
    -------
    Folds

    Raises
    ------
    AinuError
        No folds have every class: says what to add. Or a nucleus is unlabelled or there twice.
    """
    check_nuclei(nuclei)
    _check_number("folds", folds, 2)
    _check_number("repeats", repeats, 1)
    deadline = time.monotonic() + 0.95 * time_limit_s  # CBC looks at the clock now and then only
    replicates = Replicates.of(nuclei, [Fraction(1, folds)] * folds)
    _require_enough_replicates(replicates, folds)
    best = best_assignment(replicates.problem, seed, deadline, LEVEL_WORK)
    if best is None:
        raise AinuError(_obstruction(replicates, folds))
    drawn = _distinct_repeats(replicates, best, repeats, seed, deadline)
    table = pd.concat([_rows(nuclei, repeat, fold_of) for repeat, (_, fold_of) in enumerate(drawn)], ignore_index=True)
    check_table(table, "folds")
    deviations = [replicates.problem.quality(assignment)[1] for assignment, _ in drawn]
    return Folds(table, list(map(float, deviations)), [float(deviation - best.floor) for deviation in deviations])


def _check_number(name: str, value: int, least: int) -> None:
    if value < least:
        raise AinuError(f"{name}: {value} found, at least {least} is needed")


# --- from an assignment to a table ----------------------------------------------------------------------------------


def _rows(nuclei: pd.DataFrame, repeat: int, fold_of: dict[str, int]) -> pd.DataFrame:
    rows = nuclei[list(NUCLEUS_COLUMNS)].astype(str).reset_index(drop=True)
    folds = rows["replicate"].map(fold_of).astype(np.int64)
    return rows.assign(repeat=np.int64(repeat), fold=folds)


def _distinct_repeats(
    replicates: Replicates, best: Best, repeats: int, seed: int, deadline: float
) -> list[tuple[Counts, dict[str, int]]]:
    """Per repeat the assignment and each replicate's fold; a partition that came before is drawn anew a few times."""
    drawn: list[tuple[Counts, dict[str, int]]] = []
    seen: set[frozenset[frozenset[str]]] = set()
    for repeat in range(repeats):
        limit = part_of_time(deadline, 1 / (repeats - repeat))
        for draw in range(TIE_DRAWS if best.proven else 1):
            rng = np.random.default_rng([seed, repeat, draw])
            assignment = another(replicates.problem, best, rng, LONG_SEARCH_WORK // repeats, limit)
            fold_of = deal(replicates, assignment, rng)
            if _partition(fold_of) not in seen or time.monotonic() > limit:
                break
        seen.add(_partition(fold_of))
        drawn.append((assignment, fold_of))
    return drawn


def _partition(fold_of: dict[str, int]) -> frozenset[frozenset[str]]:
    together: dict[int, set[str]] = {}
    for name, fold in fold_of.items():
        together.setdefault(fold, set()).add(name)
    return frozenset(map(frozenset, together.values()))


# --- messages -------------------------------------------------------------------------------------------------------


def _require_enough_replicates(replicates: Replicates, folds: int) -> None:
    holding = [replicates.holding(column) for column in range(len(replicates.classes))]
    pairs = zip(replicates.classes, holding, strict=True)
    lacks = [_too_few(name, names, folds) for name, names in pairs if len(names) < folds]
    if lacks:
        raise AinuError("; ".join(lacks) + _or_fewer_folds(replicates, folds))


def _too_few(label: str, names: list[str], folds: int) -> str:
    needed = _plural(folds - len(names), "replicate")
    found = f"class {label!r} occurs in {_plural(len(names), 'replicate')} ({', '.join(names)})"
    verb = "holds" if folds - len(names) == 1 else "hold"
    return f"{found}, but {folds} folds need it in {folds}: add {needed} that {verb} {label}"


def _or_fewer_folds(replicates: Replicates, folds: int) -> str:
    """The largest number of folds that would do, as the end of a message; nothing where none would."""
    fewest = min(len(replicates.holding(column)) for column in range(len(replicates.classes)))
    for fewer in range(min(fewest, folds - 1), 1, -1):
        if not best_cover(replace(replicates.problem, shares=(Fraction(1, fewer),) * fewer)).lacking.any():
            return f", or set folds: {fewer}"
    return ""


def _obstruction(replicates: Replicates, folds: int) -> str:
    """Why classes that each have enough replicates cannot all be in every fold, and what to add."""
    # With replicates r1, r2, r3 and classes in {r1, r2}, {r2, r3} and {r1, r3}, two folds would have to separate each
    # pair, and three replicates cannot be pairwise in two different folds.
    cover = best_cover(replicates.problem)
    if not cover.proven:
        return (
            f"no {folds} folds of whole replicates with every class in each were found in time, nor ruled out: "
            f"add replicates that hold several classes{_or_fewer_folds(replicates, folds)}"
        )
    columns = _conflict(replicates.problem)
    names = listed([repr(replicates.classes[column]) for column in columns])
    where = "; ".join(f"{replicates.classes[column]} in {', '.join(replicates.holding(column))}" for column in columns)
    return (
        f"classes {names} each occur in {folds} replicates or more, but these overlap so that no {folds} folds of "
        f"whole replicates hold all of them ({where}): add {_additions(replicates, cover)}"
        f"{_or_fewer_folds(replicates, folds)}"
    )


def _additions(replicates: Replicates, cover: Cover) -> str:
    wanted = [[replicates.classes[column] for column in np.flatnonzero(row)] for row in cover.lacking if row.any()]
    return listed([f"1 replicate that holds {listed(labels)}" for labels in wanted])


def _conflict(problem: Problem) -> list[int]:
    """Classes that cannot all be in every part, none of them superfluous (deletion filter)."""
    columns = list(range(problem.classes))
    for column in list(columns):
        rest = [other for other in columns if other != column]
        without = replace(problem, kinds=problem.kinds[:, rest], classes=len(rest))
        if rest and best_cover(without).lacking.any():
            columns = rest
    return columns


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
