"""The record of a run, and what `verify` says of files that changed since."""

import json
import subprocess

import pytest
from rocrate.rocrate import ROCrate

from ainu.errors import AinuError
from ainu.record.ro_crate import differences, leaves, revision, verify, write_record

RECORD = "results/provenance/ro-crate-metadata.json"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of one raw file and one result, in a git clone with a commit."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "Snakefile": "rule all:\n",
        "raw/a.csv": "1,2\n",
        "results/experiments/e/metrics.json": "{}\n",
        "results/README.md": "What will lie here.\n",
        "results/logs/train.log": "now\n",
        "results/benchmarks/train/e/repeat0-fold0.tsv": "s\tmax_rss\tcpu_time\n12.5\t300\t11\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "Snakefile"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    write_record(RECORD, {"seed": 3, "drift": {"method": "aim"}}, ["raw/a.csv"], tmp_path)
    return tmp_path


def entities(run) -> dict[str, dict]:
    return {entity["@id"]: entity for entity in json.loads((run / RECORD).read_text())["@graph"]}


def test_the_record_is_a_workflow_run_crate_that_the_library_reads(run):
    crate = ROCrate((run / RECORD).parent)
    assert crate.mainEntity.id == "../../Snakefile"
    profiles = {profile.id for profile in crate.root_dataset["conformsTo"]}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles
    action = next(entity for entity in crate.get_entities() if entity.id == "#run")
    assert [item.id for item in action["result"]] == ["../experiments/e/metrics.json"]
    assert "../../raw/a.csv" in [item.id for item in action["object"]]


def test_the_record_holds_settings_versions_commit_machine_and_times(run):
    found = entities(run)
    assert found["#config/drift.method"]["value"] == '"aim"'
    assert found["#config/seed"]["value"] == "3"
    assert found["#software/numpy"]["version"].count(".") == 2
    assert found["../../Snakefile"]["version"] == revision(run)[0]
    assert "cores" in found["#run"]["description"]
    assert found["#train/e/repeat0-fold0/s"]["value"] == "12.5"
    assert not [name for name in found if "results/logs" in name]


def test_edited_files_of_the_clone_are_named(run):
    (run / "Snakefile").write_text("rule other:\n")
    write_record(RECORD, {}, [], run)
    assert entities(run)["../../Snakefile"]["keywords"] == "Snakefile"


def test_verify_counts_the_files_of_an_untouched_run(run):
    (run / "raw" / "a.csv").touch()
    assert verify(RECORD) == 3  # Snakefile, raw file, result


def test_verify_names_every_file_that_is_gone_or_has_other_bytes(run):
    (run / "raw" / "a.csv").write_text("1,3\n")
    (run / "results/experiments/e/metrics.json").unlink()
    lines = differences(RECORD)
    assert [line.split(": ")[0] for line in lines] == ["raw/a.csv", "results/experiments/e/metrics.json"]
    assert "has SHA-256" in lines[0]
    assert "is gone" in lines[1]
    with pytest.raises(AinuError, match="2 files differ"):
        verify(RECORD)


@pytest.mark.parametrize(
    ("text", "said"), [(None, "no record yet"), ("{", "not an RO-Crate"), ("[]", "not an RO-Crate")]
)
def test_verify_without_a_record_says_so(run, text, said):
    (run / RECORD).unlink() if text is None else (run / RECORD).write_text(text)
    with pytest.raises(AinuError, match=said):
        verify(RECORD)


def test_a_vanished_input_is_named(run):
    with pytest.raises(AinuError, match=r"raw/b\.csv"):
        write_record(RECORD, {}, ["raw/b.csv"], run)


def test_keys_of_a_config_are_joined_by_dots():
    assert dict(leaves({"a": {"b": 1, "c": {}}, "d": [2]})) == {"a.b": 1, "a.c": {}, "d": [2]}
