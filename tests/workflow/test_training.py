"""Sweeps, studies, transfer and killed trainings by real Snakemake runs; minutes each."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from ainu.files import read_json

pytestmark = pytest.mark.slow

SMALL = {"classes": ["somatic", "hiPSC"], "network": "ainu-small", "folds": 2, "attribution": {"methods": []}}
TWO_EPOCHS = {"epochs": 2, "batch_size": 4, "validation_fraction": 0}


def with_experiments(project, experiments: dict) -> None:
    config = project.config()
    config["experiments"] = experiments
    project.write_config(config)


def test_a_sweep_compares_runs_and_chooses_within_each_fold(project):
    over = {"network": ["ainu-small", "neighbourhoods"], "augmentation.level": ["localizations"]}
    own = SMALL | {"folds": 3, "training": TWO_EPOCHS, "sweep": {"over": over, "inner_folds": 2}}
    with_experiments(project, {"nets": own})
    project.run()
    table = pd.read_csv(project.folder / "results/experiments/nets/sweep.tsv", sep="\t")
    assert table["run"].tolist() == [
        "nets--network-ainu-small--level-localizations",
        "nets--network-neighbourhoods--level-localizations",
        "chosen within each fold",
    ]
    assert table["folds"].sum() == 3
    assert (table["seconds_per_epoch"].dropna() > 0).all()
    assert table["difference"].iloc[0] == 0
    assert (project.folder / "results/experiments/nets/sweep.svg").exists()
    assert project.planned() == {}


def test_a_new_cell_type_starts_from_another_experiment_and_is_studied(project):
    study = {"sizes": [1, "all"], "draws": 1}
    first = SMALL | {"training": TWO_EPOCHS}
    second = first | {"init_from": "first", "channels": ["DNA"], "study": study, "transfer": {"layer_decay": 0.7}}
    with_experiments(project, {"first": first, "second": second})
    project.run("results/experiments/second/study.tsv")
    table = pd.read_csv(project.folder / "results/experiments/second/study.tsv", sep="\t")
    assert table.groupby(["mode", "size"]).size().to_dict() == {
        (mode, size): 1 for mode in ("finetune", "frozen", "scratch") for size in ("1", "all")
    }
    project.run("results/experiments/second/models/repeat0-fold0/model.json")
    model = read_json(project.folder / "results/experiments/second/models/repeat0-fold0/model.json")
    assert model["initial"]["channels"] == {"DNA": "DNA"}
    assert model["initial"]["tensors_left_random"] == 0


def start(project, target: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", target]
    return subprocess.Popen(
        command, cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def test_a_training_killed_in_the_middle_goes_on_and_ends_with_the_same_bytes(project, tmp_path):
    long = SMALL | {"training": TWO_EPOCHS | {"epochs": 60}}
    with_experiments(project, {"long": long})
    folder = "results/experiments/long/models/repeat0-fold0"
    project.run("results/experiments/long/folds.tsv")
    calm = project.copy(tmp_path / "calm")
    calm.run(f"{folder}/model.safetensors")
    resume = project.folder / folder / "resume.pt"
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = start(project, f"{folder}/model.safetensors")
        deadline, before = time.monotonic() + 120, resume.stat().st_mtime_ns if resume.exists() else 0
        while time.monotonic() < deadline and not (resume.exists() and resume.stat().st_mtime_ns > before):
            time.sleep(0.02)
        os.killpg(process.pid, number)
        process.wait()
        assert resume.exists()
        assert not (project.folder / folder / "model.safetensors").exists()
        project.snakemake("--unlock")
    project.run(f"{folder}/model.safetensors", "--rerun-incomplete")
    for name in ("model.safetensors", "model.json", "history.tsv"):
        assert (project.folder / folder / name).read_bytes() == (calm.folder / folder / name).read_bytes()
    assert not resume.exists()
