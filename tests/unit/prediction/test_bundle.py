"""A trained experiment in one folder: what comes back is what went in, and nothing else is accepted."""

import json
import shutil
import subprocess
from dataclasses import asdict, fields, replace

import numpy as np
import pandas as pd
import pytest
from spots import CLASSES, both, clustered, dataset, folds_of, model, plain_weights, spots

from ainu import AinuError
from ainu.files import read_json, write_json
from ainu.images.settings import Render
from ainu.networks.model import load_model, make_network, save_model
from ainu.prediction import bundle
from ainu.prediction.ensemble import calibration_set, fit_ensemble
from ainu.prediction.out_of_fold import out_of_fold

IMAGES = Render(100, 1600)
RENDER = asdict(IMAGES)
METRIC = {"value": 0.9, "ci": [0.8, 1.0]}
ORIGIN = bundle.Origin(
    experiment="dim-vs-bright",
    render=IMAGES,
    preparation={"drift": {"method": "aim"}, "quality": {"photons": [300, None]}, "nuclei": {"method": "density"}},
    nuclei={"dim": 24, "bright": 24},
    metrics={
        "n": 48,
        "replicates": 4,
        "metrics": dict.fromkeys(("balanced_accuracy", "auroc", "mcc"), METRIC),
        "baselines": {"confounders": {"balanced_accuracy": {"value": 0.5, "ci": None}}},
        "warnings": ["Class dim has 2 replicates; intervals from fewer than 3 are unreliable."],
    },
    ood_quantile=0.95,
)


