"""The networks of the catalogue, what they see of counts, and how they lie on disk."""

import re

import numpy as np
import pytest
import torch
from spots import both, model, plain_weights
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from ainu import AinuError
from ainu.networks.ainu_small import NEIGHBOURHOODS, PAIR_MAPS, Pairs, gaussian
from ainu.networks.catalogue import CATALOGUE
from ainu.networks.model import (
    Margin,
    features,
    first_filters,
    last_layer,
    load_model,
    make_network,
    normalise,
    save_model,
    weights_of_view,
)
from ainu.networks.seen import CONTEXT, DETAIL, Seen

OF_MKL = re.compile("a?(sin|cos|tan)|(sin|cos|tan)h|erfc?|exp(m1)?|lgamma|log(10|1p|2)?|sqrt")
"""Operations whose first call, if from several threads at once, may be less exact than all others."""


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize(("channels", "shape"), [(1, (64, 64)), (3, (32, 32, 32))])
def test_every_network_takes_any_number_of_channels_in_two_and_three_dimensions(name, channels, shape):
    network = make_network(name, channels, 3, shape, seed=1).eval()
    with torch.inference_mode():
        images = torch.rand(1, channels, *shape)
        assert network(images).shape == (1, 3)
        assert features(network, images).shape == (1, last_layer(network).in_features)


