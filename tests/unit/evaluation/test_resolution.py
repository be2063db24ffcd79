"""The resolution audit names the scale of the evidence, from classifiers trained anew at every level of blur."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from audited import CLASSES, evidence, informative, predictions
from figure_texts import texts

from ainu import find_nuclei
from ainu.evaluation.blurred_features import EFFORT, blurred_features
from ainu.evaluation.features import Window, nucleus_features
from ainu.evaluation.resolution import LIGHT_ENOUGH, NEEDED, NOTHING, UNDECIDED, audit, classified, halfway
from ainu.evaluation.resolution_figure import picture
from ainu.images.blur import LIGHT, Blur, levels_of_blur
from ainu.simulation.fields import simulate
from ainu.simulation.pairs import pair

LEVELS_NM = (20, 50, 100, 250)
NUCLEI = 16


@cache
def nucleus(kind, label, seed):
    """A simulated nucleus and its outline."""
    table, _ = simulate(pair(kind)[label], seed, replicate=f"r{seed % 4}")
    found = find_nuclei(table)
    return table[found.label == 1], Window.of(found, 1)


def simulated(kind):
    """Features by level of nuclei of two classes in four replicates, and which they are."""
    values = {blur.name: [] for blur in levels_of_blur(LEVELS_NM)}
    for k in range(NUCLEI):
        own = nucleus(kind, k % 2, k // 2)
        for blur in levels_of_blur(LEVELS_NM):
            values[blur.name].append(blurred_features(*own, blur, np.random.default_rng([k, round(blur.sd_nm)])))
    label = np.array(CLASSES)[np.arange(NUCLEI) % 2]
    replicate = np.array([f"r{k // 2 % 4}" for k in range(NUCLEI)])
    return {name: pd.DataFrame(rows) for name, rows in values.items()}, label, replicate


def audited(kind):
    values, label, replicate = simulated(kind)
    folds = predictions(np.zeros(NUCLEI), label, replicate)
    data = evidence(n=NUCLEI).dataset
    data = replace(data, nucleus=folds["nucleus"].to_numpy(str), label=label, replicate=replicate)
    return audit(classified(values, data, folds, CLASSES, seed=0), CLASSES, seed=0)


def test_a_difference_at_the_nanoscale_is_named():
    found = audited("nanoscale")
    assert found.features.points[0].auroc["value"] > 0.95
    assert 15 < found.finding.scale_nm < 150
    assert found.finding.verdict != LIGHT_ENOUGH
    assert f"down to {float(f'{found.finding.scale_nm:.2g}'):g} nm" in found.finding.says


def test_a_difference_at_the_micrometre_needs_no_more_than_a_light_microscope():
    found = audited("micrometre")
    assert found.finding.verdict == LIGHT_ENOUGH
    assert found.finding.scale_nm is None
    assert "A light microscope would have done as well" in found.finding.says


def test_where_nothing_differs_nothing_is_to_be_lost():
    found = audited("none")
    assert found.finding.verdict == NOTHING
    assert found.finding.scale_nm is None


def test_features_of_blurred_nuclei_follow_the_seed():
    own = nucleus("none", 0, 0)
    one, again, other = (blurred_features(*own, Blur.jitter(50), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_without_blur_features_are_those_of_the_nucleus_itself():
    own = nucleus("none", 0, 0)
    found = blurred_features(*own, Blur.jitter(0), np.random.default_rng(1))
    assert found == nucleus_features(*own, np.random.default_rng(1), EFFORT)


def test_a_light_microscope_has_no_neighbours_and_loses_the_clusters():
    own = nucleus("none", 0, 0)
    sharp, light = (blurred_features(*own, blur, np.random.default_rng(1)) for blur in (Blur.jitter(0), Blur.light()))
    assert list(sharp) == list(light)
    unknown = {name for name, value in light.items() if np.isnan(value)}
    assert unknown == {name for name in sharp if "neighbour" in name or "Clark" in name or "dense" in name
                       or "Voronoi" in name or "distance" in name}  # fmt: skip
    assert light["PolII: radial profile, shell 1 of 5"] == pytest.approx(
        sharp["PolII: radial profile, shell 1 of 5"], rel=0.2
    )


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((1.0, 1.0, 0.75, 0.5), 100.0),
        ((1.0, 1.0, 0.9, 0.6), 100 + 150 * (0.9 - 0.75) / 0.3),
        ((1.0, 0.9, 0.9, 0.8), None),
        ((0.9, 0.7, 0.5, 0.5), 50.0),
        # A rise by chance is evened out: 0.7 and 0.9 are 0.8.
        ((1.0, 0.7, 0.9, 0.6), 100 + 150 * (0.8 - 0.75) / 0.2),
        ((0.5, 0.5, 0.5, 0.5), None),
    ],
)
def test_the_scale_is_where_the_score_has_fallen_halfway_to_chance(scores, expected):
    assert halfway(list(zip((0, 50, 100, 250), scores, strict=True))) == (expected and pytest.approx(expected))


def made_up(strengths, n=120, follow=False):
    """Predictions of the same nuclei by level, of classifiers of these strengths."""
    tables = {}
    for blur, strength in zip(levels_of_blur([50, 100]), strengths, strict=True):
        tables[blur.name] = predictions(*informative(n, strength=strength, follow=follow))
    return tables


@pytest.mark.parametrize(
    ("strengths", "verdict"),
    [((3, 3, 0, 0), NEEDED), ((3, 3, 3, 2.9), LIGHT_ENOUGH), ((0, 0, 0, 0), NOTHING), ((3, 3, 0, 2.9), LIGHT_ENOUGH)],
)
def test_the_verdict_follows_from_what_blur_and_light_leave(strengths, verdict):
    assert audit(made_up(strengths), CLASSES, seed=0).finding.verdict == verdict


def test_a_loss_that_replicates_do_not_agree_on_is_not_called_shown():
    tables = made_up((3, 3, 1, 3))
    bad = tables[LIGHT]["replicate"] == "r1"
    tables[LIGHT].loc[bad, ["p_somatic", "p_hiPSC"]] = tables[LIGHT].loc[bad, ["p_hiPSC", "p_somatic"]].to_numpy()
    found = audit(tables, CLASSES, seed=0).finding
    assert found.verdict == UNDECIDED
    assert "not shown" in found.says


def test_with_one_replicate_of_a_class_nothing_is_said():
    tables = {name: table.assign(replicate=table["label"]) for name, table in made_up((3, 3, 0, 0)).items()}
    found = audit(tables, CLASSES, seed=0).finding
    assert (found.verdict, found.scale_nm) == (UNDECIDED, None)


def test_the_networks_are_a_curve_of_their_own_that_decides_nothing():
    features, networks = made_up((3, 3, 3, 3)), made_up((3, 0, 0, 0))
    alone, both = (audit(features, CLASSES, 0, robustness=other) for other in (None, networks))
    assert alone.finding == both.finding
    assert list(both.content["curves"]) == ["features", "robustness"]
    assert list(both.table.groupby("curve", sort=False).size()) == [4, 4]
    assert "robustness to blur" in texts(picture(both))
    assert "robustness" not in texts(picture(alone))


def test_the_picture_has_every_level_and_chance_and_says_where_there_is_no_audit():
    said = texts(picture(audit(made_up((3, 3, 0, 0)), CLASSES, 0)))
    for text in ("50", "100", "microscope", "chance", "halfway to chance", "AUROC, out of fold"):
        assert text in said
    assert "audit.resolution is an empty list" in texts(picture(None))
