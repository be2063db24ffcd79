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
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import ainu
from ainu.errors import AinuError
from ainu.folds.assign import assign_folds
from ainu.folds.partition import split_validation
from ainu.folds.table import read_folds, test_rows, training_rows, write_folds

SOURCE = Path(ainu.__file__).parents[1]


def nuclei(counts, classes="ABCDEFG"):
    """One row per nucleus from (replicates, classes) numbers of nuclei."""
    rows = [
        (f"s{replicate}{label}/{k}", f"s{replicate}{label}", f"r{replicate:03d}", label)
        for replicate, row in enumerate(counts)
        for label, number in zip(classes, row, strict=False)
        for k in range(number)
    ]
    return pd.DataFrame(rows, columns=["nucleus", "sample", "replicate", "label"])


def shares(table, folds):
    """(folds, classes) share of each class's nuclei in each fold, exactly."""
    counts = pd.crosstab(table["fold"], table["label"]).reindex(range(folds), fill_value=0)
    return [[Fraction(int(n), int(total)) for n, total in zip(row, counts.sum(), strict=True)] for row in counts.values]


def quality(table, folds):
    """Largest deviation and sum of the deviations, exactly."""
    deviations = [abs(share - Fraction(1, folds)) for row in shares(table, folds) for share in row]
    return max(deviations), sum(deviations)


def by_exhaustion(counts, targets):
    """The best (largest deviation, sum) over all ways to part the replicates so that each part has each class."""
    counts = np.array(counts)[:, np.sum(counts, axis=0) > 0]
    totals, best = counts.sum(axis=0).tolist(), None
    for parts in itertools.product(range(len(targets)), repeat=len(counts)):
        held = [counts[np.array(parts) == part].sum(axis=0).tolist() for part in range(len(targets))]
        if all(all(row) for row in held):
            pairs = ((row, target) for row, target in zip(held, targets, strict=True))
            off = [abs(Fraction(n, total) - t) for row, t in pairs for n, total in zip(row, totals, strict=True)]
            best = min(filter(None, [best, (max(off), sum(off))]))
    return best


small = st.integers(1, 3).flatmap(
    lambda classes: st.lists(
        st.lists(st.integers(0, 6), min_size=classes, max_size=classes).filter(any), min_size=3, max_size=6
    )
)
unhurried = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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


def test_a_batch_that_nobody_told_or_of_one_replicate_changes_no_fold():
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


# --- the file -------------------------------------------------------------------------------------------------------


@pytest.fixture
def table():
    return assign_folds(nuclei([[2, 1]] * 4), folds=2, repeats=2, seed=0).table


def test_folds_come_back_from_the_file_as_they_were_written(table, tmp_path):
    awkward = table.replace({"replicate": {"r000": "NA"}, "label": {"A": 'day "1", 4 °C'}})
    write_folds(awkward, tmp_path / "new" / "folds.tsv")
    pd.testing.assert_frame_equal(read_folds(tmp_path / "new" / "folds.tsv"), awkward)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["folds.tsv"]
    header = (tmp_path / "new" / "folds.tsv").read_text().splitlines()[0]
    assert header == "nucleus\tsample\treplicate\tlabel\trepeat\tfold"


def _edit(path, row, column, value):
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    lines[row][column] = value
    path.write_text("".join("\t".join(line) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (1, 5, "7", r"replicate 'r000' is in folds \d and 7 of repeat 0"),
        (2, 0, "s0A/0", "line 3: nucleus s0A/0 is in repeat 0 twice"),
        (2, 0, "other/0", "nucleus other/0 is in 1 of 2 repeats"),
        (2, 3, "B", "nucleus s0A/1 has different"),
        (3, 5, "one", "line 4: fold 'one' is not a number"),
        (3, 4, "-1", "line 4: repeat '-1' is not a number"),
        (0, 5, "part", "columns are nucleus, sample, replicate, label, repeat, part; expected nucleus"),
    ],
)
def test_a_file_of_folds_that_cannot_be_trusted_is_refused(table, tmp_path, row, column, value, message):
    path = tmp_path / "folds.tsv"
    write_folds(table, path)
    _edit(path, row, column, value)
    with pytest.raises(AinuError, match=f"{path}: .*{message}"):
        read_folds(path)


