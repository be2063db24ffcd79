"""What belongs to nothing any more: a run lists it, `tidy` removes it, and nothing of the user's."""

import os
import subprocess

import pytest
from project import Project
from touched import touched_project

OF_THE_USER = (
    "results/notes.txt",
    "results/experiments/small/notes.txt",
    "results/qc/s0003/photo.png",
    "results/own.h5",
)
BESIDE = ("results/logs/report/small.log", "results/benchmarks/report/small.tsv")
GONE = (
    *("results/predictions/small.tsv", "results/experiments/small/hold_out.json"),
    *("results/experiments/small/report.html", "results/experiments/small/models/repeat0-fold0/model.safetensors"),
    *("results/localizations/s0003.h5", *BESIDE),
)
WEIGHTS = "results/experiments/small/models/repeat0-fold1/model.safetensors"
STAY = (WEIGHTS, "results/localizations/s0001.h5", "results/experiments/nets/sweep.tsv", "results/qc/summary.tsv")


@pytest.fixture(scope="module")
def renamed(tmp_path_factory) -> Project:
    """A finished project whose experiment is renamed, and whose samples to predict are gone, with the third shard.

    The renamed one starts from weights of the former.
    """
    project = touched_project(tmp_path_factory.mktemp("touched") / "project")
    for name in (*OF_THE_USER, *BESIDE):
        (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / name).write_text("mine")
    config = project.config()
    config["experiments"] = {"other": config["experiments"].pop("small"), **config["experiments"]}
    config["experiments"]["other"]["transfer"] = {"weights": WEIGHTS}
    project.write_config(config)
    (project.folder / ".snakemake" / "metadata" / ".DS_Store").write_bytes(b"mine")
    sheet = project.folder / "config" / "samples.tsv"
    lines = [line for line in sheet.read_text().splitlines() if "raw-" not in line]
    sheet.write_text("\n".join(lines) + "\n")
    return project


def files(project: Project) -> set[str]:
    found = (path for path in (project.folder / "results").rglob("*") if path.is_file())
    return {path.relative_to(project.folder).as_posix() for path in found}


def tidied(project: Project, switch: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"AINU_TIDY": switch, "PYTHONPATH": ""}
    command = project.command("tidy")
    return subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)


def listed(project: Project) -> set[str]:
    lines = (project.folder / "results/logs/tidy.log").read_text().splitlines()
    return {line for line in lines if line.startswith("results/")}


def test_a_run_says_what_belongs_to_nothing_any_more_and_a_finished_one_nothing(renamed, finished):
    said = renamed.snakemake("--dry-run").stderr
    assert "files under results/ belong to nothing any more: results/" in said
    assert "AINU_TIDY=remove" in said
    assert "belong to nothing" not in finished.snakemake("--dry-run").stderr


def test_tidy_lists_and_with_its_switch_removes_exactly_that(renamed):
    before = files(renamed)
    assert tidied(renamed).returncode == 0
    found = listed(renamed)
    assert files(renamed) - {"results/logs/tidy.log"} == before
    assert set(GONE) <= found
    assert not found & {*OF_THE_USER, *STAY}
    assert tidied(renamed, "remove").returncode == 0
    assert files(renamed) - {"results/logs/tidy.log"} == before - found
    assert set(OF_THE_USER) <= files(renamed)
    assert files_of(renamed, "experiments/small") == {"notes.txt", "models", "repeat0-fold1", "model.safetensors"}
    assert not (renamed.folder / "results" / "predictions").exists()
    tidied(renamed)
    assert listed(renamed) == set()


def files_of(project: Project, folder: str) -> set[str]:
    return {path.name for path in (project.folder / "results" / folder).rglob("*")}


def test_another_switch_is_refused(renamed):
    done = tidied(renamed, "yes")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "AINU_TIDY: found 'yes', allowed: remove" in said
    assert (renamed.folder / "results/notes.txt").read_text() == "mine"
