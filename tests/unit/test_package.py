"""The package as a whole: what importing it costs, and that code, lock and environments agree."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ainu.record import code_digest as provenance

ROOT = Path(__file__).parents[2]


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "src", check=True)
    return done.stdout


def test_importing_ainu_loads_neither_torch_nor_matplotlib():
    loaded = run("import ainu, sys; print([m for m in ('torch', 'monai', 'matplotlib', 'h5py') if m in sys.modules])")
    assert loaded == "[]\n"


def test_binning_localizations_does_not_load_torch():
    assert run("import ainu, sys; ainu.voxelize, ainu.find_nuclei; print('torch' in sys.modules)") == "False\n"


def test_every_public_name_can_be_imported():
    import ainu

    assert all(getattr(ainu, name) is not None for name in ainu.__all__)


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return dict(line.split(" ; ")[0].split("==") for line in lines if "==" in line)


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_conda_environments_have_the_pins_of_the_lock(name):
    dependencies = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())["dependencies"]
    torch = next(entry for entry in dependencies if str(entry).startswith("pytorch="))
    assert torch.split("=")[1] == pins()["torch"]
    by_pip = dict(line.split(" ; ")[0].split("==") for line in dependencies[-1]["pip"])
    assert by_pip == {package: pins()[package] for package in by_pip}
    assert {"snakemake", "monai", "captum", "numpy", "pulp", "h5py"} <= set(by_pip)


def test_the_lock_holds_every_dependency_and_no_cuda_package():
    text = (ROOT / "pyproject.toml").read_text()
    wanted = re.findall(r'^    "([A-Za-z0-9-]+)', text.split("dependencies = [")[1].split("[tool")[0], re.M)
    assert len(wanted) > 25
    assert {name.lower() for name in wanted} <= set(pins())
    assert not [name for name in pins() if name.startswith(("nvidia", "cuda", "triton"))]


@pytest.fixture
def copied_package(tmp_path, monkeypatch):
    import shutil

    copy = tmp_path / "ainu"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    forget()
    yield copy
    forget()


def forget() -> None:
    provenance.code_digest.cache_clear()
    provenance._imports.cache_clear()


def digests() -> dict[str, str]:
    forget()
    stages = ("ingest", "drift", "quality", "nuclei", "voxels", "dataset", "folds", "training", "evaluation", "report")
    return {stage: provenance.code_digest(stage) for stage in stages}


@pytest.mark.parametrize(
    ("edited", "changed"),
    [
        ("drift.py", {"drift"}),
        ("formats/nstorm.py", {"ingest"}),
        ("voxels.py", {"voxels", "dataset", "training", "evaluation"}),
        ("nuclei.py", {"nuclei", "voxels", "dataset", "training", "evaluation"}),
        ("networks/small.py", {"training"}),
        ("figures.py", {"report"}),
    ],
)
def test_editing_a_module_changes_the_digest_of_the_stages_that_import_it(copied_package, edited, changed):
    before = digests()
    with open(copied_package / edited, "a") as file:
        file.write("# edited\n")
    after = digests()
    assert {stage for stage in before if before[stage] != after[stage]} == changed
