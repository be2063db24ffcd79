"""The digest of the code that a rule uses: what changes it, what does not, and what it refuses."""

import ast
import shutil
from pathlib import Path

import pytest

from ainu.errors import AinuError
from ainu.record import code_digest as module
from ainu.record.code_digest import code_digest, files_used

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted((ROOT / "workflow" / "scripts").glob("*.py"))
MOST_OF_A_TRAINING = 31
"""Modules that `train` may use, empty `__init__` files not counted."""


def forget() -> None:
    for cached in (module.code_digest, module._tree, module._meaning, module._used_by):
        cached.cache_clear()


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The package in a folder where it can be edited."""
    copy = tmp_path_factory.mktemp("copy") / "ainu"
    shutil.copytree(module.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PACKAGE", copy)
        yield copy
    forget()


@pytest.fixture(scope="module")
def before(copied) -> dict[str, str]:
    """The digests of all scripts before anything is edited."""
    return digests()


def digests() -> dict[str, str]:
    forget()
    return {script.stem: code_digest(script) for script in SCRIPTS}


def written_otherwise(text: str) -> str:
    """The same code, every statement laid out anew, with other docstrings and comments and more empty lines."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if module._is_text_alone(node):
            node.value.value = "Something else.\n\n    # and more\n"
    return f"# A comment.\n\n\n{ast.unparse(tree)}  # another\n"


def test_comments_docstrings_and_layout_change_no_digest(copied, before):
    texts = {file: file.read_text() for file in copied.rglob("*.py")}
    for file, text in texts.items():
        file.write_text(written_otherwise(text))
        assert file.read_text() != text
    try:
        assert digests() == before
    finally:
        for file, text in texts.items():
            file.write_text(text)


TRAININGS = {"train", "train_inner", "train_controls", "train_permuted", "study_part"}
PREDICTIONS = {"predict_out_of_fold", "predict_unseen", "pack", "score_hold_out"}
EXPLANATIONS = {"attribute", "check_attribution"}
FEATURES = {"measure_features", "measure_blurred_features", "evaluate", "audit_resolution"}
# Written by hand: whose results an edit of the module can change.
USERS = {
    # Pages and confounders read a sample's drift by the same module.
    "drift/aim.py": {"correct_drift", "qc", *FEATURES},
    "nuclei/segmentation.py": {"find_nuclei"},
    "networks/vgg.py": TRAININGS | PREDICTIONS | EXPLANATIONS | {"audit_resolution"},
    "training/loop.py": TRAININGS,
    "training/controls.py": {"train_controls"},
    "attribution/captum_methods.py": EXPLANATIONS,
    "localizations/crosstalk.py": {"ingest"},
    "report/page.py": {"report"},
    "report/templates/page.css": {"report"},
    "errors.py": {script.stem for script in SCRIPTS},
}


@pytest.mark.parametrize("edited", list(USERS))
def test_another_line_of_code_changes_the_digests_of_the_scripts_that_use_its_module_and_no_other(
    copied, before, edited
):
    text = (copied / edited).read_text()
    try:
        (copied / edited).write_text(f"{text}\nEDITED = 1\n")
        after = digests()
    finally:
        (copied / edited).write_text(text)
    assert {name for name in before if before[name] != after[name]} == USERS[edited]


@pytest.mark.parametrize("name", sorted(TRAININGS))
def test_no_training_depends_on_a_figure_a_report_or_a_segmentation(name):
    used = files_used(ROOT / "workflow" / "scripts" / f"{name}.py")
    names = {file.relative_to(module.PACKAGE).as_posix() for file in used}
    assert not [file for file in names if file.startswith(("figures", "report", "quality", "drift", "eval", "attrib"))]
    assert not {"nuclei/find.py", "nuclei/segmentation.py", "nuclei/manual_outlines.py"} & names


