"""The held-out test set: scored once, and every further evaluation is recorded."""

import numpy as np
import pytest
from audited import CLASSES, informative, predictions
from spots import dataset, spots

from ainu.evaluation.hold_out import digest_of_models, digest_of_nuclei, hold_out_warnings, labelled, record, score
from ainu.files import read_json


def evaluations(number: int) -> list[dict[str, str]]:
    return [{"when": "2026-01-01T00:00:00+00:00", "models": f"m{k}", "nuclei": "n"} for k in range(number)]


def test_a_held_out_test_set_is_scored_with_an_interval_and_recorded_as_evaluated_once():
    found = score(predictions(*informative()), CLASSES, 1, evaluations(1))
    assert found["looks"] == 1
    assert found["metrics"]["balanced_accuracy"]["value"] > 0.9
    assert "nuclei that no model has seen" in found["says"]
    assert hold_out_warnings(found) == hold_out_warnings(None) == []


def test_a_second_evaluation_with_other_models_gives_a_warning():
    (said,) = hold_out_warnings(score(predictions(*informative()), CLASSES, 1, evaluations(2)))
    assert "evaluated 2 times" in said


def test_a_held_out_test_set_without_a_class_has_no_score():
    p, label, replicate = informative()
    own = label == CLASSES[0]
    found = score(predictions(p[own], label[own], replicate[own]), CLASSES, 1, evaluations(1))
    assert found["metrics"] == {}
    assert "No nucleus of hiPSC" in found["says"]


def test_the_same_models_on_the_same_nuclei_count_once_however_often_they_are_run(tmp_path):
    path = tmp_path / "record.json"
    first = record(path, "models", "nuclei")
    assert record(path, "models", "nuclei") == first == read_json(path)
    assert [known["models"] for known in record(path, "others", "nuclei")] == ["models", "others"]
    assert [known["models"] for known in record(path, "models", "nuclei")] == ["others", "models"]
    assert read_json(path)[1]["when"] == first[0]["when"]
    assert len(record(path, "models", "more nuclei")) == 3


def test_digests_distinguish_models_and_nuclei(tmp_path):
    for name, content in (("a", b"1"), ("b", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(content)
    both = [tmp_path / "a", tmp_path / "b"]
    assert digest_of_models(both) == digest_of_models(both[::-1]) != digest_of_models(both[:1])
    data = dataset(*spots(4))
    assert digest_of_nuclei(data) != digest_of_nuclei(data[np.arange(3)])


@pytest.mark.parametrize("classes", [["dim"], ["dim", "bright"]])
def test_only_nuclei_of_the_classes_are_scored(classes):
    data = labelled(dataset(*spots(8)), classes)
    assert set(data.label) == set(classes)
    for k in range(len(data)):
        assert len(data.points.of(k).position) == data.image[k].sum()