@pytest.mark.parametrize("content", [None, "", "nucleus\tsample\treplicate\tlabel\trepeat\tfold\n"])
def test_a_missing_or_empty_file_of_folds_is_refused(tmp_path, content):
    path = tmp_path / "folds.tsv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AinuError, match=r"folds\.tsv"):
        read_folds(path)


def test_a_replicate_in_two_folds_is_not_written_and_the_old_file_stays(table, tmp_path):
    path = tmp_path / "folds.tsv"
    write_folds(table, path)
    before = path.read_bytes()
    broken = table.copy()
    broken.loc[0, "fold"] = 1 - broken.loc[0, "fold"]
    with pytest.raises(AinuError, match="replicate 'r000'"):
        write_folds(broken, path)
    assert path.read_bytes() == before


def test_training_and_test_rows_part_the_nuclei_of_a_repeat(table):
    for repeat, fold in itertools.product(range(2), range(2)):
        train, test = training_rows(table, repeat, fold), test_rows(table, repeat, fold)
        assert sorted([*train, *test]) == sorted(table["nucleus"].unique())
        expected = table[(table["repeat"] == repeat) & (table["fold"] == fold)]["nucleus"]
        assert test.tolist() == expected.tolist()


def test_rows_of_a_fold_that_does_not_exist_are_refused(table):
    with pytest.raises(AinuError, match=r"no fold 2 in repeat 0; .* 0/0, 0/1, 1/0, 1/1"):
        test_rows(table, 0, 2)


# --- the inner validation set ---------------------------------------------------------------------------------------


@unhurried
@given(counts=small, fraction=st.sampled_from([0.1, 0.2, 0.35, 0.5]), seed=st.integers(0, 100))
def test_the_validation_set_is_that_of_an_exhaustive_search_or_empty_where_it_finds_none(counts, fraction, seed):
    table = nuclei(counts)
    share = Fraction(str(fraction))
    best = by_exhaustion(counts, [share, 1 - share])
    held_back = split_validation(table, fraction=fraction, seed=seed)
    assert held_back.dtype == bool
    assert len(held_back) == len(table)
    if best is None:
        assert not held_back.any()
        return
    assert not set(table["replicate"][held_back]) & set(table["replicate"][~held_back])
    assert set(table["label"][held_back]) == set(table["label"][~held_back]) == set(table["label"])
    off = [
        abs(Fraction(int(held_back[rows].sum()), len(rows)) - share) for rows in table.groupby("label").indices.values()
    ]
    assert max(off) == best[0]


def test_a_class_with_a_single_replicate_leaves_no_validation_set():
    assert not split_validation(nuclei([[4, 1], [4, 0], [4, 0]]), fraction=0.2, seed=0).any()


def test_a_fraction_of_zero_leaves_no_validation_set():
    assert not split_validation(nuclei([[4, 1]] * 4), fraction=0, seed=0).any()


@pytest.mark.parametrize("fraction", [-0.1, 1, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(AinuError, match="validation_fraction"):
        split_validation(nuclei([[4, 1]] * 4), fraction=fraction, seed=0)


def test_the_seed_chooses_the_validation_set_and_always_the_same():
    table = nuclei([[5, 5]] * 8)
    drawn = [split_validation(table, fraction=0.25, seed=seed) for seed in range(6)]
    assert all(mask.mean() == 0.25 for mask in drawn)
    assert len({mask.tobytes() for mask in drawn}) > 2
    assert (split_validation(table, fraction=0.25, seed=3) == drawn[3]).all()


def test_the_validation_set_of_a_hard_table_is_near_the_fraction_and_quick():
    table = nuclei(np.random.default_rng(0).integers(1, 41, (40, 7)))
    start = time.monotonic()
    held_back = split_validation(table, fraction=0.2, seed=0)
    assert time.monotonic() - start < 5
    shares_held = pd.Series(held_back).groupby(table["label"]).mean()
    assert shares_held.between(0.19, 0.21).all()
