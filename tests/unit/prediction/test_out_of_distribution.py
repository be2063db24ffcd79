"""Nuclei of another kind lie far from those that were trained on."""

from dataclasses import replace

import numpy as np
import pytest
from defaults import augmentation, recipe, transfer
from sklearn.metrics import roc_auc_score
from spots import CLASSES, CPU, dataset, model

from ainu.images.render import voxelize
from ainu.images.settings import Render
from ainu.images.views import Whole
from ainu.networks.model import Model, make_network
from ainu.prediction.calibration import CalibrationSet
from ainu.prediction.ensemble import fit_ensemble
from ainu.prediction.out_of_distribution import Reference
from ainu.simulation.conditions import Condition
from ainu.simulation.fields import simulate
from ainu.training.loop import train

RENDER = Render(voxel_nm=200, canvas_nm=12800)
KNOWN = {"somatic": Condition(frames=400), "hiPSC": Condition(frames=400, nucleolar_share=0.3)}
THIRD = Condition(frames=400, rim_excess=12.0, clutches=300, clutch_emitters=18.0, clutch_nm=90.0)


def points(n: int, seed: int) -> np.ndarray:
    """Features of correlated dimensions and of very different scales."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (n, 6)) @ np.random.default_rng(0).normal(0, 1, (6, 6)) * [1, 10, 100, 0.1, 1, 1]


def reference(shift: np.ndarray | float = 0.0, factor: np.ndarray | float = 1.0) -> Reference:
    labels = np.repeat(["a", "b"], 40)
    known = points(80, 1) + 5 * (labels == "b")[:, None]
    return Reference.fit(known * factor + shift, labels, points(40, 2) * factor + shift)


def test_held_out_nuclei_of_a_known_kind_score_about_one():
    assert np.median(reference().score(points(500, 3))) == pytest.approx(1, abs=0.15)


def test_nuclei_of_another_kind_score_higher_the_farther_they_are():
    away = [np.median(reference().score(points(200, 4) + step * np.array([0, 0, 0, 1, 0, 0]))) for step in (0, 1, 3)]
    assert away[0] < away[1] < away[2]
    assert away[2] > 3


def test_units_of_the_features_do_not_matter():
    factor, shift, new = np.array([1e3, 1, 1e-3, 1, 5, 1]), np.arange(6.0), points(50, 5) + 2
    assert np.allclose(reference().score(new), reference(shift, factor).score(new * factor + shift), rtol=1e-6)


def test_a_nucleus_counts_by_the_class_that_it_is_nearest_to():
    assert np.median(reference().score(points(200, 6) + 5)) == pytest.approx(1, abs=0.2)


def test_features_that_never_vary_do_no_harm():
    flat = np.column_stack([points(20, 1), np.zeros(20)])
    assert np.isfinite(Reference.fit(flat, np.repeat(["a", "b"], 10), flat).score(flat)).all()


def test_tensors_come_back_as_the_same_reference():
    own, new = reference(), points(10, 7)
    assert np.array_equal(Reference.from_tensors(own.tensors()).score(new), own.score(new))


def nuclei(condition: Condition, name: str, n: int, first: int, replicate: int) -> np.ndarray:
    """(n, C, Y, X) images of simulated nuclei of one replicate."""
    seeds = [(replicate + 1) * 2**32 + first + k for k in range(n)]
    tables = [simulate(condition, seed, replicate=f"r{replicate}", name=name)[0] for seed in seeds]
    return np.stack([voxelize(table, RENDER) for table in tables])


@pytest.mark.slow
def test_nuclei_of_a_third_simulated_condition_are_distinguished_from_new_ones_of_the_known():
    """72 nuclei of 6 replicates, three folds; then 3 new replicates of 16 nuclei of known kind and 16 of a third."""
    images = np.concatenate([nuclei(KNOWN[name], name, 6, 0, r) for r in range(6) for name in KNOWN])
    labels, replicate = np.tile(np.repeat([0, 1], 6), 6), np.repeat(np.arange(6), 12)
    data = dataset_of(images, labels, replicate)
    folds = data.table.assign(repeat=0, fold=replicate // 2)
    models = [trained_without(images, labels, replicate, fold) for fold in range(3)]
    anything = CalibrationSet(np.full((72, 2), 0.5), labels, replicate)
    ensemble = fit_ensemble(models, data, folds, anything, coverage=0.9, ood_quantile=0.95)
    known = np.concatenate([nuclei(KNOWN[name], name, 8, 900, r) for r in (6, 7, 8) for name in KNOWN])
    third = np.concatenate([nuclei(THIRD, "third", 16, 900, r) for r in (6, 7, 8)])
    scored = ensemble.predict(dataset_of(np.concatenate([known, third]), np.zeros(96, int), np.arange(96)))
    auroc = roc_auc_score(np.repeat([0, 1], 48), scored["ood"])
    flagged = scored["unlike_training"].to_numpy().reshape(2, 48).mean(axis=1)
    assert auroc >= 0.9
    assert flagged[0] <= 0.15
    assert flagged[1] >= 0.5
    assert (scored["call"][scored["unlike_training"]] == "unlike training").all()


def dataset_of(images, labels, replicate):
    """Nuclei of two channels, as `spots.dataset` makes them of one."""
    names = [f"s{k}/1" for k in range(len(images))]
    plain = dataset(images, labels)
    changes = {"nucleus": np.array(names), "replicate": replicate.astype(str), "channels": ("PolII", "DNA")}
    return replace(plain, **changes, voxel_size_nm=200.0, points=None)


def trained_without(images, labels, replicate, fold) -> Model:
    network = make_network("ainu-small", 2, len(CLASSES), images.shape[2:], fold)
    own = recipe(steps=150, learning_rate=0.003, batch_size=8)
    rows, none = np.flatnonzero(replicate // 2 != fold), np.array([], int)
    inputs = Whole(images, None, "share", augmentation(), 200.0)
    done = train(network, inputs, labels, rows, none, own, CPU, seed=fold, transfer=transfer())
    network.load_state_dict(done.weights)
    known = {"channels": ["PolII", "DNA"], "shape": [64, 64], "voxel_nm": 200.0, "network": "ainu-small"}
    return model(network.eval(), fold=fold, **known)
