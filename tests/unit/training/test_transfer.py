"""Weights to start from."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from defaults import design, transfer
from safetensors.torch import save_file
from spots import CLASSES, cross_validation, dataset, model, plain_weights, spots, tiny, trained

from ainu import AinuError
from ainu.images.views import views_of
from ainu.networks.model import load_model, make_network, save_model
from ainu.training.transfer import (
    allowed_model,
    initialise,
    match_channels,
    parameter_groups,
    weights_of_file,
)

SHAPE = (64, 64)


def saved(folder, fold: int, **info):
    network = make_network("ainu-small", len(info.get("channels", ["DNA"])), 2, SHAPE, seed=fold)
    own = {"network": "ainu-small", "shape": list(SHAPE), "fold": fold} | info
    save_model(folder / f"{fold}", plain_weights(network), model(network, **own).info)
    return folder / f"{fold}"


def test_initial_weights_never_come_from_a_model_that_saw_a_held_out_replicate(tmp_path):
    folders = [saved(tmp_path, k, training_replicates=seen) for k, seen in enumerate((["r1", "r2"], ["r3", "r4"]))]
    target = make_network("ainu-small", 1, 3, SHAPE, seed=9)
    origin = initialise(target, transfer(), folders, {"r1"}, fold=0, channels=["DNA"])
    assert (origin["fold"], origin["tensors_left_random"]) == (1, 2)
    assert torch.equal(target.stem[0].weight, load_model(folders[1]).network.stem[0].weight)
    with pytest.raises(AinuError, match="every one of its 2 models was trained on a replicate that is held out"):
        allowed_model([load_model(folder) for folder in folders], {"r1", "r3"}, fold=0)


def test_scratch_leaves_the_random_weights(tmp_path):
    folder = saved(tmp_path, 1)
    target, fresh = (make_network("ainu-small", 1, 2, SHAPE, seed=9) for _ in range(2))
    assert initialise(target, transfer(mode="scratch"), [folder], set(), 0, ["DNA"]) is None
    assert torch.equal(target.stem[0].weight, fresh.stem[0].weight)


def test_filters_follow_their_channel_when_channels_differ_in_order_or_number(tmp_path, capsys):
    source = load_model(saved(tmp_path, 1, channels=["PolII", "DNA"]))
    target = make_network("ainu-small", 3, 2, SHAPE, seed=9)
    weights, matched = match_channels(source, target, ["DNA", "H3", "PolII"])
    old, new = source.network.stem[0].weight, weights["stem.0.weight"]
    assert matched == {"DNA": "DNA", "H3": None, "PolII": "PolII"}
    assert torch.allclose(new[:, 0] * 1.5, old[:, 1])
    assert torch.allclose(new[:, 1] * 1.5, old.mean(1))
    assert "first filters of DNA from DNA, H3 from the mean of all, PolII from PolII" in capsys.readouterr().err


def test_frozen_moves_the_last_layer_and_nothing_else():
    network = tiny()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    network.requires_grad_(False)
    network[-1].requires_grad_(True)
    _, done = trained(network=network, transfer=transfer(mode="frozen"))
    moved = {name for name, values in done.weights.items() if not torch.equal(values, before[name])}
    assert moved == {"6.weight", "6.bias"}


@pytest.mark.parametrize(("mode", "as_they_are"), [("frozen", True), ("finetune", False)])
def test_filters_that_do_not_move_see_nuclei_unsmoothed(mode, as_they_are):
    """Else the last layer learns from features that no nucleus has: balanced accuracy 0.66 instead of 0.80."""
    data = dataset(*spots(16))
    fit = cross_validation(design(CLASSES, augmentation={"shift_nm": 150.0}, transfer={"mode": mode}), data).fit(0, 0)
    inputs = views_of(data, "ainu-small", "share", fit.augmentation())
    turned, plain = inputs.batch(fit.rows, np.random.default_rng(0)), inputs.batch(fit.rows)
    assert not torch.equal(turned, plain)
    values = [torch.sort(images.flatten(1)).values for images in (turned, plain)]
    assert torch.allclose(*values, atol=1e-3) == as_they_are


def test_layer_wise_rates_fall_from_the_last_stage_to_the_first():
    groups = parameter_groups(make_network("ainu-small", 1, 2, SHAPE, 1), 0.1, transfer(layer_decay=0.5))
    rates = [group["lr"] for group in groups]
    assert rates[-1] == 0.1
    assert all(early == late / 2 for early, late in pairwise(rates))
    count = sum(values.numel() for group in groups for values in group["params"])
    assert count == sum(v.numel() for v in make_network("ainu-small", 1, 2, SHAPE, 1).parameters())


def test_pretrained_weights_of_three_channels_start_a_network_of_two(tmp_path):
    source = plain_weights(make_network("densenet121", 3, 10, SHAPE, seed=1))
    renamed = {name.replace(".layers.", "."): values for name, values in source.items()}
    save_file(renamed, tmp_path / "imagenet.safetensors")
    target = make_network("densenet121", 2, 2, SHAPE, seed=2)
    origin = initialise(target, transfer(weights=str(tmp_path / "imagenet.safetensors")), [], set(), 0, ["a", "b"])
    assert origin["tensors_left_random"] == 2
    first = target.state_dict()["features.conv0.weight"]
    assert torch.allclose(first.sum(1), source["features.conv0.weight"].sum(1), atol=1e-5)
    with pytest.raises(AinuError, match=r"only \d+ of \d+ tensors"):
        weights_of_file(tmp_path / "imagenet.safetensors", make_network("vgg", 2, 2, SHAPE, seed=1))
    (tmp_path / "no.safetensors").write_bytes(b"pickle")
    with pytest.raises(AinuError, match="no readable weights"):
        weights_of_file(tmp_path / "no.safetensors", target)
