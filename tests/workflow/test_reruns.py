"""Exactly what runs again after an edit: of every key of the config, of the sheet, of every module.

The table reruns.yaml says of a key which rules run first; what comes after these follows, nothing else does.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, Project
from touched import rules_after, touched_project

from ainu.record.code_digest import PACKAGE, files_used

HERE = Path(__file__).parent
TABLE = yaml.safe_load((HERE / "reruns.yaml").read_text())
# One of each stage in the everyday tests; the whole table is slow.
EVERYDAY = ("seed", "ingest.on_bad_file", "quality.photons", "experiments.small.training.steps", "predict.coverage")
# Keys that name files, whose use other tests run: packed models (test_predict.py), weights (test_training.py).
APART = ("predict.models", "defaults.transfer.weights")
SHEET = "config/samples.tsv"


@pytest.fixture(scope="module")
def touched(tmp_path_factory) -> Project:
    return touched_project(tmp_path_factory.mktemp("touched") / "project")


@pytest.fixture(scope="module")
def after(touched) -> dict[str, set[str]]:
    return rules_after(touched)


def plans(project: Project, cases: dict[str, dict[str, str]]) -> dict[str, set[str]]:
    """Rules that would run after each edit."""
    environment = os.environ | {"PYTHONPATH": ""}  # the clone's package, not this one
    done = subprocess.run(
        [sys.executable, str(HERE / "plans.py")],
        input=json.dumps(cases),
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: set(answer) for name, answer in json.loads(done.stdout).items()}


def followed(first: list[str], after: dict[str, set[str]]) -> set[str]:
    """Rules that run where the given ones run first."""
    return set(first).union(*(after[rule] for rule in first))


def edited_config(project: Project, key: str) -> dict[str, str]:
    """The config with a key as the table has it."""
    config = project.config()
    for name, value in {key: TABLE[key]["to"], **TABLE[key].get("with", {})}.items():
        *path, last = name.split(".")
        branch = config
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = value
    return {"config/config.yaml": yaml.safe_dump(config, sort_keys=False)}


def elsewhere(key: str) -> set[str]:
    """Rules whose jobs are all of the other experiment, which an edit of this one leaves alone."""
    return {"compare", "train_inner"} if key.startswith("experiments.small.") else set()


def wrong_plans(project: Project, after: dict[str, set[str]], keys: list[str]) -> dict[str, tuple[list, list]]:
    """Edited keys after which something runs that should not, or does not that should: (too many, too few)."""
    found = plans(project, {key: edited_config(project, key) for key in keys})
    expected = {key: followed(TABLE[key]["first"], after) - elsewhere(key) for key in keys}
    return {
        key: (sorted(found[key] - expected[key]), sorted(expected[key] - found[key]))
        for key in keys
        if found[key] != expected[key]
    }


def test_the_project_of_the_table_needs_every_rule(touched, after):
    done = touched.snakemake("--list-rules")
    rules = set(re.findall(r"^(\w+)$", done.stdout, re.M)) - {"all", "inspect", "predict", "tidy", "verify"}
    assert set(after) == rules


def test_a_finished_project_plans_nothing_and_an_edited_key_what_depends_on_it(touched, after):
    assert touched.planned() == {}
    assert wrong_plans(touched, after, list(EVERYDAY)) == {}


@pytest.mark.slow
@pytest.mark.overnight
def test_an_edited_key_reruns_exactly_what_the_table_says(touched, after):
    assert wrong_plans(touched, after, [key for key in TABLE if key not in EVERYDAY]) == {}


def test_every_key_of_the_config_is_in_the_table():
    schema = yaml.safe_load((ROOT / "src" / "ainu" / "settings" / "config.schema.yaml").read_text())
    assert sorted(keys_of_the_schema(schema) - covered_keys() - set(APART)) == []


def covered_keys() -> set[str]:
    """Keys of the table, by the names that the schema has for them, and all keys that these are part of."""
    found = set()
    for key in TABLE:
        parts = key.replace("renders.tiny", "renders.*").split(".")
        parts = ["defaults", *parts[2:]] if parts[0] == "experiments" and parts[2] != "sweep" else parts
        found |= {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    return found


def keys_of_the_schema(schema: dict) -> set[str]:
    """Every key that may stand in a config, down to the level that a user edits as one."""
    found = set()

    def walk(node: dict, path: tuple[str, ...], depth: int) -> None:
        node = resolve(node, schema)
        for name, child in node.get("properties", {}).items():
            found.add(".".join((*path, name)))
            if depth:
                walk(child, (*path, name), depth - 1)

    for name, node in schema["properties"].items():
        if name in ("samples", "experiments"):
            continue
        found.add(name)
        inner = resolve(node, schema)
        if name == "renders":
            walk(inner["additionalProperties"], (name, "*"), 0)
        else:
            walk(inner, (name,), 1 if name == "defaults" else 0)
    return found


def resolve(node: dict, schema: dict) -> dict:
    """A node of the schema, or the one that it refers to."""
    while "$ref" in node:
        target = schema
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def turned(line: str) -> str:
    """A row of the sheet with its cells from last to first."""
    return "\t".join(reversed(line.split("\t"))) + "\n"


def test_an_edit_of_the_sheet_reruns_what_it_changes(touched, after):
    text = (touched.folder / SHEET).read_text()
    shards = {"ingest", "correct_drift", "filter_quality", "find_nuclei", "qc", "voxelize"}
    found = plans(
        touched,
        {
            "label": {SHEET: text.replace("\tsomatic\tr0", "\thiPSC\tr0", 1)},
            "label of a file": {SHEET: text.replace("\tsomatic\tr9", "\thiPSC\tr9", 1)},
            "replicate of files": {SHEET: text.replace("\tr9\t", "\tr10\t")},
            "role": {SHEET: text.replace("\tr9\t\ttest", "\tr9\t\t")},
            "pixel": {SHEET: text.replace("r0\t160", "r0\t170")},
            "batch": {SHEET: text.replace("\n", "\tmon\n").replace("\tmon\n", "\tbatch\n", 1)},
            "columns in another order": {SHEET: "".join(turned(line) for line in text.splitlines())},
        },
    )
    assert found["columns in another order"] <= {"record"}
    assert {"assemble", "split"} <= found["batch"]
    for edit in ("batch", "label of a file", "replicate of files", "role"):
        assert "evaluate" in found[edit], edit
        assert not {"simulate", *shards} & found[edit], edit
    assert "simulate" in found["label"]  # the simulated cell is of another class
    assert shards <= found["pixel"]
    assert "simulate" not in found["pixel"]


def test_touched_files_rerun_nothing_however_large_they_are(touched):
    large = touched.folder / "raw-new.csv"
    assert touched.planned() == {}
    for path in (large, touched.folder / SHEET, *(touched.folder / "workflow").rglob("*.py")):
        path.touch()
    assert touched.planned() == {}


# Modules -------------------------------------------------------------------------------------------------------------

# One module of each stage; what is in which digest is compared without Snakemake (tests/unit/record, test_digests.py).
ONE_OF_EACH = (
    "simulation/fields.py",
    "localizations/ingest.py",
    "drift/aim.py",
    "quality/filters.py",
    "nuclei/find.py",
    "images/render.py",
    "folds/assign.py",
    "networks/vgg.py",
    "training/loop.py",
    "prediction/calibration.py",
    "evaluation/metrics.py",
    "attribution/settings.py",
    "report/page.py",
    "record/ro_crate.py",
)


def rules_using(file: Path) -> set[str]:
    """Rules whose script uses a file of the package."""
    found = set()
    for rules in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for rule, body in re.findall(r"^ *rule (\w+):\n(.*?)(?=^ *rule \w|\Z)", rules.read_text(), re.S | re.M):
            script = re.search(r'script:\n\s+"\.\./scripts/(\w+\.py)"', body)
            if script and file in files_used(ROOT / "workflow" / "scripts" / script[1]):
                found.add(rule)
    return found


@pytest.mark.slow
def test_an_edited_module_reruns_the_rules_that_use_it_and_an_edited_comment_none(touched, after):
    cases, expected = {}, {}
    for name in ONE_OF_EACH:
        file = PACKAGE / name
        cases[name] = {str(file.relative_to(ROOT)): file.read_text() + "\nEDITED = 1\n"}
        expected[name] = followed(sorted(rules_using(file) & set(after)), after)
    commented = PACKAGE / "errors.py"
    cases["a comment"] = {str(commented.relative_to(ROOT)): f"# Edited.\n{commented.read_text()}"}
    assert plans(touched, cases) == expected | {"a comment": set()}
