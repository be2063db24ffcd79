"""Which nuclei networks are trained on, and the views of them: by folds, by inner folds, and for a learning study."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from defaults import design
from scipy.special import softmax
from spots import CLASSES, clustered, cross_validation

from ainu.evaluation.study_summary import summarize, write_study
from ainu.files import read_json, read_table
from ainu.images.binning import bin_counts
from ainu.images.views import view_of
from ainu.networks.model import load_model
from ainu.networks.seen import CONTEXT, DETAIL, Seen
from ainu.prediction.ensemble import logits, probabilities
from ainu.prediction.pooling import logits_of
from ainu.training.checkpoint import ResumeFile
from ainu.training.cross_validation import CrossValidation, Fit, train_fold
from ainu.training.inner_folds import train_inner_fold
from ainu.training.learning_study import draw_nuclei, few, forget, predict_from_few

VIEWS = {"detail": {"voxel_nm": 20, "size_nm": 640}, "context": {"voxel_nm": 100}}
STACKS = {"dimensions": 3, "detail": {"voxel_nm": 20, "size_nm": 640, "voxel_z_nm": 50, "depth_nm": 200}}


def settings(steps: int = 60, **changes) -> dict:
    plain = {"batch_size": 8, "learning_rate": 0.01, "weight_decay": 0.0, "patience": 99, "device": "cpu"}
    return plain | {"steps": steps, "validation_fraction": 0} | changes


def validation(network: str = "ainu-small", **changes) -> CrossValidation:
    made = design(CLASSES, network, training=settings(**changes), augmentation={"rotate": "right"})
    return cross_validation(made)


def fit_of(fold: int = 0, network: str = "ainu-small") -> Fit:
    return validation(network).fit(0, fold)


def of_views(views: dict | None = None, data=None, **changes) -> Fit:
    """A short training of two small networks on nuclei whose classes differ in the detail alone."""
    made = design(CLASSES, views=VIEWS if views is None else views, training=settings(**{"steps": 4} | changes))
    return cross_validation(made, clustered(16) if data is None else data).fit(0, 0)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_fold_is_trained_without_its_replicates_and_leaves_its_files(tmp_path):
    train_fold(fit_of(), tmp_path / "m", tmp_path / "speed.json")
    model = load_model(tmp_path / "m")
    assert model.info["training_replicates"] == ["r2", "r3"]
    own = model.info["views"]["image"]
    assert own["parameters"] == sum(v.numel() for v in model.encoders[0].network.parameters())
    assert (own["network"], own["shape"], own["voxel_nm"], own["share"]) == ("ainu-small", [16, 16], 100.0, 1.0)
    assert read_json(tmp_path / "speed.json")["seconds_per_step"] > 0
    assert sorted(bytes_of(tmp_path / "m")) == ["history.tsv", "model.json", "model.safetensors"]
    assert read_table(tmp_path / "m" / "history.tsv")["view"].unique().tolist() == ["image"]


# --- views ------------------------------------------------------------------------------------------------------------


def test_each_view_has_a_network_of_its_own_that_sees_what_the_config_says(tmp_path):
    views = VIEWS | {"context": {"voxel_nm": 100, "network": "vgg"}}
    data = replace(clustered(16), image=np.zeros((16, 1, 32, 32), np.uint16))
    fit = of_views(views, data)
    assert fit.seen() == [Seen(DETAIL, (32, 32), 20.0), Seen(CONTEXT, (32, 32), 100.0)]
    train_fold(fit, tmp_path / "m", tmp_path / "speed.json")
    model = load_model(tmp_path / "m")
    assert {view: own["network"] for view, own in model.info["views"].items()} == {
        "detail": "ainu-small",
        "context": "vgg",
    }
    assert model.encoder(DETAIL).seen == fit.seen()[0]
    assert read_table(tmp_path / "m" / "history.tsv")["view"].unique().tolist() == ["detail", "context"]


@pytest.mark.parametrize("alone", ["detail", "context"])
def test_either_view_alone_counts_wholly_and_no_halves_are_trained(tmp_path, alone):
    fit = of_views({view: own if view == alone else None for view, own in VIEWS.items()})
    trained, info = fit.run(tmp_path / "resume")
    assert set(trained) == {alone}
    assert info["views"][alone]["share"] == 1
    assert [path.name for path in tmp_path.iterdir()] == [f"resume.{alone}.pt"]


def test_shares_are_found_by_networks_of_half_the_nuclei(tmp_path):
    fit = of_views(steps=4)
    fit.run(tmp_path / "resume")
    kept = {path.name: torch.load(path, weights_only=True) for path in tmp_path.iterdir()}
    assert sorted(kept) == sorted(
        f"resume.{view}{part}.pt" for view in ("detail", "context") for part in ("", "-half0", "-half1")
    )
    assert {own["state"]["step"] for own in kept.values()} == {4}
    assert len({own["made_for"]["nuclei"] for own in kept.values()}) == 3


def test_a_view_that_does_not_tell_the_classes_counts_little(tmp_path):
    """Voxels of 400 nm show the same number of localizations, spread alike; the detail how close they lie."""
    data = clustered(32)
    parts = map(data.points.of, range(32))
    coarse = np.stack([bin_counts(own.position, own.channel, (1, 8, 8), 400.0) for own in parts])
    fit = of_views(data=replace(data, image=coarse.astype(np.uint16), voxel_size_nm=400.0), steps=60)
    train_fold(fit, tmp_path / "m", tmp_path / "speed.json")
    model = load_model(tmp_path / "m")
    assert all(encoder.share >= 0 for encoder in model.encoders)
    said = {view: float(own.std()) for view, own in logits(model, fit.dataset, fit.rows).items()}
    assert said["context"] < said["detail"] / 2


def test_in_three_dimensions_the_detail_is_seen_in_stacks(tmp_path):
    data = clustered(16, depth_nm=800.0)
    fit = of_views(STACKS | {"context": {"voxel_nm": 100, "voxel_z_nm": 200, "depth_nm": 800}}, data, steps=2)
    assert fit.seen() == [Seen(DETAIL, (4, 32, 32), 20.0, 50.0), Seen(CONTEXT, (4, 16, 16), 100.0, 200.0)]
    train_fold(fit, tmp_path / "m", tmp_path / "speed.json")
    found = probabilities(load_model(tmp_path / "m"), data, np.arange(4))
    assert np.allclose(found.sum(axis=1), 1)


def test_the_logits_of_a_model_are_the_sum_of_what_each_view_says_times_its_share(tmp_path):
    fit = of_views(steps=20)
    train_fold(fit, tmp_path / "m", tmp_path / "speed.json")
    model, data, rows = load_model(tmp_path / "m"), fit.dataset, np.arange(6)
    total = np.zeros((6, 2))
    for encoder in model.encoders:
        views = view_of(data, encoder.seen, "share", fit.design.augmentation)
        own = model.info["views"][encoder.seen.view]["share"]
        total += own * logits_of(encoder.network, views, rows).numpy()
    given = logits(model, data, rows)
    assert set(given) == {"detail", "context"}
    assert np.allclose(sum(given.values()), total, atol=1e-12)
    assert np.allclose(probabilities(model, data, rows), softmax(total, axis=1))


class KilledError(Exception):
    """What ends a training at once."""


def killed_after(monkeypatch, saves: int, fit: Fit, folder: Path) -> None:
    """Train until a resume file was written so many times, and end there."""
    whole, left = ResumeFile.save, [saves]

    def save(self, state):
        whole(self, state)
        left[0] -= 1
        if left[0] == 0:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(ResumeFile, "save", save)
        with pytest.raises(KilledError):
            train_fold(fit, folder, folder.parent / "speed.json")


@pytest.mark.parametrize("every_step", [True, False], ids=["within", "between"])
@pytest.mark.parametrize("saves", [1, 3, 4, 6])
def test_killed_within_a_view_or_between_views_a_fold_ends_with_the_same_bytes(
    tmp_path, monkeypatch, every_step, saves
):
    calm = of_views()
    train_fold(calm, tmp_path / "calm", tmp_path / "speed.json")
    monkeypatch.setattr("ainu.training.loop.SAVE_SECONDS", -1.0 if every_step else 1e9)
    killed_after(monkeypatch, saves, of_views(), tmp_path / "killed")
    assert list((tmp_path / "killed").glob("resume.*.pt"))
    train_fold(of_views(), tmp_path / "killed", tmp_path / "speed.json")
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "calm")


def test_a_view_that_is_trained_is_not_trained_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ainu.training.loop.SAVE_SECONDS", 1e9)
    killed_after(monkeypatch, 1, of_views(), tmp_path / "m")
    before = (tmp_path / "m" / "resume.detail.pt").stat().st_mtime_ns
    of_views().run(tmp_path / "m" / "resume")
    assert (tmp_path / "m" / "resume.detail.pt").stat().st_mtime_ns == before
    assert "not resumed" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"views": {"detail": {"voxel_nm": 20, "size_nm": 640, "network": "vgg"}, "context": None}}, "network was"),
        ({"views": {"detail": {"voxel_nm": 10, "size_nm": 320}, "context": None}}, "seen was"),
        ({"steps": 5}, "steps was 4, is 5"),
    ],
)
def test_what_was_trained_for_another_network_crop_or_recipe_is_trained_anew(tmp_path, capsys, changes, named):
    first = {"views": VIEWS | {"context": None}}
    of_views(**first).run(tmp_path / "resume")
    again, _ = of_views(**first | changes).run(tmp_path / "resume")
    assert named in capsys.readouterr().err
    calm, _ = of_views(**first | changes).run()
    assert all(torch.equal(own, again["detail"].weights[name]) for name, own in calm["detail"].weights.items())


def test_training_a_fold_again_gives_the_same_bytes(tmp_path):
    train_fold(of_views(), tmp_path / "a", tmp_path / "speed.json")
    train_fold(of_views(), tmp_path / "b", tmp_path / "speed.json")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


# --- which nuclei -----------------------------------------------------------------------------------------------------


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
    assert small.design.training.steps == fit.design.training.steps
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
