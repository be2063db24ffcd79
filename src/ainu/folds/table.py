"""The table of folds, `folds.tsv`: read, checked, written, and which nuclei are trained on and tested where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.errors import AinuError

NUCLEUS_COLUMNS = ("nucleus", "sample", "replicate", "label")
COLUMNS = (*NUCLEUS_COLUMNS, "repeat", "fold")
"""Columns of `folds.tsv`; repeat and fold count from 0."""


def write_folds(table: pd.DataFrame, path: str | Path) -> None:
    """Write folds as a tab-separated file, after the checks of `read_folds`; no half file appears under its name."""
    path = Path(path)
    check_table(table, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        table.to_csv(part, sep="\t", index=False, lineterminator="\n", encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_folds(path: str | Path) -> pd.DataFrame:
    """Read and check `folds.tsv`.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    DataFrame
        nucleus, sample, replicate, label (str), repeat, fold (int64, from 0).

    Raises
    ------
    AinuError
        The file cannot be read, columns are wrong, a replicate is in two folds of a repeat, or a nucleus is not in each
        repeat exactly once.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise AinuError(f"{path}: cannot be read as a table of folds ({error})") from None
    _check_columns(table, path)
    for column in ("repeat", "fold"):
        table[column] = _whole_numbers(table[column], path)
    check_table(table, path)
    return table


def training_rows(table: pd.DataFrame, repeat: int, fold: int) -> NDArray[Any]:
    """The nuclei to train on when `fold` of `repeat` is held out.

    Parameters
    ----------
    table : DataFrame
        As `read_folds` gives it.
    repeat, fold : int
        From 0.

    Returns
    -------
    (n,) str
        Names of the nuclei, in the order of the table.
    """
    return _nuclei_where(table, repeat, fold, held_out=False)


def test_rows(table: pd.DataFrame, repeat: int, fold: int) -> NDArray[Any]:
    """The nuclei held out in `fold` of `repeat`.

    Parameters
    ----------
    table : DataFrame
        As `read_folds` gives it.
    repeat, fold : int
        From 0.

    Returns
    -------
    (n,) str
        Names of the nuclei, in the order of the table.
    """
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


def check_nuclei(nuclei: pd.DataFrame) -> None:
    """Refuse a table of nuclei that cannot be assigned to folds.

    Parameters
    ----------
    nuclei : DataFrame
        A row per nucleus: nucleus, sample, replicate, label (str).

    Raises
    ------
    AinuError
        Columns or labels are missing, there is no nucleus, or one is there twice.
    """
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


def check_table(table: pd.DataFrame, where: str | Path) -> None:
    """Refuse folds that cannot be trusted.

    Parameters
    ----------
    table : DataFrame
        As `read_folds` gives it.
    where : path
        Its file, for messages.

    Raises
    ------
    AinuError
        Columns are wrong, there is no nucleus, a replicate is in two folds of a repeat, or a nucleus is not in each
        repeat exactly once and with the same label.
    """
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
        folds = " and ".join(str(fold) for fold in sorted(split.iloc[0]))
        raise AinuError(f"{where}: replicate {name!r} is in folds {folds} of repeat {repeat}; it must be in one")


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
