"""Sentences about the training come from what its own writers recorded, whatever the config says."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from defaults import design, reported_experiment
from experiment_files import SETTINGS, make_sources
from spots import CLASSES, cross_validation

from ainu.evaluation.hold_out import record, score
from ainu.files import read_json, read_table, write_json
from ainu.report import checklist_answers, methods_text
from ainu.report.facts import ExperimentFacts, read_facts
from ainu.training.cross_validation import train_fold


def trained(folder: Path, initial: tuple[Path, ...] = (), **sections) -> Path:
    """The model of a fold, by the real training."""
    own = {"training": {"steps": 3, "batch_size": 4} | sections.pop("training", {})} | sections
    cross = replace(cross_validation(design(CLASSES, **own)), initial=tuple(map(str, initial)))
    train_fold(cross.fit(0, 0), folder, folder.parent / "speed.json")
    return folder


def facts_of(folder: Path, model: Path, **settings) -> ExperimentFacts:
    """What the report reads of an experiment with this model; its config is the default one."""
    sources = make_sources(folder / "sources", classes=CLASSES)
    for own in sources.models:
        (own / "model.json").write_bytes((model / "model.json").read_bytes())
    return read_facts(reported_experiment(**settings), SETTINGS, sources)


def told(facts: ExperimentFacts) -> str:
    answers = (checklist_answers.initial(facts), checklist_answers.parameters(facts), checklist_answers.fitting(facts))
    return " ".join([*methods_text.paragraphs(facts), *answers])


@pytest.fixture(scope="module")
def parent(tmp_path_factory) -> Path:
    return trained(tmp_path_factory.mktemp("first") / "models" / "repeat0-fold0")


def test_random_weights_are_said_to_be_random_even_where_the_config_names_an_experiment(tmp_path, parent):
    own = trained(tmp_path / "m", (parent,), transfer={"mode": "scratch"})
    said = told(facts_of(tmp_path, own, init_from="first"))
    assert "No; weights start at random." in said
    assert "Weights start from" not in said
    assert "Weights started" not in said


def test_weights_of_a_file_are_said_to_come_from_it(tmp_path, parent):
    own = trained(tmp_path / "m", transfer={"weights": str(parent / "model.safetensors")})
    said = told(facts_of(tmp_path, own))
    assert "Weights started from the file model.safetensors." in said
    assert "Weights start from the file model.safetensors." in said
    assert "random" not in said


def test_weights_of_another_experiment_are_said_to_come_from_it_and_what_was_frozen(tmp_path, parent):
    own = trained(tmp_path / "m", (parent,), transfer={"mode": "frozen"})
    said = told(facts_of(tmp_path, own))
    source = parent.parents[1].name
    assert f"Weights started from models of experiment {source} that had not seen the held-out replicates" in said
    assert "of which only the last layer was trained." in said


def test_settings_of_the_training_are_those_that_it_had(tmp_path):
    own = trained(tmp_path / "m", training={"learning_rate": 0.0123, "optimizer": "sgd", "validation_fraction": 0.5})
    said = told(facts_of(tmp_path, own, training={"learning_rate": 0.5, "steps": 77}))
    for fact in ("at most 0.0123", "Nesterov", "up to 3 steps of 4 crops", "learning rate 0.0123", "steps 3,"):
        assert fact in said, said
    assert "chosen on validation replicates" in said
    assert "77" not in said


@pytest.mark.parametrize(("looks", "times"), [(1, "evaluated once"), (2, "evaluated twice"), (4, "evaluated 4 times")])
def test_a_hold_out_is_said_to_be_evaluated_as_often_as_it_was(tmp_path, looks, times):
    sources = make_sources(tmp_path / "sources", classes=CLASSES)
    for look in range(looks):
        known = record(tmp_path / "looks.json", f"other weights {look}", "the same nuclei")
    scored = score(read_table(sources.predictions), CLASSES, 1, known)
    write_json(sources.metrics, read_json(sources.metrics) | {"test": scored})
    facts = read_facts(reported_experiment(), SETTINGS, sources)
    said = [*methods_text.paragraphs(facts), checklist_answers.evaluation(facts), checklist_answers.beyond(facts)]
    assert sum(times in text for text in said) == 3
    assert sum("once" in text for text in said) == (3 if looks == 1 else 0)


@pytest.mark.parametrize(("kind", "drawn"), [(np.uint16, "Localizations per voxel"), (np.float32, "spread by")])
def test_densities_are_not_called_localizations_per_voxel(tmp_path, kind, drawn):
    sources = make_sources(tmp_path / "sources", classes=CLASSES)
    with h5py.File(sources.dataset, "r+") as file:
        image = file["image"][()].astype(kind)
        del file["image"]
        file["image"] = image
    facts = read_facts(reported_experiment(), SETTINGS, sources)
    assert drawn in checklist_answers.encoding(facts)
    assert ("spread by their precision" in " ".join(methods_text.paragraphs(facts))) == (kind is np.float32)