class Called(TorchDispatchMode):
    """Collects the names of the operations inside."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, operation, types, given=(), options=None):
        self.names.add(operation.overloadpacket.__name__.removesuffix("_"))
        return operation(*given, **(options or {}))


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_network_calls_functions_of_mkl_whose_first_call_may_differ(name):
    network = make_network(name, 2, 2, (64, 64), seed=1)
    with Called() as called:
        nn.functional.cross_entropy(network(torch.rand(4, 2, 64, 64)), torch.tensor([0, 1, 0, 1])).backward()
    assert not list(filter(OF_MKL.fullmatch, called.names))
    assert "addmm" in called.names


@pytest.mark.parametrize("name", ["ainu-small", "vgg", "vit"])
def test_networks_follow_from_their_seed_and_every_weight_learns(name):
    network, same, other = (make_network(name, 2, 2, (64, 64), seed=seed) for seed in (3, 3, 4))
    weights = [torch.cat([values.flatten() for values in net.parameters()]) for net in (network, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    nn.functional.cross_entropy(network(torch.rand(4, 2, 64, 64)), torch.tensor([0, 1, 0, 1])).backward()
    used = {name: values for name, values in network.named_parameters() if "cross_attn" not in name}
    assert all(values.grad is not None and values.grad.any() for values in used.values())


def test_the_compact_network_costs_a_tenth_of_densenet121():
    from torch.utils.flop_counter import FlopCounterMode

    def cost(name):
        network = make_network(name, 2, 2, (128, 128), seed=1).eval()
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network(torch.zeros(1, 2, 128, 128))
        return counter.get_total_flops()

    assert cost("ainu-small") <= 0.1 * cost("densenet121")


def test_images_that_are_too_small_for_a_network_are_refused():
    with pytest.raises(AinuError, match="images of 16 x 16 voxels are too small for this network, which needs 32 x 32"):
        make_network("resnet18", 1, 2, (16, 16), seed=1)


def test_normalisation_does_not_see_how_many_localizations_there_are():
    counts = np.random.default_rng(0).integers(0, 9, (2, 2, 8, 8)).astype(np.uint16)
    assert torch.allclose(normalise(counts), normalise(counts * 7), atol=1e-6)
    assert not normalise(np.zeros((1, 1, 4, 4), np.uint16)).any()


def test_logarithmic_intensity_keeps_how_dense_the_localizations_are():
    counts = np.random.default_rng(0).integers(1, 9, (2, 2, 8, 8)).astype(np.uint16)
    assert torch.allclose(normalise(counts, "log"), torch.log1p(torch.as_tensor(counts.astype(np.float32))))


@pytest.mark.parametrize("intensity", ["share", "log"])
def test_crops_are_divided_by_the_mean_that_is_given_and_not_by_their_own(intensity):
    counts = np.random.default_rng(0).integers(0, 9, (2, 2, 8, 8)).astype(np.float32)
    mean = np.array([[0.5, 2.0], [4.0, 0.25]])
    seen = normalise(counts, intensity, mean)
    wanted = np.log1p(counts) if intensity == "log" else np.sqrt(counts / mean[:, :, None, None])
    assert np.allclose(seen, wanted, atol=1e-6)
    assert not normalise(np.zeros((1, 1, 4, 4)), intensity, np.zeros((1, 1))).any()


def test_a_saved_model_predicts_the_same(tmp_path):
    network = make_network("densenet121", 1, 2, (64, 64), seed=3).eval()
    save_model(tmp_path / "m", plain_weights(network), model(network, shape=[64, 64]).info)
    images = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(load_model(tmp_path / "m").encoders[0].network(images), network(images), atol=1e-5)


def test_a_model_of_two_views_comes_back_with_both_networks(tmp_path):
    detail, context = (make_network("ainu-small", 1, 2, shape, seed=3).eval() for shape in ((4, 32, 32), (16, 16)))
    made = both(
        model(detail, view=DETAIL, share=0.25, network="ainu-small", shape=[4, 32, 32], voxel_nm=20.0, voxel_z_nm=50.0),
        model(context, view=CONTEXT, network="ainu-small"),
    )
    weights = plain_weights(detail, DETAIL) | plain_weights(context, CONTEXT)
    save_model(tmp_path / "m", weights, made.info)
    found = load_model(tmp_path / "m")
    assert len(found.encoders) == 2
    assert found.encoder(DETAIL).seen == Seen(DETAIL, (4, 32, 32), 20.0, 50.0)
    assert found.encoder(CONTEXT).seen == Seen(CONTEXT, (16, 16), 100.0)
    assert (found.encoder(DETAIL).share, found.encoder(CONTEXT).share) == (0.25, 1.0)
    assert found.whole is found.encoder(CONTEXT)
    assert found.encoder("image") is None
    for view, network in ((DETAIL, detail), (CONTEXT, context)):
        own = found.encoder(view).network.state_dict()
        assert all(torch.equal(own[name], values) for name, values in network.state_dict().items())
        assert weights_of_view(weights, view).keys() == own.keys()


def test_a_model_of_crops_alone_sees_no_whole_nucleus():
    network = make_network("ainu-small", 1, 2, (32, 32), seed=3).eval()
    assert model(network, view=DETAIL, network="ainu-small", shape=[32, 32]).whole is None


def test_the_margin_of_a_view_is_as_large_as_its_share():
    network = nn.Sequential(nn.Linear(3, 3, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(3))
    logits, target = torch.tensor([[3.0, 1.0, 2.0], [0.0, 0.0, 6.0]]), torch.tensor([0, 2])
    assert Margin(network)(logits, target).tolist() == [1.5, 6.0]
    assert Margin(network, 0.5)(logits, target).tolist() == [0.75, 3.0]


def test_the_first_filters_of_every_network_read_the_image():
    for name in CATALOGUE:
        network = make_network(name, 3, 2, (64, 64), seed=1)
        names = first_filters(network)
        assert names
        assert all(network.state_dict()[own].shape[1] == 3 for own in names)
        # No other weight holds a channel of the image.
        other = make_network(name, 4, 2, (64, 64), seed=1).state_dict()
        differing = {own for own, value in network.named_parameters() if value.shape != other[own].shape}
        assert differing == set(names)


@pytest.mark.parametrize("shape", [(40, 40), (12, 40, 40)])
def test_the_compact_network_counts_pairs_by_distance(shape):
    pairs = Pairs(1, len(shape)).eval()
    for mix in pairs.mix:
        nn.init.ones_(mix.weight)

    def seen(*places):
        image = torch.zeros(1, 1, *shape)
        for place in places:
            image[0, 0][place] = 1
        return pairs(image).sum(dim=tuple(range(2, 2 + len(shape))))[0, ::PAIR_MAPS]

    middle = tuple(edge // 2 for edge in shape)
    assert not seen(middle).any()  # a voxel is no pair of its own
    near, far, none = (seen(middle, (*middle[:-1], middle[-1] + d)) for d in (1, 5, 19))
    weights = torch.tensor([gaussian(deviation)[len(gaussian(deviation)) // 2 + 1] for deviation in NEIGHBOURHOODS])
    others = [torch.ones(3)] if len(shape) == 2 else [gaussian(deviation / 2).max() for deviation in NEIGHBOURHOODS]
    upright = torch.stack([gaussian(deviation).max() for deviation in NEIGHBOURHOODS])
    deep = torch.tensor([float(own) for own in others]) if len(shape) == 3 else others[0]
    cells = 2 ** len(shape)  # the mean of so many voxels goes into one
    torch.testing.assert_close(near * cells, 2 * weights * upright * deep, rtol=1e-3, atol=1e-5)
    assert far[0] == 0 < far[2] < near[2]
    assert not none.any()


def test_a_missing_or_damaged_model_is_named(tmp_path):
    with pytest.raises(AinuError, match="no readable model"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(AinuError, match="no readable model"):
        load_model(tmp_path)
