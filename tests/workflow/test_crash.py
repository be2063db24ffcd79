"""Runs that are killed, and disks that fail: one rerun completes, with the bytes of an undisturbed run.

`make torture` kills at 50 random moments instead of five.
"""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from project import Project

KILLS = int(os.environ.get("AINU_KILLS", "5"))
FIRST_JOB_S, LAST_JOB_S = 3.0, 45.0


def emptied(project: Project) -> Project:
    """The project before its first run, but for the simulated files."""
    for path in (project.folder / "results").iterdir():
        if path.name != "simulated":
            shutil.rmtree(path)
    return project


@pytest.mark.slow
def test_runs_killed_at_random_moments_end_with_the_bytes_of_an_undisturbed_one(finished, project):
    seed = int(os.environ.get("AINU_KILL_SEED", time.time()))
    moments = random.Random(seed)
    emptied(project)
    killed = 0
    while killed < KILLS:
        process = project.start("--rerun-incomplete")
        try:
            status = process.wait(moments.uniform(FIRST_JOB_S, LAST_JOB_S))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
        else:
            assert status == 0, (project.folder / "started.log").read_text()[-3000:]
            assert project.outputs() == finished.outputs(), f"seed {seed}, {killed} kills"
            emptied(project)
        project.run("--unlock")
    project.run("--rerun-incomplete")
    assert project.outputs() == finished.outputs(), f"seed {seed}"
    assert project.planned() == {}
    assert not list((project.folder / "results").rglob("*.part"))


@pytest.fixture
def small_disk(project):
    """The project's folder of quality files on a disk of 64 kB; given back whole."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    folder = project.folder / "results" / "quality"
    shutil.rmtree(folder)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    yield project
    subprocess.run(["umount", str(folder)], check=False)


def test_a_full_disk_is_told_and_earlier_results_stay(small_disk, finished):
    (small_disk.folder / "results" / "quality" / "other").write_bytes(bytes(60_000))
    done = small_disk.snakemake("results/quality/s0001.h5")
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert not list((small_disk.folder / "results" / "quality").glob("*.h5"))
    for folder in ("localizations", "drift", "experiments"):
        assert small_disk.outputs(f"results/{folder}") == finished.outputs(f"results/{folder}")
    (small_disk.folder / "results" / "quality" / "other").unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk.folder / "results" / "quality")], check=True)
    small_disk.run("results/quality/s0001.h5")
    assert small_disk.outputs("results/quality")["results/quality/s0001.h5"]


def test_a_folder_that_cannot_be_written_is_told(project, finished):
    if os.geteuid() != 0:
        pytest.skip("mounting read-only takes root")
    folder = project.folder / "results" / "drift"
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
    try:
        done = project.snakemake("results/drift/s0001.h5", "--forcerun", "correct_drift")
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    assert done.returncode != 0
    assert "Write-protected output files" in done.stderr
    assert "results/drift/s0001.h5" in done.stderr
    assert project.outputs() == finished.outputs()


def test_a_file_that_vanishes_is_named_and_earlier_results_stay(project, finished):
    config = project.config()
    config["quality"] = {"photons": [301, None]}
    project.write_config(config)
    process = project.start("results/nuclei/s0001.h5")
    vanished = project.folder / "results" / "localizations" / "s0001.h5"
    while "Filtering" not in (project.folder / "started.log").read_text():
        time.sleep(0.01)
    content = vanished.read_bytes()
    vanished.unlink()
    status, said = process.wait(120), (project.folder / "started.log").read_text()
    if status:  # else it was read before it vanished
        assert "results/localizations/s0001.h5" in said
    vanished.write_bytes(content)
    assert project.outputs("results/localizations") == finished.outputs("results/localizations")
    project.run("results/nuclei/s0001.h5", "--rerun-incomplete")


def test_a_lock_left_behind_is_told_with_what_to_do(project):
    config = project.config()
    config["quality"] = {"photons": [302, None]}
    project.write_config(config)
    process = project.start("results/quality/s0001.h5")
    while "Filtering" not in (project.folder / "started.log").read_text():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = project.snakemake("results/quality/s0001.h5")
    assert done.returncode != 0
    assert "--unlock" in done.stderr
    project.run("--unlock")
    project.run("results/quality/s0001.h5", "--rerun-incomplete")
