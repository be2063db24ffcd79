"""Sweeps, studies, transfer and killed trainings by real Snakemake runs; minutes each."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from ainu.files import read_json

pytestmark = pytest.mark.slow

VIEWS = {"detail": {"voxel_nm": 40, "size_nm": 1280}, "context": {"voxel_nm": 400}}
SMALL = {"classes": ["somatic", "hiPSC"], "views": VIEWS, "folds": 2, "attribution": {"methods": []}}
FOUR_STEPS = {"steps": 4, "batch_size": 4}


def with_experiments(project, experiments: dict) -> None:
    config = project.config()
    config["experiments"] = experiments
    project.write_config(config)


def test_a_sweep_compares_runs_and_chooses_within_each_fold(project):
    over = {"views.detail.voxel_nm": [20, 40], "network": ["ainu-small"]}
    own = SMALL | {"folds": 3, "training": FOUR_STEPS, "sweep": {"over": over, "inner_folds": 2}}
    with_experiments(project, {"nets": own})
    project.run()
    table = pd.read_csv(project.folder / "results/experiments/nets/sweep.tsv", sep="\t")
    assert table["run"].tolist() == [
        "nets--voxel_nm-20--network-ainu-small",
        "nets--voxel_nm-40--network-ainu-small",
        "chosen within each fold",
    ]
    assert table["folds"].sum() == 3
    assert (table["seconds_per_step"].dropna() > 0).all()
    assert table["difference"].iloc[0] == 0
    assert (project.folder / "results/experiments/nets/sweep.svg").exists()
    assert project.planned() == {}


def test_a_new_cell_type_starts_from_another_experiment_and_is_studied(project):
    study = {"sizes": [1, "all"], "draws": 1}
    first = SMALL | {"training": FOUR_STEPS}
    second = first | {"init_from": "first", "channels": ["DNA"], "study": study, "transfer": {"layer_decay": 0.7}}
    with_experiments(project, {"first": first, "second": second})
    project.run("results/experiments/second/study.tsv")
    table = pd.read_csv(project.folder / "results/experiments/second/study.tsv", sep="\t")
    assert table.groupby(["mode", "size"]).size().to_dict() == {
        (mode, size): 1 for mode in ("finetune", "frozen", "scratch") for size in ("1", "all")
    }
    project.run("results/experiments/second/models/repeat0-fold0/model.json")
    model = read_json(project.folder / "results/experiments/second/models/repeat0-fold0/model.json")
    for view in VIEWS:
        assert model["views"][view]["initial"]["channels"] == {"DNA": "DNA"}
        assert model["views"][view]["initial"]["tensors_left_random"] == 0


def start(project, target: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", target]
    return subprocess.Popen(
        command, cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def last_saved(folder: Path) -> int:
    """When a file to go on from was written last, ns; 0: there is none."""
    return max((path.stat().st_mtime_ns for path in folder.glob("resume.*.pt")), default=0)


def test_a_training_killed_in_the_middle_goes_on_and_ends_with_the_same_bytes(project, tmp_path):
    long = SMALL | {"training": FOUR_STEPS | {"steps": 300}}
    with_experiments(project, {"long": long})
    model = "results/experiments/long/models/repeat0-fold0"
    project.run("results/experiments/long/folds.tsv")
    calm = project.copy(tmp_path / "calm")
    calm.run(f"{model}/model.safetensors")
    folder = project.folder / model
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = start(project, f"{model}/model.safetensors")
        deadline, before = time.monotonic() + 120, last_saved(folder)
        while time.monotonic() < deadline and last_saved(folder) <= before:
            time.sleep(0.02)
        os.killpg(process.pid, number)
        process.wait()
        assert last_saved(folder) > before
        assert not (folder / "model.safetensors").exists()
    project.run(f"{model}/model.safetensors")
    for name in ("model.safetensors", "model.json", "history.tsv"):
        assert (folder / name).read_bytes() == (calm.folder / model / name).read_bytes()
    assert not last_saved(folder)
