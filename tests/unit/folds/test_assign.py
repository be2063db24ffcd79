"""Folds hold whole replicates and every class, and are as even as an exhaustive search can make them."""

import itertools
import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from replicates import by_exhaustion, nuclei, small, unhurried

import ainu
from ainu.errors import AinuError
from ainu.folds.assign import assign_folds
from ainu.folds.partition import split_validation

SOURCE = Path(ainu.__file__).parents[1]


def shares(table, folds):
    """(folds, classes) share of each class's nuclei in each fold, exactly."""
    counts = pd.crosstab(table["fold"], table["label"]).reindex(range(folds), fill_value=0)
    return [[Fraction(int(n), int(total)) for n, total in zip(row, counts.sum(), strict=True)] for row in counts.values]


def quality(table, folds):
    """Largest deviation and sum of the deviations, exactly."""
    deviations = [abs(share - Fraction(1, folds)) for row in shares(table, folds) for share in row]
    return max(deviations), sum(deviations)


@unhurried
@given(counts=small, folds=st.integers(2, 3), seed=st.integers(0, 2**31))
def test_small_tables_get_the_folds_of_an_exhaustive_search_or_an_error_where_it_finds_none(counts, folds, seed):
    best = by_exhaustion(counts, [Fraction(1, folds)] * folds)
    if best is None:
        with pytest.raises(AinuError, match="add "):
            assign_folds(nuclei(counts), folds=folds, repeats=1, seed=seed)
        return
    found = assign_folds(nuclei(counts), folds=folds, repeats=2, seed=seed)
    for repeat in range(2):
        assert quality(found.table[found.table["repeat"] == repeat], folds) == best
    assert found.deviation == [float(best[0])] * 2
    assert found.gap == [0.0, 0.0]


@unhurried
@given(counts=small, seconds=st.sampled_from([0.001, 0.12, 0.2]))
def test_a_search_cut_short_states_a_gap_that_the_optimum_confirms(counts, seconds):
    best = by_exhaustion(counts, [Fraction(1, 2)] * 2)
    assume(best is not None)
    found = assign_folds(nuclei(counts), folds=2, repeats=1, seed=0, time_limit_s=seconds)
    assert quality(found.table, 2)[0] == pytest.approx(Fraction(found.deviation[0]), abs=1e-12)
    assert found.deviation[0] - found.gap[0] <= float(best[0]) + 1e-12 <= found.deviation[0] + 2e-12


@unhurried
@given(
    counts=st.lists(st.lists(st.integers(1, 9), min_size=2, max_size=2), min_size=4, max_size=14),
    folds=st.integers(2, 4),
    seed=st.integers(0, 1000),
)
def test_replicates_stay_whole_and_every_fold_has_every_class(counts, folds, seed):
    given_nuclei = nuclei(counts)
    table = assign_folds(given_nuclei, folds=folds, repeats=2, seed=seed, time_limit_s=3).table
    assert table.groupby(["repeat", "replicate"])["fold"].nunique().eq(1).all()
    assert table.groupby(["repeat", "fold"])["label"].nunique().eq(2).all()
    assert table.groupby("repeat")["fold"].nunique().eq(folds).all()
    for _, rows in table.groupby("repeat"):
        columns = ["nucleus", "sample", "replicate", "label"]
        pd.testing.assert_frame_equal(rows[columns].reset_index(drop=True), given_nuclei)


