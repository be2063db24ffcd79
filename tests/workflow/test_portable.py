"""The workflow elsewhere: under other schedulers, with other software environments, in the workflow catalog."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT

PLUGINS = {
    "lsf": "snakemake-executor-plugin-lsf",
    "sge": "snakemake-executor-plugin-sge",
    "kubernetes": "snakemake-executor-plugin-kubernetes",
    "googlebatch": "snakemake-executor-plugin-googlebatch",
    "awsbatch": "snakemake-executor-plugin-aws-batch",
}
PROFILES = sorted((ROOT / "profiles").glob("*/config.yaml"))


def rules_with_a_gpu() -> set[str]:
    """Rules that ask for a GPU."""
    text = "\n".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    bodies = re.findall(r"^ *rule (\w+):\n(.*?)(?=^ *rule \w|\Z)", text, re.S | re.M)
    return {rule for rule, body in bodies if re.search(r"^ +gpu=1,", body, re.M)}


def test_there_is_a_profile_for_each_plugin():
    assert {path.parent.name for path in PROFILES} == set(PLUGINS)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.parent.name)
def test_a_profile_says_how_every_rule_with_a_gpu_gets_it(profile):
    content = yaml.safe_load(profile.read_text())
    assert set(content["set-resources"]) == rules_with_a_gpu()
    assert content["retries"] > 0


def test_the_slurm_profile_says_how_every_rule_with_a_gpu_gets_it():
    text = (ROOT / "slurm" / "config.yaml").read_text()
    assert set(re.findall(r'"(\w+)"', re.search(r"\?for rule in (.*):", text)[1])) == rules_with_a_gpu()


@pytest.mark.slow
@pytest.mark.overnight
@pytest.mark.parametrize("name", PLUGINS)
def test_a_profile_plans_the_run_with_its_plugin(project, tmp_path, name):
    """The plugin is installed beside the environment, not into it."""
    beside = tmp_path / "plugin"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(beside), PLUGINS[name]]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if installed.returncode:
        pytest.skip(f"{PLUGINS[name]} cannot be installed here: {installed.stderr[-300:]}")
    keep_only_what_is_new(beside)
    environment = os.environ | {"PYTHONPATH": str(beside)}
    command = project.command("--profile", f"profiles/{name}", "--dry-run", "--forcerun", "train")
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"^train +3$", done.stdout + done.stderr, re.M)


def keep_only_what_is_new(folder: Path) -> None:
    """Leave out of an installation what the environment has already, in the version of the lock."""
    import shutil
    import sysconfig

    there = Path(sysconfig.get_paths()["purelib"])
    for path in folder.iterdir():
        if (there / path.name).exists() and path.name not in ("google",):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_the_catalog_file_names_the_deployments_there_are():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"]["conda"]
    assert usage["report"]
    assert (ROOT / "Snakefile").exists()
    assert (ROOT / "config" / "README.md").exists()
