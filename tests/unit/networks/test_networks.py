"""The networks of the catalogue, what they see of counts, and how they lie on disk."""

import re

import numpy as np
import pytest
import torch
from spots import model, plain_weights
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from ainu import AinuError
from ainu.networks.catalogue import CATALOGUE, POINT_NETWORKS
from ainu.networks.model import features, last_layer, load_model, make_network, normalise, save_model

IMAGE_NETWORKS = [name for name in CATALOGUE if name not in POINT_NETWORKS]
OF_MKL = re.compile("a?(sin|cos|tan)|(sin|cos|tan)h|erfc?|exp(m1)?|lgamma|log(10|1p|2)?|sqrt")
"""Operations whose first call, if from several threads at once, may be less exact than all others."""


@pytest.mark.parametrize("name", IMAGE_NETWORKS)
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
    shape = (4, 32, 8, 2 * (2 + 2)) if name in POINT_NETWORKS else (4, 2, 64, 64)
    network = make_network(name, 2, 2, (64, 64), seed=1)
    with Called() as called:
        nn.functional.cross_entropy(network(torch.rand(shape)), torch.tensor([0, 1, 0, 1])).backward()
    assert not list(filter(OF_MKL.fullmatch, called.names))
    assert "addmm" in called.names


@pytest.mark.parametrize("name", ["ainu-small", "vgg", "vit", "neighbourhoods"])
def test_networks_follow_from_their_seed_and_every_weight_learns(name):
    network, same, other = (make_network(name, 2, 2, (64, 64), seed=seed) for seed in (3, 3, 4))
    weights = [torch.cat([values.flatten() for values in net.parameters()]) for net in (network, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    shape = (4, 32, 8, 2 * (2 + 2)) if name in POINT_NETWORKS else (4, 2, 64, 64)
    nn.functional.cross_entropy(network(torch.rand(shape)), torch.tensor([0, 1, 0, 1])).backward()
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


def test_a_point_network_does_not_depend_on_the_order_of_localizations():
    network = make_network("neighbourhoods", 1, 2, (16, 16), seed=1).eval()
    sets = torch.randn(1, 40, 8, 6)
    mixed = sets[:, torch.randperm(40)][:, :, torch.randperm(8)]
    with torch.inference_mode():
        assert torch.allclose(network(sets), network(mixed), atol=1e-5)


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


def test_a_saved_model_predicts_the_same(tmp_path):
    network = make_network("densenet121", 1, 2, (64, 64), seed=3).eval()
    save_model(tmp_path / "m", plain_weights(network), model(network, shape=[64, 64]).info)
    images = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(load_model(tmp_path / "m").network(images), network(images), atol=1e-5)


def test_a_missing_or_damaged_model_is_named(tmp_path):
    with pytest.raises(AinuError, match="no readable model"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(AinuError, match="no readable model"):
        load_model(tmp_path)
