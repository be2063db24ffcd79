"""Where in the nucleus the evidence lies."""

import inspect
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
import torch
from defaults import attribution
from spots import CLASSES, Finder, both, clustered, dataset, folds_of, model, spots, tiny
from torch import nn

from ainu import AinuError
from ainu.attribution import detail as detail_module
from ainu.attribution.captum_methods import Explainer
from ainu.attribution.catalogue import methods_for
from ainu.attribution.detail import explain_detail, in_turn
from ainu.attribution.explain import attribute, completeness, explain
from ainu.attribution.maps import completeness_errors, read_maps
from ainu.attribution.relu_rewiring import rewired
from ainu.attribution.settings import MapSettings
from ainu.hdf5 import open_file
from ainu.networks.memory import activation_bytes, fitting
from ainu.networks.model import make_network, margin_of, normalise
from ainu.prediction.ensemble import logits


class Sum(nn.Module):
    """Evidence for class 1 is twice the sum of the input; everything is known of its attribution."""

    def forward(self, images):
        total = images.sum(dim=(1, 2, 3))
        return torch.stack([-total, total], dim=1)


def test_integrated_gradients_are_exact_on_a_linear_model_and_zero_in_empty_voxels():
    image = np.random.default_rng(0).poisson(0.5, (2, 12, 12)).astype(np.uint16)
    found = explain(model(Sum()), image, "integrated_gradients", target=1, steps=4)
    inputs = normalise(image[None])[0].numpy()
    assert np.allclose(found, 2 * inputs, atol=1e-4)
    assert not found[image == 0].any()


def test_the_predicted_class_is_explained_by_default():
    image = np.ones((1, 8, 8), np.uint16)
    assert np.allclose(explain(model(Sum()), image), explain(model(Sum()), image, target=1))


def test_grad_cam_gives_a_map_of_the_image_shape():
    network = make_network("densenet121", 2, 2, (64, 64), seed=1)
    image = np.random.default_rng(0).poisson(1.0, (2, 64, 64)).astype(np.uint16)
    found = explain(model(network.eval().requires_grad_(False)), image, "grad_cam")
    assert found.shape == image.shape
    assert np.array_equal(found[0], found[1])
    assert found.std() > 0


def test_an_unknown_method_of_attribution_is_named():
    with pytest.raises(AinuError, match="attribution method 'tea_leaves' is not one of saliency, input_x_gradient"):
        explain(model(Sum()), np.ones((1, 8, 8), np.uint16), "tea_leaves")


def test_the_public_defaults_are_those_of_the_config():
    given = inspect.signature(explain).parameters
    defaults = attribution()
    for field in fields(MapSettings):
        assert given[field.name].default == getattr(defaults, field.name)


NETWORKS = [
    ("ainu-small", (32, 32)),
    ("ainu-small", (8, 16, 16)),
    ("vgg", (32, 32)),
    ("densenet121", (32, 32)),
    ("resnet18", (33, 33)),
    ("ainu-small", (6, 33, 31)),
    ("se-resnet50", (33, 33)),
]


def settled(name: str, shape: tuple[int, ...], channels: int = 2, classes: int = 3) -> nn.Module:
    """A network with random weights whose normalisation has seen images."""
    network = make_network(name, channels, classes, shape, seed=1).train()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        for _ in range(20):
            network(torch.rand(4, channels, *shape) * 2)
    return network.eval().requires_grad_(False)


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2


@pytest.mark.parametrize(("name", "shape"), NETWORKS)
def test_a_rewired_network_computes_the_same(name, shape):
    network, inputs = settled(name, shape), images(2, 2, *shape)
    copy = rewired(network, inputs[:1])
    for _ in range(2):
        assert torch.allclose(copy(inputs), network(inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "shape"), [entry for entry in NETWORKS if entry[0] != "se-resnet50"])
def test_deep_lift_adds_up_to_what_it_explains(name, shape):
    """Not where maps are multiplied by each other (squeeze and excitation); the scorecard tells."""
    network, inputs = settled(name, shape), images(2, 2, *shape)
    explainer = Explainer(model(network, network=name).whole, inputs[:1], attribution())
    target = torch.tensor([0, 2])
    found = explainer.maps("deep_lift", inputs, target)
    assert max(completeness(found, explainer.explained(inputs, target))) < 1e-3


def test_captums_deep_lift_without_rewiring_would_not():
    from captum.attr import DeepLift

    network, inputs = settled("resnet18", (33, 33)), images(1, 2, 32, 32)
    try:
        found, delta = DeepLift(network).attribute(inputs, target=0, return_convergence_delta=True)
    except (AssertionError, RuntimeError):
        return
    assert float(delta.abs() / found.abs().sum()) > 1e-2


CHEAP = {"steps": 4, "samples": 2, "window_nm": 8000.0}


