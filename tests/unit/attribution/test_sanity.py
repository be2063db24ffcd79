"""Checks of attribution methods, on a network that looks for a planted spot and for nothing else."""

import numpy as np
import pandas as pd
import pytest
import torch
from defaults import attribution
from hypothesis import given, settings
from hypothesis import strategies as st
from spots import Finder, both, dataset, folds_of, model, spots, tiny

from ainu.attribution.captum_methods import Explainer, randomised
from ainu.attribution.perturbation import probe
from ainu.attribution.sanity import (
    SHARES,
    agreement,
    examine,
    infidelity,
    kept_after,
    kept_at_random,
    losses,
    rank_correlation,
    removal_curves,
    removal_order,
    similarity,
)
from ainu.attribution.scorecard import score
from ainu.networks.model import make_network

QUICK = attribution(steps=4, samples=2)


@pytest.fixture(scope="module")
def data():
    return dataset(*spots(16))


@pytest.fixture(scope="module")
def finders():
    """A network per fold, much the same."""
    return [model(Finder(0.01, fold).eval(), fold=fold) for fold in range(2)]


def examined(data, models, methods, nuclei, explain=None, folds=None):
    settings = attribution(steps=4, samples=2, methods=methods, sanity_nuclei=nuclei)
    return examine(data, folds_of(data) if folds is None else folds, models, settings, 0, explain)


def scored(data, models, method="integrated_gradients", explain=None, nuclei=8, completeness=None):
    found = examined(data, models, [method], nuclei, explain)
    return score(found, {method: completeness})["methods"][0]


@pytest.fixture(scope="module")
def bright(data, finders):
    return probe(Explainer.of(finders[0].whole, data, QUICK, 0), data, 1, 1)


def test_a_faithful_method_passes(data, finders):
    row = scored(data, finders)
    assert (row["verdict"], row["reasons"]) == ("passes", [])
    assert row["deletion"] < row["deletion_brightest"] < row["deletion_random"]
    assert row["agreement"] > 0.5
    assert abs(row["randomisation"]) < 0.5


def test_a_constant_map_fails(data, finders):
    row = scored(data, finders, "saliency", lambda probe, _method: np.ones(probe.image.shape, np.float32))
    assert row["verdict"] == "fails"
    assert "the map is constant" in row["reasons"]
    assert any("weights are randomised" in reason for reason in row["reasons"])


def test_a_map_that_does_not_depend_on_the_network_fails(data, finders):
    def edges(probe, _method):
        return np.abs(np.diff(probe.image, axis=-1, prepend=0)).astype(np.float32)

    row = scored(data, finders, "saliency", edges)
    assert row["verdict"] == "fails"
    assert any("hardly changes when weights are randomised" in reason for reason in row["reasons"])


def test_maps_of_a_randomised_network_fail_for_the_trained_one(data, finders):
    def wrong(probe, method):
        network = randomised(probe.explainer.encoder.network, 1.0, seed=len(probe.name))
        other = Explainer.of(model(network).whole, data, QUICK, 0)
        return -np.abs(probe.by(other).attribution(method))

    row = scored(data, finders, explain=wrong)
    assert row["verdict"] == "fails"
    assert any("removing localizations in the order of the map" in reason for reason in row["reasons"])


def test_networks_that_look_at_other_things_do_not_agree(data, finders):
    opposite = Finder()
    opposite.head.weight.data *= -1
    row = scored(data, [finders[0], model(opposite.eval(), fold=1)])
    assert any("maps disagree between folds" in reason for reason in row["reasons"])


def test_a_large_completeness_error_is_a_reason_to_fail(data, finders):
    row = scored(data, finders, completeness=0.2)
    assert row["reasons"] == ["completeness error 20 % (limit 5 %)"]


def test_the_better_method_ranks_first_and_the_failing_one_stays_on_the_card(data, finders):
    def explain(probe, method):
        found = probe.attribution("integrated_gradients")
        return found if method == "integrated_gradients" else -found

    methods = ["saliency", "integrated_gradients"]
    found = examined(data, finders, methods, 4, explain)
    card = score(found, dict.fromkeys(methods))
    assert [(row["method"], row["rank"], row["verdict"]) for row in card["methods"]] == [
        ("integrated_gradients", 1, "passes"),
        ("saliency", 2, "fails"),
    ]
    assert card["best"] == "integrated_gradients"


def test_without_nuclei_nothing_is_judged(data, finders):
    card = score(examined(data, finders, ["saliency"], 0), {"saliency": None})
    assert card == {
        "methods": [{"method": "saliency", "reasons": [], "verdict": None}],
        "best": "saliency",
        "nuclei": 0,
    }


def test_repeats_that_held_out_the_same_nucleus_are_compared(data, finders):
    folds = folds_of(data)
    twice = pd.concat([folds, folds.assign(repeat=1)])
    models = [*finders, *(model(Finder(0.01, 9).eval(), repeat=1, fold=fold) for fold in range(2))]
    found = examined(data, models, ["integrated_gradients"], 2, folds=twice)
    assert found["methods"]["integrated_gradients"]["agreement_repeats"] > 0.5
    assert len(found["nuclei"]) == len(set(found["nuclei"])) == 2


