"""Runs of a sweep."""

import pytest

from ainu.settings.sweep import expand


def test_a_sweep_makes_every_combination_with_a_readable_name():
    over = {"network": ["vgg", "vit"], "training.steps": [5, 10]}
    made = expand({"x": {"folds": 3, "training": {"batch_size": 4}, "sweep": {"over": over}}, "y": None})
    assert list(made) == ["x", *(f"x--network-{net}--steps-{k}" for net in ("vgg", "vit") for k in (5, 10)), "y"]
    run = made["x--network-vit--steps-10"]
    assert run == {"folds": 3, "training": {"batch_size": 4, "steps": 10}, "network": "vit"}


@pytest.mark.parametrize(
    ("value", "name"),
    [(0.001, "a-0.001"), (["PolII", "DNA"], "a-PolII-DNA"), ({"flip": True, "rotate": "any"}, "a-True-any")],
)
def test_values_of_any_kind_give_names_that_files_can_have(value, name):
    assert list(expand({"x": {"sweep": {"over": {"b.a": [value]}}}}))[1] == f"x--{name}"
