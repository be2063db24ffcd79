"""What a nucleus says, pooled over all that a network is shown of it."""

from functools import partial

import numpy as np
import pytest
import torch
from defaults import augmentation
from spots import both, clustered, model
from torch import nn

from ainu.images import views as views_module
from ainu.images.views import view_of
from ainu.networks.model import make_network
from ainu.networks.seen import CONTEXT, DETAIL, Seen
from ainu.prediction.ensemble import logits, probabilities
from ainu.prediction.pooling import logits_of, pooled

ROWS = np.arange(6)


def crops(size: int = 32, **changes):
    return view_of(clustered(6), Seen(DETAIL, (size, size), 20.0), "share", augmentation(**changes))


def small(seed: int = 1, size: int = 32) -> nn.Module:
    return make_network("ainu-small", 1, 2, (size, size), seed)


def total(seen: torch.Tensor) -> torch.Tensor:
    """(b, 1) how much a tile holds."""
    return seen.pow(2).flatten(1).sum(1, keepdim=True)


def test_logits_are_the_mean_over_tiles_by_their_weights():
    views, network = crops(), small().eval()
    found = logits_of(network, views, ROWS)
    for row in ROWS:
        tiles = views.tiles(int(row))
        with torch.inference_mode():
            wanted = (network(tiles.seen).double() * tiles.weight.double()[:, None]).sum(0)
        assert torch.allclose(found[row], wanted, atol=1e-5)
    assert len({len(views.tiles(int(row)).seen) for row in ROWS} | {1}) > 1


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_pooled_logits_do_not_depend_on_how_many_tiles_are_seen_at_a_time(monkeypatch, size):
    views, network = crops(), small()
    wanted = logits_of(network, views, ROWS)
    monkeypatch.setattr(views_module, "TILES", size)
    assert torch.allclose(logits_of(network, views, ROWS), wanted, atol=1e-5)
    assert torch.allclose(logits_of(network, views, ROWS[::-1].copy()), wanted.flip(0), atol=1e-5)


def test_what_is_the_same_in_every_tile_is_pooled_to_itself_however_many_there_are():
    for size in (16, 32, 128):
        views = crops(size)
        network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
        with torch.no_grad():
            network[2].weight.zero_()
        assert torch.allclose(logits_of(network, views, ROWS), network[2].bias.double().expand(6, 2), atol=1e-6)


def test_no_tile_without_localizations_is_seen():
    views = crops()
    found = pooled(lambda seen: (total(seen) == 0).float(), views, ROWS)
    assert not found.any()


def test_augmented_copies_follow_from_their_seed():
    views, network = crops(), small()
    one, same, other = (logits_of(network, views, ROWS, copy=[1, draw]) for draw in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    alone = logits_of(network, views, ROWS[[3]], copy=[1, 0])
    assert torch.allclose(alone[0], one[3], atol=1e-5)


def test_the_logits_of_a_model_are_the_sum_of_those_of_its_views_by_their_shares():
    data, detail, context = clustered(6), small(1), small(2, 16)
    parts = [
        model(detail.eval(), view=DETAIL, share=0.3, network="ainu-small", shape=[32, 32], voxel_nm=20.0),
        model(context.eval(), view=CONTEXT, share=1.0, network="ainu-small"),
    ]
    found = logits(both(*parts), data, ROWS)
    own = [logits_of(part.encoders[0].network, view_of_part(part, data), ROWS) for part in parts]
    assert torch.equal(found[DETAIL], 0.3 * own[0])
    assert torch.equal(found[CONTEXT], own[1])
    wanted = (0.3 * own[0] + own[1]).softmax(1)
    assert np.allclose(probabilities(both(*parts), data, ROWS), wanted, atol=1e-12)


def view_of_part(part, data):
    encoder = part.encoders[0]
    return view_of(data, encoder.seen, encoder.intensity, augmentation())


def test_copies_are_averaged_as_logits_of_each_view():
    data, network = clustered(6), small().eval()
    own = {"network": "ainu-small", "shape": [32, 32], "voxel_nm": 20.0}
    made = model(network, view=DETAIL, augmentation={"test_time": 3}, **own)
    views = view_of_part(made, data)
    copies = [logits_of(network, views, ROWS, copy=[made.info["seed"], draw]) for draw in range(3)]
    assert torch.allclose(logits(made, data, ROWS)[DETAIL], torch.stack(copies).mean(0), atol=1e-9)


def test_the_network_is_asked_in_evaluation_mode_and_without_gradients():
    network = small().train()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    found = logits_of(network, crops(), ROWS)
    assert not network.training
    assert not found.requires_grad
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
    again = pooled(partial(network), crops(), ROWS)
    assert torch.equal(found, again)
