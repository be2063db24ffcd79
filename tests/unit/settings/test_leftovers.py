"""What belongs to nothing any more, from a plan and the records of earlier runs alone."""

from base64 import urlsafe_b64encode
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake.api  # noqa: F401 (its modules import each other, and only in this order)

from ainu.settings.leftovers import _leftovers

RULES = {
    "pack": "results/experiments/{experiment}/ainu-model",
    "train": "results/experiments/{experiment}/models/{fold}/model.safetensors",
    "export": "results/export/{shard}",
}
MODEL = "results/experiments/old/ainu-model"
WEIGHTS = "results/experiments/old/models/0/model.safetensors"
OTHER = "results/experiments/old/models/1/model.safetensors"
EXPORT = "results/export/s1"
FILES = (f"{MODEL}/ainu-model.json", WEIGHTS, OTHER, f"{EXPORT}/a.csv", f"{EXPORT}/b.csv")


@pytest.fixture
def metadata(tmp_path, monkeypatch) -> Path:
    """A folder with results that rules have made, and the folder of Snakemake's records of them."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".snakemake" / "metadata"
    folder.mkdir(parents=True)
    for name in FILES:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    for name in (MODEL, WEIGHTS, OTHER, EXPORT):
        (folder / urlsafe_b64encode(name.encode()).decode()).touch()
    return folder


def found(metadata: Path, *read: str, kept: tuple[str, ...] = (), made: tuple[str, ...] = ()) -> set[str]:
    """What a plan with one job leaves over."""
    made_by = {MODEL: "pack", WEIGHTS: "train", OTHER: "train", EXPORT: "export"}
    records = {name: SimpleNamespace(rule=rule, log=(), endtime=1e12) for name, rule in made_by.items()}
    persistence = SimpleNamespace(_metadata_path=str(metadata), _read_record=records.get)
    rules = [SimpleNamespace(name=name, output=[output]) for name, output in RULES.items()]
    workflow = SimpleNamespace(rules=rules, persistence=persistence)
    job = SimpleNamespace(input=read, output=made, log=(), benchmark=None)
    return set(_leftovers(SimpleNamespace(jobs=[job], workflow=workflow), frozenset(kept)))


def test_what_no_job_makes_or_reads_is_found(metadata):
    assert found(metadata) == set(FILES)
    assert found(metadata, made=(WEIGHTS, EXPORT)) == {f"{MODEL}/ainu-model.json", OTHER}


def test_models_weights_and_tables_that_a_job_reads_are_kept(metadata):
    read = (f"{MODEL}/ainu-model.json", WEIGHTS, f"{EXPORT}/a.csv")
    assert found(metadata, *read) == {OTHER, f"{EXPORT}/b.csv"}
    assert found(metadata, MODEL) == set(FILES) - {f"{MODEL}/ainu-model.json"}


def test_what_is_read_by_another_path_is_kept(metadata, tmp_path):
    (tmp_path / "link").symlink_to("results/export")
    kept = (str(tmp_path / WEIGHTS), f"./{OTHER}", "link/s1/a.csv", MODEL)
    assert found(metadata, kept=kept) == {f"{EXPORT}/b.csv"}


def test_what_lies_in_a_folder_of_the_plan_is_kept(metadata):
    assert found(metadata, kept=("results/experiments/old",)) == {f"{EXPORT}/a.csv", f"{EXPORT}/b.csv"}


def test_foreign_files_among_the_records_are_none(metadata):
    for name in (".DS_Store", ".nfs000000000012a4", "tmpq1w2e3", "é", "a"):
        (metadata / name).touch()
    assert found(metadata) == set(FILES)