@unhurried
@given(counts=small, order=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_change_the_fold_of_a_nucleus(counts, order):
    table = nuclei(counts)
    assume(by_exhaustion(counts, [Fraction(1, 2)] * 2) is not None)
    rows = list(range(len(table)))
    order.shuffle(rows)
    straight = assign_folds(table, folds=2, repeats=2, seed=5).table
    shuffled = assign_folds(table.iloc[rows], folds=2, repeats=2, seed=5).table
    assert shuffled["nucleus"].tolist() == table["nucleus"].iloc[rows].tolist() * 2
    key = ["repeat", "nucleus"]
    pd.testing.assert_frame_equal(
        straight.sort_values(key, ignore_index=True), shuffled.sort_values(key, ignore_index=True)
    )
    held_back = dict(zip(table["nucleus"], split_validation(table, fraction=0.3, seed=5), strict=True))
    again = split_validation(table.iloc[rows], fraction=0.3, seed=5)
    assert [held_back[nucleus] for nucleus in table["nucleus"].iloc[rows]] == again.tolist()


def test_the_same_seed_gives_the_same_folds_in_processes_that_hash_strings_differently():
    program = (
        "import numpy as np, pandas as pd; from ainu.folds.assign import assign_folds\n"
        "r = np.random.default_rng(0)\n"
        "rows = [(f's{i}/0', f's{i}', f'r{r.integers(9)}', 'AB'[i % 2]) for i in range(90)]\n"
        "t = pd.DataFrame(rows, columns=['nucleus', 'sample', 'replicate', 'label'])\n"
        "print(assign_folds(t, folds=3, repeats=3, seed=4).table.to_csv())"
    )
    outputs = {_python(program, PYTHONHASHSEED=value) for value in ("1", "2")}
    assert len(outputs) == 1
    assert len(outputs.pop().split()) == 271


def _python(program, **environment):
    variables = {**os.environ, "PYTHONPATH": str(SOURCE), **environment}
    return subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True
    ).stdout


def test_importing_the_module_does_not_import_the_solver():
    assert _python("import sys, ainu.folds; print('pulp' in sys.modules)").strip() == "False"


def partitions(table):
    """Per repeat, which replicates are together, whatever the number of their fold."""
    return [
        frozenset(frozenset(rows["replicate"]) for _, rows in repeat.groupby("fold"))
        for _, repeat in table.groupby("repeat")
    ]


def test_repeats_and_seeds_choose_other_folds_among_equally_good_ones():
    alike = nuclei([[5, 5]] * 6)
    found = assign_folds(alike, folds=3, repeats=4, seed=1)
    assert len(set(partitions(found.table))) == 4
    assert found.deviation == [0.0] * 4
    others = {partitions(assign_folds(alike, folds=3, repeats=1, seed=seed).table)[0] for seed in range(6)}
    assert len(others) > 2


def test_repeats_differ_where_replicates_are_all_different_but_several_optima_exist():
    different = nuclei([[1, 8], [2, 7], [3, 6], [6, 3], [7, 2], [8, 1], [4, 5], [5, 4]])
    found = assign_folds(different, folds=4, repeats=3, seed=0)
    assert found.deviation == [0.0] * 3
    assert len(set(partitions(found.table))) == 1, "pairs that add up to nine can be made in one way only"
    found = assign_folds(different, folds=2, repeats=3, seed=0)
    assert found.deviation == [0.0] * 3
    assert len(set(partitions(found.table))) == 3


def test_the_number_of_a_fold_depends_on_the_seed():
    only_one_way = nuclei([[9, 9], [1, 1], [1, 1]])
    folds = {assign_folds(only_one_way, folds=2, repeats=1, seed=seed).table["fold"].iloc[0] for seed in range(8)}
    assert folds == {0, 1}


def test_350_replicates_of_one_nucleus_are_proven_optimal_within_seconds():
    singles = np.eye(3, dtype=int)[np.random.default_rng(0).integers(0, 3, 350)]
    start = time.monotonic()
    found = assign_folds(nuclei(singles), folds=5, repeats=3, seed=0)
    held_back = split_validation(nuclei(singles), fraction=0.2, seed=0)
    assert time.monotonic() - start < 5
    counts = pd.crosstab([found.table["repeat"], found.table["fold"]], found.table["label"]).to_numpy()
    assert (np.ptp(counts.reshape(3, 5, 3), axis=1) <= 1).all()
    assert found.gap == [0.0] * 3
    assert len(set(partitions(found.table))) == 3
    assert held_back.sum() == pytest.approx(70, abs=2)