def packed(folder, data, models, weights):
    """A bundle of these models with these weights, and the ensemble that went in."""
    sources = [folder / bundle.folder_name(own.info) for own in models]
    for source, own, values in zip(sources, models, weights, strict=True):
        save_model(source, values, own.info)
    loaded = [load_model(source) for source in sources]
    known = calibration_set(out_of_fold(data, folds_of(data), loaded), CLASSES)
    ensemble = fit_ensemble(loaded, data, folds_of(data), known, coverage=0.8, ood_quantile=0.95)
    bundle.write(folder / "ainu-model", ensemble, sources, ORIGIN)
    shutil.rmtree(sources[0])
    return folder / "ainu-model", ensemble


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle of two models with random weights, and the ensemble that went in. Do not change it: copy it."""
    networks = [make_network("ainu-small", 1, 2, (16, 16), fold) for fold in range(2)]
    models = [model(own, network="ainu-small", fold=fold) for fold, own in enumerate(networks)]
    return packed(tmp_path_factory.mktemp("packed"), dataset(*spots()), models, map(plain_weights, networks))


@pytest.fixture(scope="module")
def made_of_views(tmp_path_factory):
    """A bundle of two models that see detail and context."""
    models, weights = [], []
    for fold in range(2):
        detail, context = (make_network("ainu-small", 1, 2, shape, fold) for shape in ((32, 32), (16, 16)))
        own = {"network": "ainu-small", "fold": fold}
        crops = model(detail, view="detail", share=0.4, shape=[32, 32], voxel_nm=20.0, **own)
        models.append(both(crops, model(context, view="context", **own)))
        weights.append(plain_weights(detail, "detail") | plain_weights(context, "context"))
    return packed(tmp_path_factory.mktemp("views"), clustered(16), models, weights)


@pytest.fixture
def folder(made, tmp_path):
    """A copy, to be changed."""
    return shutil.copytree(made[0], tmp_path / "copied")


def config(**changes):
    return {"channels": ["DNA"], "renders": {"mine": dict(RENDER)}} | changes


def test_a_bundle_predicts_exactly_what_its_models_did(made, folder):
    new = dataset(*spots(10, seed=7))
    pd.testing.assert_frame_equal(bundle.read(folder).predict(new), made[1].predict(new), check_exact=True)


def test_a_bundle_of_views_predicts_exactly_what_its_models_did(made_of_views, tmp_path):
    folder = shutil.copytree(made_of_views[0], tmp_path / "copied")
    new, again = clustered(6, seed=7), bundle.read(folder)
    pd.testing.assert_frame_equal(again.predict(new), made_of_views[1].predict(new), check_exact=True)
    assert {encoder.seen.view: encoder.share for encoder in again.models[0].encoders} == {"detail": 0.4, "context": 1.0}


def test_a_bundle_of_views_says_what_each_of_them_sees(made_of_views):
    info = bundle.read_info(made_of_views[0])
    assert info["views"]["detail"]["shape"] == [32, 32]
    assert info["views"]["detail"]["voxel_nm"] == 20.0
    assert set(info["views"]) == {"detail", "context"}
    card = (made_of_views[0] / bundle.CARD).read_text()
    assert "2 models (ainu-small" in card


def test_packing_again_gives_the_same_bytes(made, tmp_path):
    folder, ensemble = made
    bundle.write(
        tmp_path / "again", ensemble, [folder / name for name in read_json(folder / bundle.INFO)["models"]], ORIGIN
    )
    assert (tmp_path / "again" / bundle.SUMS).read_bytes() == (folder / bundle.SUMS).read_bytes()


def test_the_digests_are_those_that_sha256sum_checks(folder):
    done = subprocess.run(["sha256sum", "--check", "--strict", bundle.SUMS], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == set(bundle.listed_files(read_json(folder / bundle.INFO)))


def test_a_bundle_holds_no_pickle(folder):
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".safetensors", ".md", ""}


@pytest.mark.parametrize(
    "name", [bundle.REFERENCES, bundle.CARD, "models/repeat0-fold1/model.safetensors", bundle.INFO]
)
def test_a_damaged_file_is_refused_by_its_name(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-3] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(AinuError, match=f"{folder}/{name}: .*copy the bundle again"):
        bundle.read(folder)


@pytest.mark.parametrize("name", [bundle.REFERENCES, "models/repeat0-fold0/model.json", bundle.SUMS, bundle.INFO])
def test_a_missing_file_is_refused_by_its_name(folder, name):
    (folder / name).unlink()
    with pytest.raises(AinuError, match=name):
        bundle.verify(folder)


def test_a_file_that_no_digest_vouches_for_is_refused(folder):
    lines = (folder / bundle.SUMS).read_text().splitlines(keepends=True)
    (folder / bundle.SUMS).write_text("".join(line for line in lines if bundle.REFERENCES not in line))
    with pytest.raises(AinuError, match=f"does not list {bundle.REFERENCES}"):
        bundle.verify(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 1}, "found schema 1, allowed: 2"),
        ({"schema": None}, "found schema None"),
        ({"channels": ...}, "keys channels are missing"),
        ({"views": ...}, "keys views are missing"),
        ({"models": ["../../secret"]}, "found models"),
    ],
)
def test_a_bundle_of_another_schema_is_refused(folder, change, message):
    info = {key: value for key, value in (read_json(folder / bundle.INFO) | change).items() if value is not ...}
    write_json(folder / bundle.INFO, info)
    with pytest.raises(AinuError, match=message):
        bundle.read_info(folder)


@pytest.mark.parametrize("content", ["[1, 2]", "{", ""])
def test_something_else_under_the_name_of_a_bundle_is_refused(folder, content):
    (folder / bundle.INFO).write_text(content)
    with pytest.raises(AinuError, match=bundle.INFO):
        bundle.read_info(folder)


def test_a_config_with_more_channels_and_renders_than_needed_fits(folder):
    renders = {"other": RENDER | {"voxel_nm": 50}, "any-name": dict(RENDER)}
    rich, info = config(channels=["H3", "DNA"], renders=renders), bundle.read_info(folder)
    assert list(bundle.mismatches(info, **rich)) == []
    assert bundle.fitting_render(info, renders) == "any-name"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channels": ["H3"]}, ["channels DNA", "found in `channels`: H3", "needed: DNA too"]),
        ({"renders": {"mine": RENDER | {"voxel_nm": 50}}}, ["voxel_nm: 100", "mine (voxel_nm: 50)"]),
        ({"renders": {"mine": RENDER | {"canvas_nm": 3200}}}, ["canvas_nm: 1600", "mine (canvas_nm: 3200)"]),
        ({"renders": {"mine": RENDER | {"canvas_nm": "fitted"}}}, ["canvas_nm: 1600", "mine (canvas_nm: fitted)"]),
        ({"renders": {"mine": RENDER | {"kernel": "gaussian"}}}, ["kernel: count", "mine (kernel: gaussian)"]),
        ({"renders": {"mine": RENDER | {"align": "long_axis"}}}, ["align: none", "mine (align: long_axis)"]),
        ({"renders": {"mine": RENDER | {"dimensions": 3}}}, ["dimensions: 2", "mine (dimensions: 3)"]),
    ],
)
def test_for_a_config_that_makes_other_images_the_message_says_what_is_needed(folder, change, words):
    (line,) = bundle.mismatches(bundle.read_info(folder), **config(**change))
    assert all(word in line for word in words)


def test_a_fitted_canvas_is_packed_as_what_was_measured(made):
    origin = replace(ORIGIN, render=replace(IMAGES, canvas_nm="fitted"))
    assert bundle.describe(made[1], origin)["render"]["canvas_nm"] == 1600


def test_other_preparation_is_reported_key_by_key(folder):
    other = {"drift": {"method": "rcc"}, "quality": {"photons": [300, None]}, "nuclei": {"method": "density"}}
    (line,) = bundle.preparation_differences(bundle.read_info(folder), other)
    assert line == "drift.method: rcc; for the training data: aim"


def test_what_was_calibrated_comes_back(made, folder):
    ensemble = bundle.read(folder)
    assert ensemble.calibration == made[1].calibration
    assert ensemble.ood_threshold == made[1].ood_threshold
    assert ensemble.calibration.holds_for_new_replicates
    for (_, one), (_, other) in zip(ensemble.pairs, made[1].pairs, strict=True):
        for name, values in one.tensors().items():
            assert values.dtype == np.float64
            assert np.array_equal(values, other.tensors()[name])


def test_the_card_states_purpose_accuracy_and_what_is_not_guaranteed(folder):
    card, info = (folder / bundle.CARD).read_text(), json.loads((folder / bundle.INFO).read_text())
    assert card.startswith("# dim-vs-bright: dim and bright")
    assert "dim: 24, bright: 24" in card
    assert "0.900 (95 % interval 0.800 to 1.000)" in card
    assert "Class dim has 2 replicates" in card
    assert "exchangeable" in card
    assert f"above {info['ood']['threshold']:.3g}" in card
    for name in ("r0", "r1", "r2", "r3"):
        assert f"{name}: " in card


def test_images_are_compared_by_every_setting_of_a_render():
    assert tuple(own.name for own in fields(Render)) == bundle.RENDER_KEYS
