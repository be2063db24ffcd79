"""Which nuclei networks are trained on: by folds, by inner folds, and for a learning study."""

import numpy as np
import pandas as pd
import pytest
from defaults import design
from spots import CLASSES, cross_validation

from ainu.evaluation.study_summary import summarize, write_study
from ainu.files import read_json, read_table
from ainu.networks.model import load_model
from ainu.training.cross_validation import CrossValidation, Fit, train_fold
from ainu.training.inner_folds import train_inner_fold
from ainu.training.learning_study import draw_nuclei, few, forget, predict_from_few


def validation(network: str = "ainu-small") -> CrossValidation:
    training = {"epochs": 6, "batch_size": 8, "learning_rate": 0.01, "weight_decay": 0.0, "patience": 9}
    training |= {"validation_fraction": 0.0, "device": "cpu"}
    return cross_validation(design(CLASSES, network, training=training, augmentation={"rotate": "right"}))


def fit_of(fold: int = 0, network: str = "ainu-small") -> Fit:
    return validation(network).fit(0, fold)


@pytest.mark.parametrize("network", ["ainu-small", "neighbourhoods"])
def test_a_fold_is_trained_without_its_replicates_and_leaves_its_files(tmp_path, network):
    train_fold(fit_of(network=network), tmp_path / "m", tmp_path / "speed.json")
    model = load_model(tmp_path / "m")
    assert model.info["training_replicates"] == ["r2", "r3"]
    assert model.info["parameters"] == sum(v.numel() for v in model.network.parameters())
    assert read_json(tmp_path / "speed.json")["seconds_per_epoch"] > 0
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "history.tsv",
        "model.json",
        "model.safetensors",
    ]


def test_inner_folds_leave_the_outer_fold_out_and_cover_the_rest_once(tmp_path):
    fit = fit_of()
    for inner in range(2):
        train_inner_fold(fit, inner, 2, tmp_path / f"{inner}.tsv")
    table = pd.concat([read_table(tmp_path / f"{inner}.tsv") for inner in range(2)])
    assert sorted(table["nucleus"]) == sorted(fit.dataset.nucleus[fit.rows])
    assert not set(table["replicate"]) & fit.held_out
    assert (table["predicted"] == table["label"]).mean() > 0.8
    assert list(tmp_path.glob("*.pt")) == []


def test_few_nuclei_are_drawn_per_class_and_trained_as_many_steps():
    labels = ["a"] * 30 + ["b"] * 4
    drawn = draw_nuclei(labels, 10, np.random.default_rng(0))
    assert np.bincount(np.asarray(labels)[drawn] == "b").tolist() == [10, 4]
    assert len(draw_nuclei(labels, "all", np.random.default_rng(0))) == 34
    fit = fit_of()
    small = few(fit, 4, draw=0)
    assert len(small.rows) == 8
    assert small.design.training.epochs == 3 * fit.design.training.epochs
    assert set(small.rows) <= set(fit.rows)
    assert set(few(fit, 4, draw=1).rows) != set(small.rows)


def test_a_study_puts_sizes_in_order_and_draws_every_mode(tmp_path):
    paths = []
    for size in ("all", "4"):
        for mode in ("scratch", "finetune"):
            table = predict_from_few(validation(), mode=mode, size=size, draw=0)
            paths.append(str(tmp_path / f"{mode}-{size}.tsv"))
            table.to_csv(paths[-1], sep="\t", index=False)
    found = summarize(paths, CLASSES)
    assert found["size"].astype(str).tolist() == ["4", "all", "4", "all"]
    assert found["balanced_accuracy"].between(0, 1).all()
    write_study(paths, CLASSES, tmp_path / "study.tsv", tmp_path / "study.svg")
    assert "training nuclei per class" in (tmp_path / "study.svg").read_text()


def test_a_part_of_a_study_goes_on_where_it_was_ended(tmp_path):
    settings = {"mode": "scratch", "size": "4", "draw": 0}
    whole = predict_from_few(validation(), **settings)
    predict_from_few(validation(), **settings, resume=tmp_path / "part.tsv")
    kept = sorted(tmp_path.glob("*.pt"))
    kept[-1].unlink()
    before = kept[0].stat().st_mtime_ns
    again = predict_from_few(validation(), **settings, resume=tmp_path / "part.tsv")
    pd.testing.assert_frame_equal(again, whole)
    assert kept[0].stat().st_mtime_ns == before
    forget(tmp_path / "part.tsv")
    assert list(tmp_path.iterdir()) == []
