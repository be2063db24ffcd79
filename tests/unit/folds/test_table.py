"""A file of folds is read as it was written, or refused."""

import itertools

import pandas as pd
import pytest
from replicates import nuclei

from ainu.errors import AinuError
from ainu.folds.assign import assign_folds
from ainu.folds.table import read_folds, test_rows, training_rows, write_folds


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
