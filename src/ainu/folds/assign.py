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

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.folds.integer_program import (
    LEVEL_WORK,
    LONG_SEARCH_WORK,
    TIE_DRAWS,
    VALIDATION_LEVEL_WORK,
    VALIDATION_WORK,
    Best,
    Counts,
    Cover,
    Problem,
    another,
    best_assignment,
    best_cover,
    part_of_time,
)

NUCLEUS_COLUMNS = ("nucleus", "sample", "replicate", "label")
COLUMNS = (*NUCLEUS_COLUMNS, "repeat", "fold")
"""Columns of `folds.tsv`; repeat and fold count from 0."""


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


@dataclass(frozen=True)
class _Replicates:
    """The replicates of a table by kind: sorted names, so that the order of the rows does not matter."""

    classes: list[str]
    names: list[list[str]]  # per kind
    kinds: Counts
    problem: Problem

    @classmethod
    def of(cls, nuclei: pd.DataFrame, shares: Sequence[Fraction]) -> _Replicates:
        classes = pd.crosstab(nuclei["replicate"], nuclei["label"]).sort_index(axis=0).sort_index(axis=1)
        counts = pd.concat([classes, _batches(nuclei)], axis=1).fillna(0)
        kinds, kind_of = np.unique(counts.to_numpy(np.int64), axis=0, return_inverse=True)
        order = np.argsort(-(kinds / counts.to_numpy().sum(axis=0)).max(axis=1), kind="stable")
        names = [[str(name) for name in counts.index[kind_of.ravel() == kind]] for kind in order]
        number = np.array([len(members) for members in names], np.int64)
        problem = Problem(kinds[order], number, tuple(shares), classes.shape[1])
        return cls([str(name) for name in classes.columns], names, kinds[order], problem)

    def holding(self, column: int) -> list[str]:
        """Names of the replicates that hold a class."""
        return sorted(itertools.chain(*itertools.compress(self.names, self.kinds[:, column] > 0)))


def _batches(nuclei: pd.DataFrame) -> pd.DataFrame:
    """Nuclei per replicate (rows) of each class in each batch (columns) that can be spread: of several replicates."""
    if "batch" not in nuclei:
        return pd.DataFrame(index=pd.Index([], name="replicate"))
    told = nuclei[nuclei["batch"].astype(str) != ""]
    counts = pd.crosstab(told["replicate"], [told["label"], told["batch"]]).sort_index(axis=1)
    replicates = (counts > 0).sum(axis=0).to_numpy()
    of_class = nuclei.groupby("label")["replicate"].nunique()[counts.columns.get_level_values("label")].to_numpy()
    spread = counts.to_numpy()[:, (replicates > 1) & (replicates < of_class)]
    return pd.DataFrame(spread, index=counts.index)


def assign_folds(nuclei: pd.DataFrame, *, folds: int, repeats: int, seed: int, time_limit_s: float = 30) -> Folds:
    """Put whole replicates into folds so that each class is spread over them as evenly as possible.

    Minimises the largest deviation of a class's share in a fold from 1 / folds, then the sum of the deviations; among
    equals the seed and the repeat choose. Every fold has every class. The integer program is solved by CBC through
    PuLP. Where there is only one optimum, the repeats differ in nothing but the numbers of the folds. Where the
    optimum cannot be proven, each repeat is the result of a local search of its own and has a deviation of its own.

    Parameters
    ----------
    nuclei : DataFrame
        One row per labelled nucleus: nucleus, sample, replicate, label (str), and where known batch (str, '' = not
        told), which is spread over the folds within each class. The order of the rows has no influence on the fold of
        a nucleus.
    folds : int
        Number of folds, at least 2.
    repeats : int
        How often to do it, with other folds each time where equally good ones exist.
    seed : int
        Not negative. The same seed gives the same folds, as long as the time limit does not cut the work short.
    time_limit_s : float
        Seconds for all repeats together. When they are over, the best folds so far are returned with their gap.

    Returns
    -------
    Folds

    Raises
    ------
    AinuError
        If a nucleus is unlabelled or there twice, or no folds have every class: then with what to add.
    """
    _check_nuclei(nuclei)
    _check_number("folds", folds, 2)
    _check_number("repeats", repeats, 1)
    deadline = time.monotonic() + 0.95 * time_limit_s  # CBC looks at the clock now and then only
    replicates = _Replicates.of(nuclei, [Fraction(1, folds)] * folds)
    _require_enough_replicates(replicates, folds)
    best = best_assignment(replicates.problem, seed, deadline, LEVEL_WORK)
    if best is None:
        raise AinuError(_obstruction(replicates, folds))
    drawn = _distinct_repeats(replicates, best, repeats, seed, deadline)
    table = pd.concat([_rows(nuclei, repeat, fold_of) for repeat, (_, fold_of) in enumerate(drawn)], ignore_index=True)
    _check_table(table, "folds")
    deviations = [replicates.problem.quality(assignment)[1] for assignment, _ in drawn]
    return Folds(table, list(map(float, deviations)), [float(deviation - best.floor) for deviation in deviations])


