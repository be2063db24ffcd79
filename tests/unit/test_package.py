"""The package as a whole: what importing it costs; code, dependencies, lock, environments and version agree."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


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


# --- what is imported is declared, and what is declared is imported

USED_BY_OTHERS = {
    "einops": "monai's vision transformer imports it",
    "snakemake-executor-plugin-slurm": "Snakemake finds it by its name: `--profile slurm`",
}


def names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def imported_modules(file: Path) -> Iterator[str]:
    """Full names of what a Python file or a rule file imports, wherever in it."""
    if file.suffix == ".py":
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
    else:
        yield from re.findall(r"^ *(?:from|import) ([\w.]+)", file.read_text(), re.M)


def imported_packages(files: Iterable[Path]) -> set[str]:
    """Distributions that files import from; neither the standard library nor this project's own modules."""
    modules = {name.partition(".")[0] for file in files for name in imported_modules(file)}
    own = {"ainu"} | {path.stem for folder in ("tests", "benchmarks") for path in (ROOT / folder).glob("[!.]*/**/*.py")}
    own |= {path.stem for folder in ("tests", "benchmarks") for path in (ROOT / folder).glob("*.py")}
    found = packages_distributions()
    wanted = modules - sys.stdlib_module_names - own
    assert wanted <= set(found), "imported and not installed"
    return {canonicalize_name(found[name][0]) for name in wanted}


def test_the_package_imports_what_it_declares_and_declares_what_it_imports():
    rules = [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    python = [path for folder in ("src", "workflow") for path in (ROOT / folder).rglob("*.py")]
    assert imported_packages([*rules, *python]) | set(USED_BY_OTHERS) == names(PROJECT["dependencies"])


def test_the_tests_import_what_they_declare_and_declare_what_they_import():
    beside = {"pytest-timeout", "pytest-xdist", "setuptools"}  # found by pytest itself; by pip, for a wheel
    imported = imported_packages((ROOT / "tests").rglob("*.py"))
    assert imported | beside == names(EXTRAS["test"]) | imported & names(PROJECT["dependencies"])


def test_the_extra_of_developers_is_all_others():
    (dev,) = map(Requirement, EXTRAS["dev"])
    assert (dev.name, dev.extras) == ("ainu", set(EXTRAS) - {"dev"})


# --- the lock and the environments of the jobs


def pins(lines: Iterable[str]) -> dict[str, Requirement]:
    found = [Requirement(line) for line in lines if not line.lstrip().startswith("#")]
    return {canonicalize_name(entry.name): entry for entry in found}


LOCK = pins((ROOT / "requirements.txt").read_text().splitlines())
JOBS = {"python_version": "3.12", "python_full_version": "3.12.0", "extra": ""}
"""What the conda environments run."""


def holds(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate(JOBS | {"extra": extra})


def needed(package: str, extras: Iterable[str] = ()) -> list[Requirement]:
    """What an installed package needs, with some of its extras; nothing of one that only other platforms install."""
    try:
        wanted = [Requirement(text) for text in requires(package) or []]
    except PackageNotFoundError:
        return []
    return [entry for entry in wanted if any(holds(entry, extra) for extra in ["", *extras])]


def closure(requirements: Iterable[Requirement]) -> set[str]:
    """Names of packages and of all that they need, by the metadata of what is installed here."""
    found, waiting = set(), list(requirements)
    while waiting:
        entry = waiting.pop()
        if (key := (canonicalize_name(entry.name), frozenset(entry.extras))) not in found:
            found.add(key)
            waiting += needed(*key)
    return {name for name, _ in found}


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_the_environments_hold_what_jobs_need_and_nothing_else_with_the_pins_of_the_lock(name):
    dependencies = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())["dependencies"]
    (torch,) = LOCK["torch"].specifier
    assert f"pytorch={torch.version}={name}*" in dependencies
    by_pip = pins(dependencies[-1]["pip"])
    assert {package: entry.specifier for package, entry in by_pip.items()} == {
        package: LOCK[package].specifier for package in by_pip
    }
    wanted = closure(map(Requirement, PROJECT["dependencies"])) & set(LOCK) - {"torch"}
    assert {package for package, entry in by_pip.items() if holds(entry)} == wanted


def test_the_lock_holds_every_dependency_and_no_cuda_package():
    wanted = names([*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]) - {"ainu"}
    assert wanted <= set(LOCK)
    assert not [name for name in LOCK if name.startswith(("nvidia", "cuda", "triton"))]


# --- one version


def test_package_citation_and_changelog_have_the_same_version():
    from ainu.version import __version__

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert "version" not in PROJECT
    assert citation["version"] == __version__
    assert headings[:2] == ["Unreleased", f"{__version__} - {citation['date-released']}"]


# --- what a newcomer reads


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "results/README.md"])
def test_files_that_a_page_names_are_there(page):
    named = re.findall(r"`((?:src|tests|workflow|config|docs|envs)/[\w./-]*)`", (ROOT / page).read_text())
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


def test_contributing_shows_the_layers_that_lint_checks():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    shown = (ROOT / "CONTRIBUTING.md").read_text().split("### Layers")[1].split("\n\n")[2]
    assert [re.findall(r"\w+", line.split("(")[0]) for line in shown.splitlines()] == [
        re.findall(r"\w+", layer) for layer in contract["layers"]
    ]