def test_two_runs_give_the_same_numbers(data, finders):
    one, other = (examined(data, finders, ["deep_lift"], 2) for _ in range(2))
    assert one == other


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(0, 2**31))
def test_removal_takes_that_share_of_the_localizations_from_the_top(counts, seed):
    rng = np.random.default_rng(seed)
    own, values = np.array(counts, float), rng.normal(size=len(counts))
    order = removal_order(values, rng)
    assert (np.diff(values[order]) <= 0).all()
    for kept in (kept_after(own, order, SHARES), kept_at_random(own, SHARES, rng)):
        assert ((kept >= 0) & (kept <= own)).all()
        assert (np.diff(kept, axis=0) <= 0).all()
        assert np.allclose(kept.sum(1), (1 - np.array(SHARES)) * own.sum(), atol=1)
        assert np.array_equal(kept[0], own)
        assert not kept[-1].any()


def test_curves_run_between_the_whole_and_the_empty_nucleus(bright):
    curves = removal_curves(bright, kept_after(bright.counts, np.arange(len(bright.counts)), SHARES))
    whole, empty = 1 / (1 + np.exp(-bright.margins(np.stack([bright.counts, 0 * bright.counts]))))
    assert np.allclose([curves["deletion"][0], curves["insertion"][-1]], whole)
    assert np.allclose([curves["deletion"][-1], curves["insertion"][0]], empty)


def test_what_is_left_is_normalised_again(bright):
    half = bright.margins(np.stack([bright.counts, bright.counts / 2]))
    assert np.allclose(half[0], half[1], rtol=1e-4)


def test_infidelity_is_captums_as_a_share_of_that_of_an_empty_map(bright):
    from captum.metrics import infidelity as captums

    rng = np.random.default_rng(0)
    values = rng.normal(size=len(bright.counts))
    lost, fall = losses(bright, rng)

    def perturbed(inputs):
        moved = torch.as_tensor(lost, dtype=torch.float32)
        return moved, inputs - moved

    def forward(inputs):
        return torch.as_tensor(bright.margins(inputs.double().numpy()), dtype=torch.float32)

    given = torch.as_tensor(bright.counts, dtype=torch.float32)[None]
    maps = torch.as_tensor(values, dtype=torch.float32)[None]
    wanted = captums(forward, perturbed, given, maps, n_perturb_samples=len(lost), normalize=True)
    assert infidelity(values, lost, fall) <= 1
    if infidelity(values, lost, fall) < 1:
        assert np.isclose(infidelity(values, lost, fall), float(wanted) / np.mean(fall**2), rtol=1e-3)
    assert infidelity(np.zeros(len(values)), lost, fall) == 1
    linear = lost @ np.abs(values)
    assert np.isclose(infidelity(np.abs(values), lost, 3 * linear), 0, atol=1e-9)


def test_randomising_starts_at_the_last_layer_and_keeps_the_spread_of_weights():
    network = make_network("ainu-small", 1, 2, (16, 16), seed=0)
    top, whole = randomised(network, 0.05, 1), randomised(network, 1.0, 1)
    assert not torch.equal(top.head[1].weight, network.head[1].weight)
    assert torch.equal(top.stem[0].weight, network.stem[0].weight)
    assert not torch.equal(whole.stem[0].weight, network.stem[0].weight)
    for old, new in zip(network.parameters(), whole.parameters(), strict=True):
        assert torch.equal(old.flatten().sort().values, new.flatten().sort().values)


def test_similarity_and_rank_correlation_know_the_same_map_and_another():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 1, 32, 32)).astype(np.float32)
    assert np.isclose(similarity(one, one), 1)
    assert similarity(one, other) < 0.3
    assert np.isclose(rank_correlation(one.ravel(), one.ravel() ** 3), 1)
    assert abs(rank_correlation(one.ravel(), other.ravel())) < 0.2
    assert rank_correlation(np.ones(4), np.ones(4)) == 1
    assert rank_correlation(np.ones(4), np.arange(4)) == 0


def test_agreement_is_measured_at_the_resolution_of_blocks(bright):
    rng = np.random.default_rng(0)
    coarse = np.round(bright.position[:, 0] / 800) + 0.0
    noisy = [coarse + rng.normal(size=len(coarse)) for _ in range(2)]
    assert agreement(bright, coarse, coarse) == pytest.approx(1)
    assert agreement(bright, *noisy) > rank_correlation(*noisy)


def test_the_context_is_checked_and_a_model_of_crops_alone_is_not(data, finders):
    crops = [model(tiny().eval(), view="detail", fold=fold) for fold in range(2)]
    two = [both(own, replaced) for own, replaced in zip(crops, in_context(finders), strict=True)]
    found = examined(data, two, ["integrated_gradients"], 2)
    assert found["methods"] == examined(data, in_context(finders), ["integrated_gradients"], 2)["methods"]
    none = examined(data, crops, ["integrated_gradients"], 2)
    assert (none["methods"], none["nuclei"]) == ({}, [])
    assert score(none, {"integrated_gradients": 0.01})["best"] == "integrated_gradients"


def in_context(models):
    """The same networks as contexts beside a detail."""
    return [model(own.whole.network, view="context", fold=own.info["fold"]) for own in models]
