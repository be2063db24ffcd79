"""What all tests share: the package on the path, the folder of real data, and a finished run of the small config."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from project import ROOT, Project, clone, clone_of_the_demo, small_config, small_sheet

# A busy machine is slow, which is no mistake of the code.
settings.register_profile("ainu", deadline=None)
settings.load_profile("ainu")

# Small tensors: more threads only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.insert(0, str(ROOT / "src"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of localization files that nobody in this project wrote (its README.md says whose they are)."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data absent: {folder}")
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A finished run of the small config by real Snakemake. Do not change it: copy it.

    All pytest processes, also of later runs, share the one of this very code.
    """
    fresh = clone(tmp_path_factory.mktemp("finished") / "project")
    fresh.write_config(small_config())
    (fresh.folder / "config" / "samples.tsv").write_text(small_sheet())
    shared = ROOT / ".pytest_cache" / "finished" / fresh.digest() / "project"
    with FileLock(shared.parent.with_suffix(".lock")):
        if not shared.exists():
            fresh.run()
            shutil.rmtree(shared.parent, ignore_errors=True)
            fresh.copy(shared.with_name("part")).folder.rename(shared)
    return Project(shared)


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A copy of the finished run, to be changed."""
    return finished.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Project:
    """A finished run of the shipped demo: that of this checkout, or made anew. Do not change it: copy it."""
    here = Project(ROOT)
    if (ROOT / "results" / "experiments" / "somatic-vs-hipsc" / "report.html").exists():
        done = here.snakemake("--dry-run")
        if done.returncode == 0 and "Nothing to be done" in done.stdout + done.stderr:
            return here
    project = clone_of_the_demo(tmp_path_factory.mktemp("demo") / "project")
    project.run()
    return project
