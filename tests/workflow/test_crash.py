"""Runs that are killed, and disks that fail: one rerun completes, with the bytes of an undisturbed run.

`make torture` kills at 50 random moments instead of five.
"""

import os
import platform
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from project import Project

KILLS = int(os.environ.get("AINU_KILLS", "5"))
FIRST_JOB_S, LAST_JOB_S = 3.0, 45.0


def at_work(project: Project) -> set[int]:
    """Processes that hold the lock of the project's folder."""
    lock = str(project.folder / ".snakemake" / "ainu-running")
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            found |= {int(link.parts[2])} if os.readlink(link) == lock else set()
    return found


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
        process = project.start()
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
    project.run()
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
    project.run("results/nuclei/s0001.h5")


QUALITY = "results/quality/s0001.h5"


def filtering(project: Project) -> subprocess.Popen[bytes]:
    """A run that filters again, stopped in a moment when Snakemake has marked the old file as incomplete."""
    config = project.config()
    config["quality"] = {"photons": [302, None]}
    project.write_config(config)
    process = project.start(QUALITY)
    while not list((project.folder / ".snakemake" / "incomplete").iterdir()):
        assert process.poll() is None
        time.sleep(0.01)
    return process


@pytest.fixture
def filtered(project, tmp_path) -> dict[str, str]:
    """What an undisturbed run makes of the same settings."""
    undisturbed = project.copy(tmp_path / "undisturbed")
    filtering(undisturbed).wait()
    return undisturbed.outputs("results/quality")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_goes_on_by_the_same_command(project, filtered, sent):
    process = filtering(project)
    os.killpg(process.pid, sent)
    assert process.wait(120) != 0
    project.run(QUALITY)
    assert project.outputs("results/quality") == filtered
    assert project.planned(QUALITY) == {}


def test_a_run_whose_jobs_outlive_it_is_waited_for(project, filtered):
    process = filtering(project)
    while len(at_work(project)) < 2:
        assert process.poll() is None, "the job was too fast to be seen"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    os.killpg(process.pid, signal.SIGSTOP)
    refused = project.snakemake(QUALITY)
    os.killpg(process.pid, signal.SIGCONT)
    assert refused.returncode != 0
    assert f"{project.folder} is in use: a run of Snakemake (process {process.pid} on " in refused.stderr
    while at_work(project):
        time.sleep(0.1)
    project.run(QUALITY)
    assert project.outputs("results/quality") == filtered


def test_the_second_of_two_runs_says_that_the_folder_is_in_use_and_disturbs_nothing(project, filtered):
    process = filtering(project)
    os.killpg(process.pid, signal.SIGSTOP)
    second = project.snakemake(QUALITY)
    os.killpg(process.pid, signal.SIGCONT)
    assert process.wait(120) == 0
    assert second.returncode != 0
    said = [line for line in second.stderr.splitlines() if "in use" in line]
    assert len(said) == 1
    assert f"{project.folder} is in use: a run of Snakemake (process {process.pid} on {platform.node()})" in said[0]
    assert "Traceback" not in second.stderr
    assert "IncompleteFilesException" not in second.stderr
    assert project.outputs("results/quality") == filtered
    project.run(QUALITY)


def test_another_run_of_other_files_is_let_work(project, filtered):
    process = filtering(project)
    (project.folder / "results" / "localizations" / "s0002.h5").unlink()
    project.run("results/localizations/s0002.h5")
    assert process.wait(120) == 0
    assert project.outputs("results/quality") == filtered
