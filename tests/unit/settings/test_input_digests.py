"""Digests of input files: whatever replaces a file is seen, and what did not change is not read."""

import os
import time

import pytest

from ainu.files import sha256
from ainu.settings import input_digests as module
from ainu.settings.input_digests import FileState, InputDigests

OLD = 1e9


@pytest.fixture(autouse=True)
def settled_at_once(monkeypatch):
    monkeypatch.setattr(module, "SETTLED_NS", 0)


@pytest.fixture
def digests(tmp_path) -> InputDigests:
    return InputDigests(tmp_path / "new" / "kept.jsonl")


def read(digests: InputDigests, *paths: str) -> None:
    digests.keep({path: (FileState.of(path), sha256(path)) for path in paths})


def files(folder, number: int) -> list[str]:
    paths = [folder / f"{k}.csv" for k in range(number)]
    for path in paths:
        path.write_text(path.name)
        os.utime(path, (OLD, OLD))
    return list(map(str, paths))


def test_unchanged_files_are_not_read_again_a_hundred_thousand_of_them_in_seconds(digests, tmp_path, monkeypatch):
    paths = files(tmp_path, 100_000)
    digests.keep({path: (FileState.of(path), f"digest of {path}") for path in paths})
    monkeypatch.setattr(module, "sha256", lambda path: pytest.fail(f"{path} was read"))
    start = time.process_time()
    assert InputDigests(digests.kept).of(paths) == {path: f"digest of {path}" for path in paths}
    assert time.process_time() - start < 10


def test_files_that_were_never_read_or_are_gone_are_left_out(digests, tmp_path):
    known, gone, new = files(tmp_path, 3)
    read(digests, known, gone)
    os.remove(gone)
    assert digests.of([known, gone, new]) == {known: sha256(known)}


def test_a_file_that_replaces_another_of_its_size_and_time_is_read(digests, tmp_path):
    one, other = files(tmp_path, 2)
    read(digests, one, other)
    os.rename(other, one)
    assert InputDigests(digests.kept).of([one]) == {one: sha256(one)}
    assert digests.of([one]) == {one: sha256(one)}


def test_a_file_that_changed_just_before_it_was_read_is_read_again(digests, tmp_path, monkeypatch):
    (path,) = files(tmp_path, 1)
    monkeypatch.setattr(module, "SETTLED_NS", 10**10)
    digests.keep({path: (FileState.of(path), "digest")})
    assert digests.of([path]) == {path: sha256(path)}


def test_half_a_line_of_a_killed_run_is_no_record_and_spoils_no_other(digests, tmp_path):
    one, other = files(tmp_path, 2)
    read(digests, one, other)
    text = digests.kept.read_text()
    digests.kept.write_text(text[: len(text) - 20])
    assert set(InputDigests(digests.kept).known) == {one}
    read(InputDigests(digests.kept), other)
    assert set(InputDigests(digests.kept).known) == {one, other}


def test_a_file_whose_time_is_in_the_future_is_read_once(digests, tmp_path, monkeypatch):
    (path,) = files(tmp_path, 1)
    os.utime(path, (9e9, 9e9))
    time.sleep(0.02)  # a tick of the file system's clock
    read(digests, path)
    digest = sha256(path)
    monkeypatch.setattr(module, "sha256", lambda path: pytest.fail(f"{path} was read"))
    assert digests.of([path]) == {path: digest}


def test_where_nothing_can_be_written_the_digests_are_those_of_this_run(tmp_path):
    one, folder = files(tmp_path, 2)
    digests = InputDigests(f"{folder}/kept.jsonl")
    read(digests, one)
    assert digests.of([one]) == {one: sha256(one)}


def test_a_changed_file_that_cannot_be_read_counts_as_another_until_it_can(digests, tmp_path, monkeypatch):
    (path,) = files(tmp_path, 1)
    read(digests, path)
    os.utime(path, (2 * OLD, 2 * OLD))
    with monkeypatch.context() as unreadable:
        unreadable.setattr(module, "sha256", refuse)
        assert digests.of([path]) == {path: ""}
    assert digests.of([path]) == {path: sha256(path)}


def refuse(path: str) -> str:
    raise PermissionError(13, "Permission denied", path)