@pytest.mark.parametrize(("name", "shape"), [("ainu-small", (16, 16)), ("ainu-small", (8, 16, 16)), ("vit", (16, 16))])
def test_every_method_that_a_network_allows_gives_finite_maps_that_repeat(name, shape):
    network, inputs = settled(name, shape), images(2, 2, *shape)
    explainer = Explainer(model(network, network=name).whole, inputs[:1], attribution(**CHEAP), (1000.0,) * len(shape))
    for method in methods_for(name):
        one, other = (explainer.maps(method, inputs, torch.tensor([0, 1]), ["a", "b"]) for _ in range(2))
        assert one.shape == tuple(inputs.shape)
        assert np.isfinite(one).all()
        assert np.array_equal(one, other), method


def test_a_transformer_has_no_maps_and_no_relu():
    assert {"saliency", "integrated_gradients", "occlusion"} <= set(methods_for("vit"))
    assert not {"grad_cam", "guided_grad_cam", "deep_lift", "smoothgrad-deep_lift"} & set(methods_for("vit"))
    assert "grad_cam" in methods_for("efficientnet-b0")
    assert "deep_lift" not in methods_for("efficientnet-b0")


def test_noise_follows_from_the_nucleus_not_from_its_neighbours():
    inputs = images(3, 2, 16, 16)
    explainer = Explainer(
        model(settled("ainu-small", (16, 16)), network="ainu-small").whole, inputs[:1], attribution(**CHEAP)
    )
    target = torch.tensor([0, 1, 2])
    for method in ("smoothgrad-saliency", "gradient_shap"):
        all_three = explainer.maps(method, inputs, target, ["a", "b", "c"])
        alone = explainer.maps(method, inputs[1:2], target[1:2], ["b"])
        assert np.allclose(all_three[1:2], alone, atol=1e-6)
        assert not np.allclose(alone, explainer.maps(method, inputs[1:2], target[1:2], ["z"]), atol=1e-6)


def test_batches_fit_the_memory_and_do_not_change_the_maps():
    network, inputs = settled("ainu-small", (32, 32)), images(5, 2, 32, 32)
    each = activation_bytes(network, inputs[:1])
    assert activation_bytes(settled("ainu-small", (64, 64)), images(1, 2, 64, 64)) > 3 * each
    assert fitting(network, inputs[:1], 2 * 6.5 * each / 1e9) == 6
    assert fitting(network, inputs[:1], 1e-9) == 1
    found = []
    for memory_gb in (1e-9, 1.0):
        settings = attribution(steps=5, memory_gb=memory_gb)
        explainer = Explainer(model(network, network="ainu-small").whole, inputs[:1], settings)
        found.append(explainer.maps("integrated_gradients", inputs, torch.zeros(5, dtype=torch.long)))
    assert np.allclose(*found, atol=1e-5)


def test_each_nucleus_is_explained_by_the_models_that_held_it_out_averaged_over_repeats(tmp_path):
    pictures, labels = spots(16)
    data = dataset(pictures, labels)
    first = folds_of(data)
    folds = pd.concat([first, first.assign(repeat=1, fold=1 - first["fold"])])
    networks = {(repeat, fold): tiny(seed=10 * repeat + fold).eval() for repeat in (0, 1) for fold in (0, 1)}
    models = [model(network, repeat=repeat, fold=fold) for (repeat, fold), network in networks.items()]
    settings = attribution(methods=["integrated_gradients"], steps=4)
    attribute(data, folds, models, settings, 0, tmp_path / "maps.h5")
    found = read_maps(tmp_path / "maps.h5")["integrated_gradients"]
    for row in (0, 5):
        held_out = folds[folds["nucleus"] == data.nucleus[row]]
        own = [networks[pair] for pair in zip(held_out["repeat"], held_out["fold"], strict=True)]
        assert len(own) == 2
        wanted = [explain(model(network), pictures[row], target=int(labels[row]), steps=4) for network in own]
        assert np.allclose(found[row], np.mean(wanted, axis=0), atol=1e-6)
    assert completeness_errors(tmp_path / "maps.h5")["integrated_gradients"] < 0.05


def test_maps_point_at_what_the_network_looks_for():
    pictures, _ = spots(4, seed=9)
    for method in ("integrated_gradients", "deep_lift", "input_x_gradient", "gradient_shap", "smoothgrad-deep_lift"):
        found = np.maximum(explain(model(Finder().eval()), pictures[1], method, target=1)[0], 0)
        assert found[4:10, 4:10].sum() > 0.8 * found.sum() > 0, method


DETAIL = {"view": "detail", "shape": [16, 16], "voxel_nm": 20.0}


def test_the_attribution_of_localizations_by_the_detail_adds_up_to_what_it_adds_to_the_decision(tmp_path):
    data = clustered(4)
    network = settled("ainu-small", (16, 16), channels=1, classes=2)
    own = model(network, network="ainu-small", share=0.5, **DETAIL)
    settings = attribution(methods=["integrated_gradients", "saliency"], steps=64, detail_nuclei="all")
    found = explain_detail(own, data, 1, 1, settings.methods, settings, 0)
    exact = found["integrated_gradients"]
    assert exact.values.shape == (len(data.points.of(1).position),)
    assert exact.error < 0.05
    assert found["saliency"].error is None
    with torch.inference_mode():
        margin = margin_of(logits(own, data, np.array([1]))["detail"], torch.tensor([1]))
        empty = margin_of(0.5 * network(torch.zeros(1, 1, 16, 16)).double(), torch.tensor([1]))
    assert np.isclose(exact.values.sum(), float(margin - empty), rtol=0.05, atol=1e-3)


