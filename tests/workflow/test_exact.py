"""The same bytes again: from run to run, for any number of cores, and through a cache that projects share."""

import os
import subprocess

import pytest
from project import Project, clone, small_config, small_sheet

from ainu.files import read_json

CACHED = ("ingest", "correct_drift", "filter_quality", "find_nuclei", "voxelize", "voxelize_views")


def fresh(folder) -> Project:
    project = clone(folder)
    project.write_config(small_config())
    (project.folder / "config" / "samples.tsv").write_text(small_sheet())
    return project


@pytest.mark.slow
@pytest.mark.overnight
def test_a_clean_run_on_one_core_gives_the_bytes_of_one_on_two(finished, tmp_path):
    project = fresh(tmp_path / "project")
    project.run("--cores", "1")
    assert project.outputs() == finished.outputs()
    assert len(project.outputs()) > 40


@pytest.mark.slow
@pytest.mark.overnight
def test_preprocessing_is_shared_between_projects_by_a_cache(finished, tmp_path):
    environment = os.environ | {"SNAKEMAKE_OUTPUT_CACHE": str(tmp_path / "cache")}
    (tmp_path / "cache").mkdir()
    targets = [f"results/voxels/{name}/s000{k}.h5" for name in ("context400", "views") for k in (1, 2)]
    said = []
    for name in ("first", "second"):
        project = fresh(tmp_path / name)
        (project.folder / "results").mkdir()
        subprocess.run(["cp", "-r", finished.folder / "results" / "simulated", project.folder / "results"], check=True)
        command = project.command(*targets, "--cache", *CACHED)
        done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        said.append(done.stderr)
        for folder in ("localizations", "drift", "quality", "nuclei", "voxels"):
            assert project.outputs(f"results/{folder}") == finished.outputs(f"results/{folder}")
    assert "Fetching from cache" not in said[0]
    assert said[1].count("Fetching from cache") == 12


def test_the_record_of_a_run_names_every_result_and_is_verified(project):
    done = project.snakemake("verify")
    assert done.returncode == 0, done.stderr[-2000:]
    record = read_json(project.folder / "results" / "provenance" / "ro-crate-metadata.json")
    named = {entity.get("name") for entity in record["@graph"] if "sha256" in entity}
    assert set(project.outputs()) <= named
    metrics = project.folder / "results" / "experiments" / "small" / "metrics.json"
    metrics.write_text(metrics.read_text().replace("0", "1", 1))
    done = project.snakemake("verify")
    assert done.returncode != 0
    assert "1 files differ" in done.stderr
    assert "results/experiments/small/metrics.json: has SHA-256" in done.stderr