@pytest.mark.parametrize("classes", [3, 7])
def test_a_hard_table_is_done_in_time_with_good_folds_and_a_stated_gap(classes):
    hard = nuclei(np.random.default_rng(classes).integers(1, 41, (40, classes)))
    start = time.monotonic()
    found = assign_folds(hard, folds=5, repeats=2, seed=0, time_limit_s=5)
    assert time.monotonic() - start < 5.5
    for repeat in range(2):
        assert float(quality(found.table[found.table["repeat"] == repeat], 5)[0]) == found.deviation[repeat]
    assert all(0 < gap < deviation < 0.02 for gap, deviation in zip(found.gap, found.deviation, strict=True))


FIELDS = {  # of ../shared/data/c15: class, preparation, and nuclei of its fields
    ("EGFR568", "EGFR568_EREG647"): (24, 28, 19),
    ("EREG568", "EGFR647_EREG568"): (5, 2, 9, 15, 3),
    ("EREG568", "EREG568_EGFR647"): (37, 34),
}


def in_batches(fields):
    """One row per nucleus; fields are replicates."""
    rows = [
        (f"{batch}{field}/{k}", f"{batch}{field}", f"{batch}{field}", label, batch)
        for (label, batch), numbers in fields.items()
        for field, number in enumerate(numbers)
        for k in range(number)
    ]
    return pd.DataFrame(rows, columns=["nucleus", "sample", "replicate", "label", "batch"])


def folds_per_batch(table, given_nuclei, folds=3):
    found = assign_folds(table, folds=folds, repeats=1, seed=1).table
    return found.merge(given_nuclei[["nucleus", "batch"]]).groupby("batch")["fold"].nunique().to_dict()


def test_batches_are_spread_that_evenness_of_the_classes_would_put_into_one_fold():
    table = in_batches(FIELDS)
    unaware = folds_per_batch(table.drop(columns="batch"), table)
    assert unaware == {"EGFR568_EREG647": 3, "EGFR647_EREG568": 1, "EREG568_EGFR647": 2}
    assert folds_per_batch(table, table) == {"EGFR568_EREG647": 3, "EGFR647_EREG568": 3, "EREG568_EGFR647": 2}


def deviations(parts, groups, numbers, folds):
    """How far each fold's share of each group of replicates is from even, exactly."""
    held = [[sum(numbers[i] for i in own if parts[i] == fold) for fold in range(folds)] for own in groups]
    return [abs(Fraction(n, sum(row)) - Fraction(1, folds)) for row in held for n in row]


@unhurried
@given(
    fields=st.lists(
        st.tuples(st.sampled_from("xy"), st.sampled_from("abc"), st.integers(1, 6)), min_size=4, max_size=6
    ),
    folds=st.integers(2, 3),
)
def test_folds_of_batches_are_those_of_an_exhaustive_search_over_classes_and_batches(fields, folds):
    numbers, names = [n for *_, n in fields], [f"r{k}" for k in range(len(fields))]
    rows = [(f"{name}/{k}", name, name, *own) for name, (*own, n) in zip(names, fields, strict=True) for k in range(n)]
    table = pd.DataFrame(rows, columns=["nucleus", "sample", "replicate", "label", "batch"])
    of_class, of_batch = {}, {}
    for index, (label, batch, _) in enumerate(fields):
        of_class.setdefault(label, []).append(index)
        of_batch.setdefault((label, batch), []).append(index)
    spread = [own for (label, _), own in of_batch.items() if 1 < len(own) < len(of_class[label])]
    groups = [*of_class.values(), *spread]
    allowed = [
        parts
        for parts in itertools.product(range(folds), repeat=len(fields))
        if all(len({parts[i] for i in own}) == folds for own in of_class.values())
    ]
    if not allowed:
        with pytest.raises(AinuError, match="add "):
            assign_folds(table, folds=folds, repeats=1, seed=0)
        return
    found = assign_folds(table, folds=folds, repeats=1, seed=0)
    parts = found.table.drop_duplicates("replicate").set_index("replicate")["fold"][names].tolist()
    off = [deviations(each, groups, numbers, folds) for each in (parts, *allowed)]
    assert (max(off[0]), sum(off[0])) == min((max(each), sum(each)) for each in off[1:])
    assert found.gap == [0.0]