def test_a_training_depends_on_what_it_uses_and_on_nothing_else():
    used = files_used(ROOT / "workflow" / "scripts" / "train.py")
    names = {file.relative_to(module.PACKAGE).as_posix() for file in used}
    assert {"training/loop.py", "networks/ainu_small.py", "networks/vgg.py", "images/dataset.py"} <= names
    assert not [name for name in names if name.startswith(("figures", "report", "nuclei", "quality", "drift", "eval"))]
    names -= {"prediction/pooling.py", "prediction/__init__.py"}  # by which validation replicates are judged
    assert not [name for name in names if name.startswith(("attribution", "settings", "prediction", "localizations/t"))]
    assert all(says_nothing(module.PACKAGE / name) for name in names if name.endswith("/__init__.py"))
    assert len([name for name in names if not name.endswith("/__init__.py")]) <= MOST_OF_A_TRAINING


def says_nothing(file: Path) -> bool:
    """Whether a module is its docstring and nothing else."""
    return all(module._is_text_alone(node) for node in ast.parse(file.read_text()).body)


def script(folder: Path, text: str) -> Path:
    path = folder / "job.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import ainu.nowhere", "ainu.nowhere, which is not a module"),
        ("from ainu.drift.nowhere import x", "ainu.drift.nowhere, which is not a module"),
        ("def late():\n    from ainu.nowhere import x", "ainu.nowhere, which is not a module"),
        ("from ainu import voxelize", "import 'voxelize' from the module that it is in"),
        ("from .drift import aim", "a relative import"),
        ('LOADED_AT_RUN_TIME = ("ainu.networks.nowhere",)', "ainu.networks.nowhere, which is not a module"),
        ('LOADED_AT_RUN_TIME = ("templates/*.nowhere",)', "names 'templates/\\*.nowhere', which is not there"),
        ('LOADED_AT_RUN_TIME: tuple[str, ...] = ("ainu.nowhere",)', "ainu.nowhere, which is not a module"),
        ("LOADED_AT_RUN_TIME = ()\nLOADED_AT_RUN_TIME += ('ainu.drift.aim',)", "is assigned once"),
        ("import ainu", "not all of ainu"),
        ("import ainu as a", "not all of ainu"),
        ("from ainu.drift import nowhere", "ainu.drift has no 'nowhere'"),
        ("from ainu.errors import Nowhere", "ainu.errors has no 'Nowhere'"),
        ("from ainu.errors import *", r"ainu.errors has no '\*'"),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    from ainu.nowhere import x", "ainu.nowhere, which is not a module"),
    ],
)
def test_a_name_that_the_package_does_not_have_is_an_error(tmp_path, text, message):
    with pytest.raises(AinuError, match=message):
        code_digest(script(tmp_path, text))


@pytest.mark.parametrize("loader", ["import_module('x')", "__import__('x')", "open(__file__)", "PackageLoader('ainu')"])
def test_a_module_that_loads_by_name_has_to_declare_what(copied, tmp_path, loader):
    used = script(tmp_path, "from ainu.drift import settings\n")
    text = (copied / "drift/settings.py").read_text()
    try:
        forget()
        (copied / "drift/settings.py").write_text(f"{text}\n\ndef late():\n    {loader}\n")
        with pytest.raises(AinuError, match="without LOADED_AT_RUN_TIME"):
            code_digest(used)
    finally:
        (copied / "drift/settings.py").write_text(text)
        forget()


def test_a_script_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(AinuError, match=r"nowhere\.py: no such script or module"):
        code_digest(tmp_path / "nowhere.py")


def test_declared_modules_and_files_count_and_those_for_type_checkers_do_not(copied, tmp_path):
    text = "from typing import TYPE_CHECKING\nfrom ainu.networks import catalogue\nfrom ainu.report import page\n"
    found = files_used(script(tmp_path, text + "if TYPE_CHECKING:\n    from ainu.simulation import fields\n"))
    names = {file.relative_to(copied).as_posix() for file in found}
    assert {"networks/catalogue.py", "networks/vgg.py", "report/templates/page.css", "networks/__init__.py"} <= names
    assert "simulation/fields.py" not in names


def test_a_script_of_its_own_counts(tmp_path):
    forget()
    first = code_digest(script(tmp_path, "x = 1"))
    forget()
    assert code_digest(script(tmp_path, "x = 1  # the same")) == first
    forget()
    assert code_digest(script(tmp_path, "x = 2")) != first
