"""The digest of a rule's code holds every module that its jobs load, and no other without a reason."""

import re

import pytest
import yaml
from loaded import ROOT, in_digest_of, loaded_by, outside_digests
from touched import whole_project

NEVER_LOADED = yaml.safe_load((ROOT / "tests" / "workflow" / "never_loaded.yaml").read_text())


def rules() -> dict[str, str]:
    """The text of every rule that runs a script."""
    found = {}
    for file in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for rule, body in re.findall(r"^ *rule (\w+):\n(.*?)(?=^ *rule \w|^\w|\Z)", file.read_text(), re.S | re.M):
            if "script:" in body:
                found[rule] = body
    return found


@pytest.mark.parametrize("rule", sorted(rules()))
def test_a_rule_carries_the_digest_of_its_own_script(rule):
    carried = re.search(r'code=code_of\("(\w+)"\)', rules()[rule])
    assert carried, f"{rule} has no params: code=code_of(...)"
    assert f'"../scripts/{carried[1]}.py"' in rules()[rule]


def without_reason(script: str, loaded: set[str]) -> set[str]:
    """Modules in a script's digest that its jobs did not load and that the list does not excuse."""
    excused = NEVER_LOADED.get("*", {}) | NEVER_LOADED.get(script, {})
    return in_digest_of(script) - loaded - set(excused)


def test_jobs_load_nothing_outside_their_digests(finished):
    assert {"ingest", "train", "evaluate", "attribute", "report"} <= set(loaded_by(finished.folder))
    assert outside_digests(finished.folder) == {}


@pytest.mark.slow
def test_digests_hold_what_is_loaded_and_what_the_list_gives_a_reason_for(tmp_path):
    """A run of every rule: each module of a digest is loaded by a job of its script, or has its reason in the list."""
    project = whole_project(tmp_path / "project")
    project.run("--keep-going")
    project.run("inspect")
    loaded = loaded_by(project.folder)
    scripts = {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")} - {"tidy", "verify"}
    assert scripts - set(loaded) == set()
    assert {name: sorted(without_reason(name, own)) for name, own in loaded.items() if without_reason(name, own)} == {}
    of_any = set().union(*loaded.values())
    excused = {name: set(reasons) & loaded.get(name, of_any) for name, reasons in NEVER_LOADED.items()}
    assert {name: sorted(modules) for name, modules in excused.items() if modules} == {}
