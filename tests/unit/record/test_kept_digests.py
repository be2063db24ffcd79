"""Digests of code that are kept between starts: those of `code_digest`, and never old ones."""

from pathlib import Path

import pytest

from ainu.files import read_json, write_json
from ainu.record import kept_digests as module
from ainu.record.code_digest import PACKAGE, code_digest
from ainu.record.kept_digests import code_digests

TRAIN = "from ainu.training.recipe import Recipe\n"


@pytest.fixture
def scripts(tmp_path) -> Path:
    """A folder with two scripts."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "plain.py").write_text("x = 1\n")
    return folder


def test_kept_digests_are_those_of_the_scripts(scripts, tmp_path):
    kept = tmp_path / "new" / "kept.json"
    wanted = {name: code_digest(scripts / f"{name}.py") for name in ("train", "plain")}
    assert code_digests(scripts, kept) == wanted
    assert code_digests(scripts, kept) == wanted
    assert read_json(kept)["digests"] == wanted


def test_a_second_start_reads_no_code(scripts, tmp_path, monkeypatch):
    first = code_digests(scripts, tmp_path / "kept.json")
    monkeypatch.setattr(module, "code_digest", lambda script: pytest.fail("computed again"))
    assert code_digests(scripts, tmp_path / "kept.json") == first


@pytest.mark.parametrize("file", ["training/loop.py", "report/templates/page.css", "settings/config.schema.yaml"])
def test_an_edited_byte_of_the_package_or_of_a_script_is_seen(scripts, tmp_path, monkeypatch, file):
    copy = tmp_path / "ainu"
    for name in ("training/loop.py", "report/templates/page.css", "settings/config.schema.yaml"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((PACKAGE / name).read_bytes())
    monkeypatch.setattr(module, "PACKAGE", copy)
    kept = tmp_path / "kept.json"
    states = []
    for edit in (lambda: None, lambda: (copy / file).write_text("1"), lambda: (scripts / "plain.py").write_text("2")):
        edit()
        code_digests(scripts, kept)
        states.append(read_json(kept)["bytes"])
    assert len(set(states)) == 3


@pytest.mark.parametrize("content", ["", "{", "[]", '{"bytes": 3}', '{"digests": {}}'])
def test_a_damaged_file_is_written_anew(scripts, tmp_path, content):
    kept = tmp_path / "kept.json"
    wanted = code_digests(scripts, kept)
    kept.write_text(content)
    assert code_digests(scripts, kept) == wanted
    assert read_json(kept)["digests"] == wanted


def test_a_file_that_cannot_be_written_costs_time_alone(scripts, tmp_path):
    (tmp_path / "file").write_text("")
    assert set(code_digests(scripts, tmp_path / "file" / "kept.json")) == {"train", "plain"}


def test_digests_of_other_bytes_are_not_taken(scripts, tmp_path):
    kept = tmp_path / "kept.json"
    wanted = code_digests(scripts, kept)
    write_json(kept, {"bytes": "of another day", "digests": {"train": "0", "plain": "0"}})
    assert code_digests(scripts, kept) == wanted
