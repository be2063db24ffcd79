"""Every command that the handbook tells a user to type is run, as it stands there, or has its reason why not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT, Project

NAMES = ("README.md", "config/README.md", "results/README.md")
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *(ROOT / name for name in NAMES)]
START = r"(?:[A-Z_]+=\S+ )?(?:\.venv/bin/|snakemake |make |rm |git |pip |python3? |sha256sum )"

OTHER_NAMES = {"s0007": "s0001", "my-cells": "small"}
"""Names of the handbook's examples, and of the test's project."""

RUN = (
    ".venv/bin/snakemake --cores all",
    ".venv/bin/snakemake --cores 1 inspect",
    "snakemake --cores 1 inspect",
    "snakemake --cores 1 verify",
    ".venv/bin/snakemake --cores 1 tidy",
    "AINU_TIDY=remove .venv/bin/snakemake --cores 1 tidy",
    "snakemake --unlock",
    "snakemake -n",
    "snakemake --cores all --resources gpu=1",
    ".venv/bin/snakemake --cores all predict",
    ".venv/bin/snakemake --profile slurm --dry-run",
)
"""On a finished project, by themselves."""

LONG = (
    "rm results/drift/s0007.h5",
    ".venv/bin/snakemake --cores all --set-resources correct_drift:mem_mb=64000",
    "snakemake --cores 1 verify",
)
"""One after the other."""

ELSEWHERE = {
    ".venv/bin/snakemake --cores all results/experiments/my-cells/ainu-model": "test_predict.py packs models",
    ".venv/bin/snakemake --profile slurm": "tests/slurm runs it on a cluster of one node",
    "snakemake --profile slurm": "tests/slurm runs it on a cluster of one node",
    ".venv/bin/snakemake --profile profiles/lsf --dry-run": "test_portable.py, where the plugin is installed",
    ".venv/bin/snakemake --report run.zip": "test_report_of_a_run.py",
    ".venv/bin/python -m ainu.inspect FOLDER": "tests/unit/localizations/test_inspect.py",
    "python -m ainu.inspect FILE...": "tests/unit/localizations/test_inspect.py",
    "make demo": "sets up .venv and runs the demo, which test_demo.py looks at; CI calls it",
    "make test": "these tests",
    "make clean": "would remove the results of this checkout",
    ".venv/bin/pytest -m browser": "CI calls it",
    "make .venv/installed": "part of make demo",
    "git clone <this repository> ainu && cd ainu": "needs an address",
    "pip download --requirement requirements.txt --dest wheels": "downloads everything, minutes",
    "python3 -m venv .venv && .venv/bin/pip install --no-index --find-links wheels --requirement requirements.txt": (
        "needs these downloads"
    ),
    ".venv/bin/pip install --no-deps --no-build-isolation --editable . && touch .venv/installed": "part of make demo",
    ".venv/bin/pip install": "of another scheduler's plugin",
    "snakemake --sdm conda --conda-create-envs-only": "needs conda, and downloads everything",
    "python benchmarks/preprocess/storage.py": "a benchmark, run by hand",
    "python benchmarks/prediction/out_of_distribution.py": "a benchmark, run by hand",
    "sha256sum --check SHA256SUMS": "tests/unit/prediction",
}
"""Run by another test, or why not at all."""


def commands(text: str) -> set[str]:
    """What stands in a page's indented blocks, and in its sentences, and is to be typed."""
    blocks = re.findall(rf"^ {{4,}}({START}.*)$", text, re.M)
    inline = re.findall(r"`([^`\n]+)`", " ".join(re.split(r"\n *(?!\n)", text)))
    return {*blocks, *(found for found in inline if re.match(START, found))}


def documented() -> set[str]:
    return set().union(*(commands(page.read_text()) for page in PAGES))


def test_every_command_of_the_handbook_is_run_or_has_its_reason():
    assert documented() - {*RUN, *LONG, *ELSEWHERE} == set()
    assert {*RUN, *LONG, *ELSEWHERE} - documented() == set()


def typed(project: Project, command: str) -> subprocess.CompletedProcess[str]:
    """Type a command in the project's folder, where `.venv` is the environment of this test."""
    if not (project.folder / ".venv").exists():
        (project.folder / ".venv").mkdir()
        (project.folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    for name, other in OTHER_NAMES.items():
        command = command.replace(name, other)
    path = f'export PATH="{project.folder}/.venv/bin:$PATH" PYTHONPATH=; '
    return subprocess.run(
        ["bash", "-c", path + command], cwd=project.folder, capture_output=True, text=True, timeout=1800
    )


@pytest.fixture(scope="module")
def typed_in(finished, tmp_path_factory) -> Project:
    return finished.copy(tmp_path_factory.mktemp("typed") / "project")


@pytest.mark.parametrize("command", RUN)
def test_a_command_of_the_handbook_works_as_written(typed_in, command):
    done = typed(typed_in, command)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_the_recipe_for_more_memory_makes_the_removed_file_again_and_leaves_a_record_that_holds(project, finished):
    for command in LONG:
        done = typed(project, command)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert project.outputs() == finished.outputs()
    shutil.rmtree(project.folder)
