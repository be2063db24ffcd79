"""The workflow by its other doors: `workflow/Snakefile`, where the catalog looks, and `module:` of another workflow."""

from pathlib import Path

import pytest
import yaml
from project import Project, clone_of_the_demo, small_sheet

CATALOG = "workflow/Snakefile"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Project:
    """The shipped demo before its first run."""
    return clone_of_the_demo(tmp_path_factory.mktemp("shipped") / "project")


@pytest.fixture(scope="module")
def jobs(shipped) -> dict[str, int]:
    """Jobs per rule of the shipped demo's first run."""
    return shipped.planned()


def host_of(folder: Path, snakefile: Path, config: dict) -> Project:
    """Another workflow, whose whole content is this one."""
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump({"nuclei": config}))
    (folder / "Snakefile").write_text(
        'configfile: "config.yaml"\n\n'
        f'module ainu:\n    snakefile: "{snakefile}"\n    config: config["nuclei"]\n\n'
        "use rule * from ainu as ainu_*\n\n"
        "rule all:\n    input: rules.ainu_all.input\n    default_target: True\n"
    )
    return Project(folder)


def under_their_own_names(planned: dict[str, int]) -> dict[str, int]:
    """Jobs per rule of a plan of the other workflow, without the names of that workflow."""
    return {name.removeprefix("ainu_"): number for name, number in planned.items() if name != "ainu_record"}


def test_the_catalogs_snakefile_plans_as_many_jobs_as_the_top_level_one(shipped, jobs):
    assert jobs["train"] == 3
    assert shipped.planned("--snakefile", CATALOG) == jobs | {"everything": 1}


def test_the_catalogs_snakefile_has_the_rules_of_the_top_level_one(shipped):
    listed = shipped.snakemake("--list").stdout.split()
    assert {"verify", "all"} <= set(listed)
    assert set(shipped.snakemake("--list", "--snakefile", CATALOG).stdout.split()) == {*listed, "everything"}


@pytest.mark.parametrize("snakefile", ["Snakefile", CATALOG])
def test_another_workflow_elsewhere_plans_as_many_jobs(shipped, jobs, tmp_path, snakefile):
    host = host_of(tmp_path / "host", shipped.folder / snakefile, shipped.config())
    (host.folder / "config").mkdir()
    (host.folder / "config" / "samples.tsv").write_text((shipped.folder / "config" / "samples.tsv").read_text())
    assert under_their_own_names(host.planned()) == jobs


@pytest.mark.parametrize("snakefile", ["Snakefile", CATALOG])
def test_a_finished_run_has_nothing_to_do_by_either_snakefile(finished, snakefile):
    done = finished.snakemake("--dry-run", "--snakefile", snakefile)
    assert "Nothing to be done" in done.stdout + done.stderr


@pytest.mark.parametrize("snakefile", ["Snakefile", CATALOG])
def test_touched_scripts_and_inputs_rerun_nothing_by_either_snakefile(project, snakefile):
    for name in ("config/samples.tsv", "workflow/scripts/ingest.py", "workflow/scripts/train.py"):
        (project.folder / name).touch()
    assert project.planned("--snakefile", snakefile) == {}


@pytest.mark.parametrize("snakefile", ["Snakefile", CATALOG])
def test_another_workflow_makes_the_same_files(project, tmp_path, snakefile):
    host = host_of(tmp_path / "host", project.folder / snakefile, project.config() | {"samples": "samples.tsv"})
    (host.folder / "samples.tsv").write_text(small_sheet())
    host.run("results/localizations/s0001.h5")
    made = host.outputs("results/localizations")
    assert made
    assert made.items() <= project.outputs("results/localizations").items()
