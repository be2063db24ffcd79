"""Unusual but legitimate projects come out by value: which nuclei, which localizations, or one clear message."""

import re
import subprocess

import h5py
import pytest
from loaded import environment
from project import Project, clone
from situations import NUMBER, SAMPLES, SITUATIONS, Situation, write_plain

TARGETS = ("results/experiments/e/dataset.h5", "results/qc/summary.tsv")


def counts(project: Project) -> dict[str, tuple[int, int]]:
    """Localizations of each sample's nucleus in the dataset."""
    with h5py.File(project.folder / TARGETS[0]) as file:
        return dict(
            zip(file["sample"].asstr()[()].tolist(), map(tuple, file["localizations"][()].tolist()), strict=True)
        )


def wanted(own: Situation) -> dict[str, tuple[int, int]]:
    plain = dict.fromkeys(SAMPLES, (NUMBER * 2 // 3, NUMBER // 3))
    return {name: value for name, value in (plain | dict(own.comes)).items() if value}


def cases() -> list:
    marks = {True: [pytest.mark.slow], False: [pytest.mark.slow, pytest.mark.overnight]}
    return [pytest.param(own, id=own.name, marks=marks[own.dozen]) for own in SITUATIONS]


@pytest.mark.parametrize("own", cases())
def test_an_unusual_project_comes_out_as_it_should(tmp_path, own):
    project = clone(tmp_path / "project")
    write_plain(project)
    own.change(project)
    done = subprocess.run(
        project.command(*TARGETS),
        cwd=project.folder,
        env=environment(project.folder) | own.environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said[-3000:]
    if isinstance(own.comes, str):
        assert done.returncode != 0
        assert re.search(own.comes, said, re.S), said[-3000:]
        assert not (project.folder / TARGETS[0]).exists()
        return
    assert done.returncode == 0, said[-3000:]
    found = counts(project)
    assert {name: found.get(name) for name in SAMPLES if name in wanted(own)} == wanted(own)
    assert not {name for name, value in own.comes.items() if value is None} & set(found)
    assert re.search(own.told, said + (project.folder / TARGETS[1]).read_text(), re.S)


def test_there_are_sixty_and_a_dozen_of_them_run_in_ci():
    assert len(SITUATIONS) == 60
    assert sum(own.dozen for own in SITUATIONS) == 12
