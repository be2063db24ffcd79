"""Input files that are replaced by others: content decides, whatever their times say."""

import json
import os
import shutil
import time
from pathlib import Path

import h5py
import pytest
from project import Project, clone, small_config

from ainu import simulate
from ainu.localizations.formats.writers import write_thunderstorm
from ainu.settings.input_digests import SETTLED_NS

SAMPLES = ("a", "b", "c")
TARGETS = tuple(f"results/localizations/{name}.h5" for name in SAMPLES)


@pytest.fixture(scope="module")
def read_once(tmp_path_factory) -> Project:
    """Three files, a shard each, that were read once. Do not change it."""
    project = clone(tmp_path_factory.mktemp("read") / "project")
    config = small_config()
    project.write_config(config | {"experiments": {"small": config["experiments"]["small"] | {"folds": 2}}})
    rows = ["sample\tpath\tchannels\tlabel\treplicate\tshard"]
    for number, name in enumerate(SAMPLES):
        label = ("somatic", "hiPSC")[number % 2]
        write_thunderstorm(simulate(label, number)[0], project.folder / f"{name}.csv")
        rows.append(f"{name}\t{name}.csv\t0:PolII,1:DNA\t{label}\tr{number}\t{name}")
    for number, label in enumerate(("somatic", "hiPSC") * 2):
        rows.append(f"x{number}\t{number}.bin\t1:PolII,2:DNA\t{label}\tq{number // 2}\tx")
        (project.folder / f"{number}.bin").touch()
    (project.folder / "config" / "samples.tsv").write_text("\n".join(rows) + "\n")
    for name in SAMPLES:
        os.utime(project.folder / f"{name}.csv", (1e9, 1e9))
    project.run(*TARGETS)
    return project


@pytest.fixture
def project(read_once, tmp_path) -> Project:
    """A copy of it: the same content in other files."""
    copied = read_once.copy(tmp_path / "project")
    assert copied.planned(*TARGETS) == {}
    return copied


def read_from(project: Project, sample: str) -> str:
    """Digest of the file that a sample's localizations are from."""
    with h5py.File(project.folder / f"results/localizations/{sample}.h5") as file:
        return json.loads(file[sample].attrs["meta"])["sha256"]


def swap(one: Path, other: Path) -> None:
    """Exchange two files, as `mv` does."""
    one.rename(one.with_suffix(".tmp"))
    other.rename(one)
    one.with_suffix(".tmp").rename(other)


def test_two_swapped_files_are_read_again_and_no_other(project, read_once):
    before = project.outputs("results/localizations")
    swap(project.folder / "a.csv", project.folder / "b.csv")
    assert project.planned(*TARGETS) == {"ingest": 2}
    project.run(*TARGETS)
    assert read_from(project, "a") == read_from(read_once, "b")
    assert read_from(project, "b") == read_from(read_once, "a")
    after = project.outputs("results/localizations")
    assert {name for name in after if after[name] != before[name]} == set(TARGETS[:2])
    assert project.planned(*TARGETS) == {}
    swap(project.folder / "a.csv", project.folder / "b.csv")
    project.run(*TARGETS)
    assert project.outputs("results/localizations") == before


def test_an_older_file_moved_over_another_is_read(project):
    older = project.folder / "older.csv"
    write_thunderstorm(simulate("somatic", 77)[0], older)
    os.utime(older, (9e8, 9e8))
    older.rename(project.folder / "c.csv")
    assert project.planned(*TARGETS) == {"ingest": 1}


def test_a_file_edited_in_place_to_the_same_size_and_time_is_read(project):
    file = project.folder / "a.csv"
    lines = file.read_text().splitlines(keepends=True)
    size = file.stat().st_size
    file.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]))
    os.utime(file, (1e9, 1e9))
    assert file.stat().st_size == size
    assert project.planned(*TARGETS) == {"ingest": 1}


def test_a_link_that_points_to_another_old_file_is_read(project):
    other = project.folder / "elsewhere.csv"
    shutil.copy2(project.folder / "b.csv", other)
    (project.folder / "a.csv").unlink()
    (project.folder / "a.csv").symlink_to(other)
    assert project.planned(*TARGETS) == {"ingest": 1}


def test_files_that_an_earlier_version_read_are_taken_for_the_same_and_watched_from_then_on(project):
    (project.folder / ".snakemake" / "ainu-inputs.jsonl").unlink()
    time.sleep(SETTLED_NS / 1e9)
    assert project.planned(*TARGETS) == {}
    swap(project.folder / "b.csv", project.folder / "c.csv")
    assert project.planned(*TARGETS) == {"ingest": 2}


def test_files_with_the_same_content_rerun_nothing_whatever_their_times(project):
    (project.folder / "a.csv").touch()
    shutil.copy(project.folder / "b.csv", project.folder / "again.csv")
    (project.folder / "again.csv").rename(project.folder / "b.csv")
    os.utime(project.folder / "c.csv", (5e8, 5e8))
    assert project.planned(*TARGETS) == {}


def test_a_file_that_changes_while_it_is_read_is_read_again(project):
    shutil.copy2(project.folder / "b.csv", project.folder / "a.csv")
    process = project.start(TARGETS[0])
    while not list((project.folder / ".snakemake" / "incomplete").iterdir()):
        assert process.poll() is None
    shutil.copy2(project.folder / "c.csv", project.folder / "a.csv")
    assert process.wait(120) == 0
    assert project.planned(*TARGETS) == {"ingest": 1}
    project.run(*TARGETS)
    assert read_from(project, "a") == read_from(project, "c")
