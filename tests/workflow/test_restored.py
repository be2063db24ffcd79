"""Results that somebody removed come back, with the bytes that they had."""

import shutil

import pytest
from project import Project

ENDED_BY = ["gather_qc", "report"]


def removed(project: Project, name: str) -> None:
    path = project.folder / "results" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("drift/s0001.h5", {"correct_drift": 1}),
        ("experiments/small/models", {"train": 3}),
        ("experiments/small/evaluation/roc.svg", {"evaluate": 1}),
        ("experiments/small/models/repeat0-fold1/history.tsv", {"train": 1}),
        ("qc/s0002", {"qc": 1}),
    ],
)
def test_a_removed_result_is_made_again_and_what_depends_on_it(project, name, first):
    removed(project, name)
    planned = project.planned()
    assert first.items() <= planned.items()
    assert set(planned) & set(ENDED_BY)
    assert not {"simulate", "ingest"} & set(planned)


def test_what_is_made_again_has_the_bytes_that_it_had(project, finished):
    for name in ("drift/s0001.h5", "qc/s0001", "localizations/s0002.h5"):
        removed(project, name)
    project.run("results/qc/summary.tsv")
    for stage in ("localizations", "drift", "quality", "nuclei", "qc"):
        assert project.outputs(f"results/{stage}") == finished.outputs(f"results/{stage}")
    assert project.planned() == {}
