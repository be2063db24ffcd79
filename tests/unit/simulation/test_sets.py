"""The simulated sets on which the views are measured: benchmarks/nanoscale/sets.py."""

import importlib.util
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from ainu import read
from ainu.settings.check import check
from ainu.simulation.conditions import Condition
from ainu.simulation.truth import read_truth
from ainu.simulation.tuning import localizations_of, precision_of

PATH = Path(__file__).resolve().parents[3] / "benchmarks" / "nanoscale" / "sets.py"


@pytest.fixture(scope="module")
def sets():
    spec = importlib.util.spec_from_file_location("nanoscale_sets", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["nanoscale_sets"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("family", ["tune", "show"])
def test_twelve_sets_lie_in_the_ranges_that_were_promised(sets, family):
    specs = sets.SETS[family]
    assert [spec.kind for spec in specs] == ["nanoscale", "micrometre", "two-scale"] * 4
    for spec in specs:
        for condition in spec.conditions.values():
            assert 1 <= condition.blinks * condition.blink_frames <= 10
            assert 4.9 <= precision_of(condition) <= 20
            assert 9_900 <= localizations_of(condition) <= 201_000
            assert 0 <= condition.false_share <= 0.2
    assert len({spec.seed for spec in (*sets.SETS_TUNE, *sets.SETS_SHOW)}) == 24


def test_classes_of_a_set_differ_in_nothing_but_what_its_kind_says(sets):
    allowed = {"nanoscale": {"cluster_nm"}, "micrometre": {"nucleolar_share"}}
    allowed["two-scale"] = allowed["nanoscale"] | allowed["micrometre"]
    for spec in (*sets.SETS_TUNE, *sets.SETS_SHOW):
        first, second = spec.conditions.values()
        different = {e.name for e in fields(Condition) if getattr(first, e.name) != getattr(second, e.name)}
        assert different == allowed[spec.kind]


def test_a_set_is_drawn_again_from_its_seed(sets):
    assert sets.draw_set("nanoscale", 5) == sets.draw_set("nanoscale", 5)
    assert sets.draw_set("nanoscale", 5).conditions != sets.draw_set("nanoscale", 6).conditions


def test_a_project_holds_files_a_valid_config_and_the_truth_of_each_localization(sets, tmp_path, monkeypatch):
    spec = replace(sets.draw_set("nanoscale", 1), nuclei_per_class=3, replicates=3)
    sets.write_project(spec, tmp_path)
    monkeypatch.chdir(tmp_path)
    check(yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8")))
    for row in spec.rows:
        table, truth = read(row["path"]), read_truth("truth.h5", row["sample"])
        assert table.n_frames <= len(truth.drift)
        assert len(table) == len(truth.cluster)
        assert table.precision is not None
    assert np.unique([row["replicate"] for row in spec.rows]).size == 3