def split_validation(nuclei: pd.DataFrame, *, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Hold back whole replicates of a training set, to choose the best epoch by.

    Minimises the largest deviation over the classes of the share held back from `fraction`. Both the part held back
    and the rest have every class. Limited by work and not by the clock, so that a resumed training gets the same
    part.

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
        too few replicates (one, say): training then has no validation set and ends with its last epoch.

    Raises
    ------
    AinuError
        If a nucleus is unlabelled or there twice, or the fraction is out of range.
    """
    _check_nuclei(nuclei)
    if not 0 <= fraction < 1:
        raise AinuError(f"validation_fraction: {fraction} found, allowed is 0 <= validation_fraction < 1")
    share = Fraction(fraction).limit_denominator(10_000)
    replicates = _Replicates.of(nuclei, [share, 1 - share])
    best = None
    if share and all(len(replicates.holding(column)) > 1 for column in range(len(replicates.classes))):
        best = best_assignment(replicates.problem, seed, math.inf, VALIDATION_LEVEL_WORK)
    if best is None:
        return np.zeros(len(nuclei), bool)
    rng = np.random.default_rng([seed, 0])
    part_of = _deal(replicates, another(replicates.problem, best, rng, VALIDATION_WORK, math.inf), rng)
    return nuclei["replicate"].map(part_of).to_numpy() == 0


def write_folds(table: pd.DataFrame, path: str | Path) -> None:
    """Write folds as a tab-separated file that appears under its name only when it is whole.

    Raises
    ------
    AinuError
        If a replicate is in two folds of a repeat, or anything else is wrong that `read_folds` would refuse.
    """
    path = Path(path)
    _check_table(table, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        table.to_csv(part, sep="\t", index=False, lineterminator="\n", encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_folds(path: str | Path) -> pd.DataFrame:
    """Read `folds.tsv` and make sure that it can be trusted.

    Returns
    -------
    DataFrame
        nucleus, sample, replicate, label (str), repeat, fold (int64, from 0).

    Raises
    ------
    AinuError
        If columns are wrong, a replicate is in two folds of a repeat, or a nucleus is not once in each repeat.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise AinuError(f"{path}: cannot be read as a table of folds ({error})") from None
    _check_columns(table, path)
    for column in ("repeat", "fold"):
        table[column] = _whole_numbers(table[column], path)
    _check_table(table, path)
    return table


def training_rows(table: pd.DataFrame, repeat: int, fold: int) -> NDArray[Any]:
    """Nuclei to train on when `fold` of `repeat` is held out, in the order of the table: (n,) str."""
    return _nuclei_where(table, repeat, fold, held_out=False)


def test_rows(table: pd.DataFrame, repeat: int, fold: int) -> NDArray[Any]:
    """Nuclei held out in `fold` of `repeat`, in the order of the table: (n,) str."""
    return _nuclei_where(table, repeat, fold, held_out=True)


test_rows.__test__ = False  # type: ignore[attr-defined]  # pytest would take an imported test_* for a test


def _nuclei_where(table: pd.DataFrame, repeat: int, fold: int, *, held_out: bool) -> NDArray[Any]:
    here = (table["repeat"] == repeat).to_numpy()
    inside = here & (table["fold"] == fold).to_numpy()
    if not inside.any():
        found = ", ".join(f"{r}/{f}" for r, f in sorted(set(zip(table["repeat"], table["fold"], strict=True))))
        raise AinuError(f"folds: no fold {fold} in repeat {repeat}; there are (repeat/fold): {found}")
    return table.loc[inside if held_out else here & ~inside, "nucleus"].to_numpy(dtype=str)


# --- checks ---------------------------------------------------------------------------------------------------------


def _check_number(name: str, value: int, least: int) -> None:
    if value < least:
        raise AinuError(f"{name}: {value} found, at least {least} is needed")


def _check_nuclei(nuclei: pd.DataFrame) -> None:
    absent = [name for name in NUCLEUS_COLUMNS if name not in nuclei.columns]
    if absent:
        raise AinuError(f"folds: the table of nuclei lacks the column(s) {', '.join(absent)}")
    if nuclei.empty:
        raise AinuError("folds: there is no labelled nucleus")
    for column in ("replicate", "label"):
        empty = nuclei[column].isna() | (nuclei[column] == "")
        if empty.any():
            raise AinuError(f"folds: nucleus {nuclei['nucleus'][empty].iloc[0]} has no {column}")
    twice = nuclei["nucleus"].duplicated()
    if twice.any():
        raise AinuError(f"folds: nucleus {nuclei['nucleus'][twice].iloc[0]} is there twice")


def _check_columns(table: pd.DataFrame, where: str | Path) -> None:
    if tuple(table.columns) != COLUMNS:
        raise AinuError(f"{where}: columns are {', '.join(map(str, table.columns))}; expected {', '.join(COLUMNS)}")


def _whole_numbers(column: pd.Series, where: str | Path) -> pd.Series:
    wrong = ~column.str.fullmatch("[0-9]{1,9}").to_numpy(bool)
    if wrong.any():
        row = int(wrong.argmax())
        raise AinuError(f"{where}: line {row + 2}: {column.name} {column.iloc[row]!r} is not a number from 0")
    return column.astype(np.int64)


def _check_table(table: pd.DataFrame, where: str | Path) -> None:
    _check_columns(table, where)
    if table.empty:
        raise AinuError(f"{where}: there is no nucleus in it")
    _check_replicates(table, where)
    _check_each_nucleus_once(table, where)
    _check_same_everywhere(table, where)


def _check_replicates(table: pd.DataFrame, where: str | Path) -> None:
    places = table.groupby(["repeat", "replicate"], sort=True)["fold"].unique()
    split = places[places.map(len) > 1]
    if len(split):
        repeat, name = split.index.to_list()[0]
        listed = " and ".join(str(fold) for fold in sorted(split.iloc[0]))
        raise AinuError(f"{where}: replicate {name!r} is in folds {listed} of repeat {repeat}; it must be in one")


def _check_each_nucleus_once(table: pd.DataFrame, where: str | Path) -> None:
    twice = table.duplicated(["repeat", "nucleus"]).to_numpy()
    if twice.any():
        row = int(twice.argmax())
        nucleus, repeat = table["nucleus"].iloc[row], table["repeat"].iloc[row]
        raise AinuError(f"{where}: line {row + 2}: nucleus {nucleus} is in repeat {repeat} twice")
    times, repeats = table["nucleus"].value_counts(sort=False), table["repeat"].nunique()
    if (times < repeats).any():
        nucleus = times[times < repeats].index.to_list()[0]
        raise AinuError(f"{where}: nucleus {nucleus} is in {times[nucleus]} of {repeats} repeats; it must be in each")


def _check_same_everywhere(table: pd.DataFrame, where: str | Path) -> None:
    """Each nucleus has one sample, replicate and label."""
    rows = table[list(NUCLEUS_COLUMNS)].drop_duplicates()
    twice = rows["nucleus"].duplicated()
    if twice.any():
        nucleus = rows["nucleus"][twice].iloc[0]
        raise AinuError(f"{where}: nucleus {nucleus} has different samples, replicates or labels in different repeats")


# --- from an assignment to a table ----------------------------------------------------------------------------------


def _rows(nuclei: pd.DataFrame, repeat: int, fold_of: dict[str, int]) -> pd.DataFrame:
    rows = nuclei[list(NUCLEUS_COLUMNS)].astype(str).reset_index(drop=True)
    folds = rows["replicate"].map(fold_of).astype(np.int64)
    return rows.assign(repeat=np.int64(repeat), fold=folds)


def _distinct_repeats(
    replicates: _Replicates, best: Best, repeats: int, seed: int, deadline: float
) -> list[tuple[Counts, dict[str, int]]]:
    """Per repeat the assignment and each replicate's fold; a partition that came before is drawn anew a few times."""
    drawn: list[tuple[Counts, dict[str, int]]] = []
    seen: set[frozenset[frozenset[str]]] = set()
    for repeat in range(repeats):
        limit = part_of_time(deadline, 1 / (repeats - repeat))
        for draw in range(TIE_DRAWS if best.proven else 1):
            rng = np.random.default_rng([seed, repeat, draw])
            assignment = another(replicates.problem, best, rng, LONG_SEARCH_WORK // repeats, limit)
            fold_of = _deal(replicates, assignment, rng)
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


def _deal(replicates: _Replicates, assignment: Counts, rng: np.random.Generator) -> dict[str, int]:
    """Deal the replicates of each kind to the parts by chance; parts that are alike are numbered by chance."""
    parts = np.arange(assignment.shape[1])
    numbers = rng.permutation(parts) if replicates.problem.alike else parts
    dealt: dict[str, int] = {}
    for names, row in zip(replicates.names, assignment, strict=True):
        dealt.update(zip(rng.permutation(names).tolist(), np.repeat(numbers, row).tolist(), strict=True))
    return dealt


# --- messages -------------------------------------------------------------------------------------------------------


def _require_enough_replicates(replicates: _Replicates, folds: int) -> None:
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


def _or_fewer_folds(replicates: _Replicates, folds: int) -> str:
    """The largest number of folds that would do, as the end of a message; nothing where none would."""
    fewest = min(len(replicates.holding(column)) for column in range(len(replicates.classes)))
    for fewer in range(min(fewest, folds - 1), 1, -1):
        if not best_cover(replace(replicates.problem, shares=(Fraction(1, fewer),) * fewer)).lacking.any():
            return f", or set folds: {fewer}"
    return ""


def _obstruction(replicates: _Replicates, folds: int) -> str:
    """Why classes that each have enough replicates cannot all be in every fold, and what to add.

    With replicates r1, r2, r3 and classes in {r1, r2}, {r2, r3} and {r1, r3}, two folds would have to separate each
    pair, and three replicates cannot be pairwise in two different folds.
    """
    cover = best_cover(replicates.problem)
    if not cover.proven:
        return (
            f"no {folds} folds of whole replicates with every class in each were found in time, nor ruled out: "
            f"add replicates that hold several classes{_or_fewer_folds(replicates, folds)}"
        )
    columns = _conflict(replicates.problem)
    names = _listed([repr(replicates.classes[column]) for column in columns])
    where = "; ".join(f"{replicates.classes[column]} in {', '.join(replicates.holding(column))}" for column in columns)
    return (
        f"classes {names} each occur in {folds} replicates or more, but these overlap so that no {folds} folds of "
        f"whole replicates hold all of them ({where}): add {_additions(replicates, cover)}"
        f"{_or_fewer_folds(replicates, folds)}"
    )


def _additions(replicates: _Replicates, cover: Cover) -> str:
    wanted = [[replicates.classes[column] for column in np.flatnonzero(row)] for row in cover.lacking if row.any()]
    return _listed([f"1 replicate that holds {_listed(labels)}" for labels in wanted])


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


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
