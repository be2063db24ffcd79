"""The shipped demo and real data, as a newcomer runs them. Minutes each: CI runs them after the everyday tests."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from project import ROOT, clone, clone_of_the_demo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(demo) -> Path:
    """Results of the demo."""
    return demo.folder / "results"


def test_the_demo_tells_its_classes_apart_and_counts_do_not(results):
    metrics = json.loads((results / "experiments/somatic-vs-hipsc/metrics.json").read_text())
    assert metrics["metrics"]["auroc"]["value"] >= 0.95
    audits = [audit["audit"] for audit in metrics["audits"]]
    assert audits == ["confounders", "features", "equal_counts", "outline", "replicate"]
    interval = metrics["baselines"]["confounders"]["balanced_accuracy"]["ci"]
    assert interval[0] <= 0.5 <= interval[1] + 0.1


def test_the_method_that_ranks_first_finds_the_planted_cause(results):
    """It is chosen by its own checks, without the truth."""
    folder = results / "experiments/somatic-vs-hipsc/attribution"
    truth, card = (json.loads((folder / name).read_text()) for name in ("truth.json", "scorecard.json"))
    best = card["best"]
    assert card["methods"][0]["verdict"] == "passes"
    assert truth["nuclei"] == 30
    assert truth["pointing_game"][best] >= 0.9
    assert truth["enrichment"][best]["PolII"] >= 5
    assert truth["enrichment"][best]["DNA"] < 1


def test_the_evidence_for_hipsc_is_pol_ii_in_the_nucleoli(results):
    folder = results / "experiments/somatic-vs-hipsc/attribution"
    best = json.loads((folder / "scorecard.json").read_text())["best"]
    (row,) = (
        row
        for row in json.loads((folder / "compartments.json").read_text())["enrichment"]
        if (row["compartment"], row["channel"], row["label"], row["method"]) == ("nucleoli", "PolII", "hiPSC", best)
    )
    assert row["ci"][0] > 3
    assert row["p"] < 0.05
    gathered = json.loads((folder / "gathering.json").read_text())["per_label"]["hiPSC"]
    assert gathered["ci"][0] > 1.5


@pytest.mark.overnight
def test_two_runs_in_two_folders_give_the_same_bytes(results, tmp_path):
    project = clone_of_the_demo(tmp_path / "project")
    project.run()
    again = project.folder / "results"
    names = ["dataset.h5", "folds.tsv", "predictions.tsv", "metrics.json", "models/repeat0-fold0/model.safetensors"]
    files = [Path("experiments/somatic-vs-hipsc") / name for name in names]
    for stage in ("localizations", "drift", "quality", "nuclei", "voxels/context200", "voxels/views"):
        files += [path.relative_to(results) for path in sorted((results / stage).glob("*.h5"))]
    assert len(files) == 29
    assert [str(name) for name in files if (results / name).read_bytes() != (again / name).read_bytes()] == []


@pytest.mark.parametrize(
    ("name", "experiment", "samples"),
    [("c15", "dye", 10), pytest.param("origami", "shape", 350, marks=pytest.mark.overnight)],
)
def test_real_data_go_through_the_chain_by_a_config_and_a_sheet(shared_data, tmp_path, name, experiment, samples):
    project = clone(tmp_path / "project")
    (tmp_path / "shared").symlink_to(shared_data.parent)
    config = yaml.safe_load((ROOT / "tests/workflow/configs" / f"{name}.yaml").read_text())
    config["experiments"][experiment].setdefault("training", {})["steps"] = 4
    if config["samples"].startswith("tests/"):
        (project.folder / "real.tsv").write_bytes((ROOT / config["samples"]).read_bytes())
        config["samples"] = "real.tsv"
    (project.folder / "real.yaml").write_text(yaml.safe_dump(config))
    target = f"results/experiments/{experiment}/metrics.json"
    project.run(target, "--configfile", "real.yaml")
    metrics = json.loads((project.folder / target).read_text())
    folds = pd.read_csv((project.folder / target).with_name("folds.tsv"), sep="\t")
    assert metrics["n"] == len(folds)
    assert folds["sample"].nunique() == samples
    assert metrics["classes"] == config["experiments"][experiment]["classes"]