def test_the_attribution_of_every_nucleus_by_overlapping_tiles_adds_up_within_five_percent():
    """Of nuclei of many tiles, against the margin that the prediction pools."""
    data = clustered(6)
    network = settled("ainu-small", (16, 16), channels=1, classes=2)
    own = model(network, network="ainu-small", **DETAIL)
    settings = attribution(methods=["integrated_gradients", "deep_lift"], steps=64)
    pooled = logits(own, data, np.arange(6))["detail"]
    with torch.inference_mode():
        empty = network(torch.zeros(1, 1, 16, 16)).double()
    for row in range(6):
        wanted = float(margin_of(pooled[row : row + 1], torch.tensor([1])) - margin_of(empty, torch.tensor([1])))
        for method, found in explain_detail(own, data, row, 1, settings.methods, settings, 0).items():
            error = abs(found.values.sum() - wanted) / np.abs(found.values).sum()
            assert error <= 0.05, (row, method)
            assert found.error == pytest.approx(error, abs=1e-3)


def test_a_localization_at_the_rim_of_a_tile_is_explained_in_the_middle_of_another(monkeypatch):
    """What the tilings say is averaged: each alone is another map."""
    data = clustered(2)
    own = model(settled("ainu-small", (16, 16), channels=1, classes=2), network="ainu-small", **DETAIL)
    settings = attribution(methods=["integrated_gradients"])
    found = {}
    for shifts in ((0.0,), (0.5,), detail_module.SHIFTS):
        monkeypatch.setattr(detail_module, "SHIFTS", shifts)
        found[shifts] = explain_detail(own, data, 0, 1, settings.methods, settings, 0)["integrated_gradients"].values
    alone, moved, both = found.values()
    mean = (alone + moved) / 2
    assert not np.allclose(alone, moved, atol=1e-4)
    change = (both - mean)[mean != 0] / np.abs(mean[mean != 0])
    assert np.allclose(change, np.median(change), atol=1e-3)
    assert abs(np.median(change)) < 0.3


def test_context_and_detail_are_explained_side_by_side(tmp_path):
    data = clustered(8)
    networks = [settled("ainu-small", (16, 16), channels=1, classes=2) for _ in range(2)]
    models = [
        both(
            model(networks[0], network="ainu-small", fold=fold, **DETAIL),
            model(networks[1], network="ainu-small", fold=fold, view="context"),
        )
        for fold in range(2)
    ]
    settings = attribution(methods=["integrated_gradients"], detail_nuclei=2)
    folds = data.table.assign(repeat=0, fold=np.arange(8) // 2 % 2)
    attribute(data, folds, models, settings, 0, tmp_path / "maps.h5")
    assert read_maps(tmp_path / "maps.h5")["integrated_gradients"].shape == data.image.shape
    with open_file(tmp_path / "maps.h5") as file:
        names = file["detail/nucleus"].asstr()[()].tolist()
        start, values = file["detail/start"][()], file["detail/integrated_gradients"][()]
    assert names == in_turn(folds, 2)["nucleus"].tolist()
    row = list(data.nucleus).index(names[0])
    target = int(data.codes(CLASSES)[row])
    wanted = explain_detail(models[0], data, row, target, settings.methods, settings, 0)
    assert np.allclose(values[: start[1]], wanted["integrated_gradients"].values, atol=1e-6)


def test_a_model_of_crops_alone_has_no_maps_but_explains_localizations(tmp_path):
    data = clustered(4)
    own = model(settled("ainu-small", (16, 16), channels=1, classes=2), network="ainu-small", **DETAIL)
    settings = attribution(methods=["integrated_gradients"])
    attribute(data, data.table.assign(repeat=0, fold=0), [own], settings, 0, tmp_path / "maps.h5")
    assert read_maps(tmp_path / "maps.h5") == {}
    assert 0 <= completeness_errors(tmp_path / "maps.h5")["integrated_gradients"] < 0.2
    with pytest.raises(AinuError, match="sees no whole nuclei"):
        explain(own, data.image[0])


@pytest.mark.parametrize(("number", "expected"), [(0, 0), (3, 3), ("all", 8)])
def test_nuclei_are_taken_in_turn_of_class_and_fold(number, expected):
    table = clustered(8).table
    folds = pd.concat([table.assign(repeat=repeat, fold=np.arange(8) // 2 % 2) for repeat in range(2)])
    found = in_turn(folds, number)
    assert len(found) == expected
    assert found["nucleus"].is_unique
    assert not found.head(4).duplicated(["label", "fold"]).any()
