"""Runs of a sweep side by side, and choosing among them."""

import numpy as np
import pandas as pd
from figure_texts import texts
from spots import CLASSES

from ainu.evaluation.comparison import NESTED, ComparedRun, compare, parameters_of, picture
from ainu.evaluation.nested_choice import choose, nested
from ainu.figures.saving import encode


def predictions(certain: float, *, right: float = 1.0, seed: int = 0, n: int = 80) -> pd.DataFrame:
    """Out-of-fold predictions of 8 replicates in two folds, a share of them right."""
    rng = np.random.default_rng(seed)
    label = np.array(CLASSES)[np.arange(n) % 2]
    correct = rng.random(n) < right
    p_dim = np.where((label == "dim") == correct, certain, 1 - certain)
    replicate = np.arange(n) // 10
    return pd.DataFrame(
        {
            "nucleus": [f"n{k}" for k in range(n)],
            "sample": "s",
            "replicate": replicate.astype(str),
            "label": label,
            "repeat": 0,
            "fold": replicate % 2,
            "p_dim": p_dim,
            "p_bright": 1 - p_dim,
        }
    )


def test_each_fold_chooses_by_inner_predictions_alone():
    good, bad = predictions(0.9), predictions(0.9, right=0.6)
    inner = {
        "one": pd.concat([good.assign(outer_fold=0), bad.assign(outer_fold=1)]).assign(outer_repeat=0),
        "two": pd.concat([bad.assign(outer_fold=0), good.assign(outer_fold=1)]).assign(outer_repeat=0),
    }
    chosen = choose(inner, CLASSES)
    assert chosen == {(0, 0): "one", (0, 1): "two"}
    table = nested({"one": predictions(0.8), "two": predictions(0.7)}, chosen)
    assert len(table) == 80
    assert set(table.loc[table["fold"] == 0, "p_dim"].round(3)) == {0.8, 0.2}
    assert set(table.loc[table["fold"] == 1, "p_dim"].round(3)) == {0.7, 0.3}


def test_of_equally_right_runs_the_surer_one_is_chosen_then_the_first():
    def inner(certain):
        return predictions(certain).assign(outer_repeat=0, outer_fold=0)

    assert choose({"a": inner(0.7), "b": inner(0.9), "c": inner(0.9)}, CLASSES) == {(0, 0): "b"}


def test_parameters_are_those_of_the_networks_of_all_views():
    assert parameters_of({"views": {"detail": {"parameters": 30}, "context": {"parameters": 12}}}) == 42


def test_differences_are_paired_over_the_same_draws_of_replicates():
    base = predictions(0.9, right=0.7)
    better = base.copy()
    swap = better.index[better["p_dim"].gt(0.5).ne(better["label"].eq("dim"))][::2]
    better.loc[swap, ["p_dim", "p_bright"]] = better.loc[swap, ["p_bright", "p_dim"]].to_numpy()
    outcomes = {
        "x--a": ComparedRun(base, 10, 1.0),
        "x--b": ComparedRun(better, 20, None),
        NESTED: ComparedRun(base, None, None),
    }
    table = compare(outcomes, {(0, 0): "x--b", (0, 1): "x--b"}, CLASSES, seed=1)
    assert table["difference"].iloc[0] == 0
    assert table["difference_low"].iloc[0] == table["difference_high"].iloc[0] == 0
    assert table["difference_low"].iloc[1] > 0
    assert table["difference_low"].iloc[1] > table["low"].iloc[1] - table["high"].iloc[0]
    assert table["folds"].tolist() == [0, 2, 0]
    shown = picture(table, 0.5)
    assert "a, 1 s/step" in texts(shown)
    assert encode(shown, "svg").startswith(b"<?xml")