def test_an_unknown_batch_or_one_of_a_single_replicate_changes_no_fold():
    table = in_batches(FIELDS).drop(columns="batch")
    plain = assign_folds(table, folds=3, repeats=2, seed=4).table
    for batch in ("", "of all", table["replicate"]):
        pd.testing.assert_frame_equal(assign_folds(table.assign(batch=batch), folds=3, repeats=2, seed=4).table, plain)


def test_too_few_replicates_of_a_class_are_named_with_what_to_add():
    table = nuclei([[3, 2], [3, 2], [3, 0], [3, 0]], ["somatic", "hiPSC"])
    with pytest.raises(AinuError) as caught:
        assign_folds(table, folds=3, repeats=1, seed=0)
    assert str(caught.value) == (
        "class 'hiPSC' occurs in 2 replicates (r000, r001), but 3 folds need it in 3: "
        "add 1 replicate that holds hiPSC, or set folds: 2"
    )


def test_a_class_in_one_replicate_is_not_offered_fewer_folds():
    with pytest.raises(AinuError) as caught:
        assign_folds(nuclei([[3, 2], [3, 0], [3, 0]]), folds=3, repeats=1, seed=0)
    assert str(caught.value) == (
        "class 'B' occurs in 1 replicate (r000), but 3 folds need it in 3: add 2 replicates that hold B"
    )


def test_every_class_that_lacks_replicates_is_named():
    with pytest.raises(AinuError, match=r"class 'A' occurs in 2 replicates .*; class 'B' occurs in 3 replicates"):
        assign_folds(nuclei([[1, 1], [1, 1], [0, 1]]), folds=5, repeats=1, seed=0)


TRIANGLE = [[1, 1, 0, 1], [1, 0, 1, 1], [0, 1, 1, 1]]


def test_classes_whose_replicates_overlap_too_much_are_named_with_what_to_add():
    with pytest.raises(AinuError) as caught:
        assign_folds(nuclei(TRIANGLE), folds=2, repeats=1, seed=0)
    message = str(caught.value)
    assert "classes 'A', 'B' and 'C' each occur in 2 replicates or more" in message
    assert "A in r000, r001" in message
    assert "'D'" not in message
    asked = message.split("add 1 replicate that holds ")[1]
    assert asked in {"A", "B", "C"}
    mended = [*TRIANGLE, [int(label == asked) for label in "ABCD"]]
    assert assign_folds(nuclei(mended), folds=2, repeats=1, seed=0).gap == [0.0]


def test_fewer_folds_are_offered_only_where_they_work():
    with pytest.raises(AinuError) as caught:
        assign_folds(nuclei([*TRIANGLE, [1, 1, 1, 0]]), folds=4, repeats=1, seed=0)
    assert str(caught.value).endswith("or set folds: 2")
    with pytest.raises(AinuError) as caught:
        assign_folds(nuclei(TRIANGLE), folds=3, repeats=1, seed=0)
    assert "set folds" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="label"), "lacks the column.* label"),
        (lambda t: t.iloc[:0], "no labelled nucleus"),
        (lambda t: t.assign(label=""), "nucleus s0A/0 has no label"),
        (lambda t: t.assign(replicate=None), "nucleus s0A/0 has no replicate"),
        (lambda t: pd.concat([t, t.iloc[3:4]]), "nucleus s1B/0 is there twice"),
    ],
)
def test_a_table_of_nuclei_that_cannot_be_split_is_refused(change, message):
    with pytest.raises(AinuError, match=message):
        assign_folds(change(nuclei([[1, 1]] * 4)), folds=2, repeats=1, seed=0)


@pytest.mark.parametrize("setting", [{"folds": 1}, {"repeats": 0}])
def test_fewer_than_two_folds_or_one_repeat_is_refused(setting):
    with pytest.raises(AinuError, match=f"{next(iter(setting))}: {next(iter(setting.values()))} found"):
        assign_folds(nuclei([[1, 1]] * 4), **{"folds": 2, "repeats": 1, "seed": 0} | setting)
