"""The map of the nuclei: comparable between models, the same every time."""

import numpy as np
import pytest
import torch
from figure_texts import texts
from spots import CLASSES, both, clustered, dataset, folds_of, model, spots, tiny, trained

from ainu.evaluation.embedding_map import layout, picture, read_relative
from ainu.networks.model import make_network
from ainu.prediction.embedding import activations, relative_features, write_relative


def test_turning_the_axes_of_one_model_changes_nothing():
    """What a network's axes mean is arbitrary; turned ones hold the same."""
    network, _ = trained()
    data = dataset(*spots(16))
    folds = folds_of(data)
    turned = tiny()
    turned.load_state_dict(network.state_dict())
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for values in (turned[0].weight, turned[0].bias, turned[1].weight, turned[1].bias):
            values.copy_(values[order].clone())
        for values in (turned[1].running_mean, turned[1].running_var):
            values.copy_(values[order].clone())
    one = relative_features(data, folds, [model(network, fold=0), model(network, fold=1)], 1)
    other = relative_features(data, folds, [model(network, fold=0), model(turned.eval(), fold=1)], 1)
    assert one == pytest.approx(other, abs=1e-4)
    assert (np.abs(one) <= 1 + 1e-9).all()


def test_nuclei_of_one_class_lie_together():
    network, _ = trained()
    images, labels = spots(40)
    data = dataset(images, labels)
    values = relative_features(data, folds_of(data), [model(network, fold=0), model(network, fold=1)], 1)
    places = layout(values, seed=1)
    assert np.array_equal(places, layout(values, seed=1))
    away = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(40)
    assert (labels[away.argmin(axis=1)] == labels).mean() > 0.9
    shown = texts(picture(places, data.table, CLASSES))
    for text in ("by class", "by replicate", "dim", "bright", "r3"):
        assert text in shown


def test_each_view_is_as_large_in_the_embedding_as_its_share():
    data, rows = clustered(6), np.arange(6)
    crops = {"view": "detail", "network": "ainu-small", "shape": [32, 32], "voxel_nm": 20.0}
    detail = make_network("ainu-small", 1, 2, (32, 32), 1).eval()
    context = model(make_network("ainu-small", 1, 2, (16, 16), 2).eval(), view="context", network="ainu-small")
    one, half, none = (activations(both(model(detail, share=s, **crops), context), data, rows) for s in (1.0, 0.5, 0.0))
    width = one.shape[1] // 2
    assert np.allclose(half[:, :width], one[:, :width] / 2)
    assert not none[:, :width].any()
    assert one[:, :width].any()
    assert np.array_equal(half[:, width:], activations(context, data, rows))


def test_features_are_read_in_the_order_asked_for(tmp_path):
    data = dataset(*spots(6))
    values = np.arange(12.0).reshape(6, 2)
    write_relative(tmp_path / "e.h5", data, values)
    assert np.array_equal(read_relative(tmp_path / "e.h5", data.nucleus[::-1].tolist()), values[::-1])


def test_a_few_nuclei_have_no_map_and_the_picture_says_so():
    data = dataset(*spots(4))
    assert layout(np.zeros((4, 4)), seed=1) is None
    assert "too few nuclei for a map" in texts(picture(None, data.table, CLASSES))
