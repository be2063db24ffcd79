"""Weights to start from."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from defaults import design, transfer
from safetensors.torch import save_file
from spots import CLASSES, clustered, cross_validation, model, plain_weights, tiny, trained

from ainu import AinuError
from ainu.networks.model import load_model, make_network, save_model
from ainu.training.cross_validation import train_fold
from ainu.training.transfer import (
    allowed_model,
    initialise,
    match_channels,
    parameter_groups,
    weights_of_file,
)

SHAPE = (64, 64)


def saved(folder, fold: int, view: str = "image", **info):
    network = make_network("ainu-small", len(info.get("channels", ["DNA"])), 2, SHAPE, seed=fold)
    own = {"network": "ainu-small", "shape": list(SHAPE), "fold": fold} | info
    save_model(folder / f"{fold}", plain_weights(network, view), model(network, view=view, **own).info)
    return folder / f"{fold}"


def stem_of(folder, view: str = "image"):
    return load_model(folder).encoder(view).network.stem[0].weight


def test_initial_weights_never_come_from_a_model_that_saw_a_held_out_replicate(tmp_path):
    folders = [saved(tmp_path, k, training_replicates=seen) for k, seen in enumerate((["r1", "r2"], ["r3", "r4"]))]
    target = make_network("ainu-small", 1, 3, SHAPE, seed=9)
    origin = initialise(target, "image", transfer(), folders, {"r1"}, fold=0, channels=["DNA"])
    assert (origin["fold"], origin["tensors_left_random"]) == (1, 2)
    assert torch.equal(target.stem[0].weight, stem_of(folders[1]))
    with pytest.raises(AinuError, match="every one of its 2 models was trained on a replicate that is held out"):
        allowed_model([load_model(folder) for folder in folders], {"r1", "r3"}, fold=0)


def test_scratch_leaves_the_random_weights(tmp_path):
    folder = saved(tmp_path, 1)
    target, fresh = (make_network("ainu-small", 1, 2, SHAPE, seed=9) for _ in range(2))
    assert initialise(target, "image", transfer(mode="scratch"), [folder], set(), 0, ["DNA"]) is None
    assert torch.equal(target.stem[0].weight, fresh.stem[0].weight)


def test_filters_follow_their_channel_when_channels_differ_in_order_or_number(tmp_path, capsys):
    source = load_model(saved(tmp_path, 1, channels=["PolII", "DNA"]))
    target = make_network("ainu-small", 3, 2, SHAPE, seed=9)
    weights, matched = match_channels(source, "image", target, ["DNA", "H3", "PolII"])
    old, new = source.encoders[0].network.stem[0].weight, weights["stem.0.weight"]
    assert matched == {"DNA": "DNA", "H3": None, "PolII": "PolII"}
    assert torch.allclose(new[:, 0] * 1.5, old[:, 1])
    assert torch.allclose(new[:, 1] * 1.5, old.mean(1))
    assert {name: values.shape for name, values in weights.items()} == {
        name: values.shape for name, values in target.state_dict().items()
    }
    assert "first filters of DNA from DNA, H3 from the mean of all, PolII from PolII" in capsys.readouterr().err


def test_frozen_moves_the_last_layer_and_nothing_else():
    network = tiny()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    network.requires_grad_(False)
    network[-1].requires_grad_(True)
    _, done = trained(network=network, transfer=transfer(mode="frozen"))
    moved = {name for name, values in done.weights.items() if not torch.equal(values, before[name])}
    assert moved == {"6.weight", "6.bias"}


def test_each_view_starts_from_the_weights_of_its_own_kind_in_an_experiment_of_both(tmp_path):
    views = {"detail": {"voxel_nm": 20, "size_nm": 640}, "context": {"voxel_nm": 100}}
    data = clustered(16)
    recipe = {"steps": 2, "device": "cpu", "batch_size": 4}
    first = cross_validation(design(CLASSES, views=views, training=recipe), data)
    for fold in range(2):
        train_fold(first.fit(0, fold), tmp_path / f"{fold}", tmp_path / "speed.json")
    made = design(CLASSES, views=views, training=recipe, transfer={"mode": "frozen"})
    fit = replace(cross_validation(made, data).fit(0, 0), initial=[tmp_path / "0", tmp_path / "1"])
    trained_views, info = fit.run()
    for view, done in trained_views.items():
        assert torch.equal(done.weights["stem.0.weight"], stem_of(tmp_path / "0", view))
        assert info["views"][view]["initial"]["fold"] == 0
    assert not torch.equal(stem_of(tmp_path / "0", "detail"), stem_of(tmp_path / "0", "context"))


@pytest.mark.parametrize("view", ["detail", "context"])
def test_a_view_starts_from_the_one_network_of_a_model_of_another_view(tmp_path, view):
    folder = saved(tmp_path, 1)
    target = make_network("ainu-small", 1, 2, (32, 32), seed=9)
    initialise(target, view, transfer(), [folder], set(), 0, ["DNA"])
    assert torch.equal(target.stem[0].weight, stem_of(folder))


@pytest.mark.parametrize(("held", "wanted"), [("detail", "detail"), ("image", "detail")])
def test_the_file_of_a_model_gives_the_weights_of_its_view_or_of_the_one_that_it_has(tmp_path, held, wanted):
    folder = saved(tmp_path, 1, view=held)
    target = make_network("ainu-small", 1, 2, (32, 32), seed=9)
    given = transfer(weights=str(folder / "model.safetensors"))
    origin = initialise(target, wanted, given, [], set(), 0, ["DNA"])
    assert origin["tensors_left_random"] == 0
    assert torch.equal(target.stem[0].weight, stem_of(folder, held))


def test_layer_wise_rates_fall_from_the_last_stage_to_the_first():
    groups = parameter_groups(make_network("ainu-small", 1, 2, SHAPE, 1), 0.1, transfer(layer_decay=0.5))
    rates = [group["lr"] for group in groups]
    assert rates[-1] == 0.1
    assert all(early == late / 2 for early, late in pairwise(rates))
    count = sum(values.numel() for group in groups for values in group["params"])
    assert count == sum(v.numel() for v in make_network("ainu-small", 1, 2, SHAPE, 1).parameters())


def test_pretrained_weights_of_three_channels_start_a_network_of_two(tmp_path):
    source = dict(make_network("densenet121", 3, 10, SHAPE, seed=1).state_dict())
    renamed = {name.replace(".layers.", "."): values for name, values in source.items()}
    save_file(renamed, tmp_path / "imagenet.safetensors")
    target = make_network("densenet121", 2, 2, SHAPE, seed=2)
    given = transfer(weights=str(tmp_path / "imagenet.safetensors"))
    origin = initialise(target, "context", given, [], set(), 0, ["a", "b"])
    assert origin["tensors_left_random"] == 2
    first = target.state_dict()["features.conv0.weight"]
    assert torch.allclose(first.sum(1), source["features.conv0.weight"].sum(1), atol=1e-5)
    with pytest.raises(AinuError, match=r"only \d+ of \d+ tensors"):
        weights_of_file(tmp_path / "imagenet.safetensors", "image", make_network("vgg", 2, 2, SHAPE, seed=1))
    (tmp_path / "no.safetensors").write_bytes(b"pickle")
    with pytest.raises(AinuError, match="no readable weights"):
        weights_of_file(tmp_path / "no.safetensors", "image", target)
