"""Parts of a nucleus, and what lies in each."""

from dataclasses import replace

import numpy as np
import pytest
from defaults import attribution
from scipy import ndimage

from ainu import Render, find_nuclei, simulate, voxelize
from ainu.attribution.compartments import (
    NAMES,
    densities,
    enrichment,
    find_compartments,
    outline,
    radial_profile,
    sign_flips,
)
from ainu.nuclei.discs import closed, opened
from ainu.nuclei.orientation import Pose
from ainu.simulation.conditions import Condition

SETTINGS = attribution()


def dice(one, other) -> float:
    """Overlap of two regions: 1 where they are the same, 0 where they share nothing."""
    return 2 * (one & other).sum() / max(one.sum() + other.sum(), 1)


def compartments(image, voxel_nm: float, nucleoli=SETTINGS.nucleoli, rim_nm: float = SETTINGS.rim_nm):
    return find_compartments(image, ("PolII", "DNA")[: len(image)], voxel_nm, nucleoli, rim_nm)


def field(condition, seed: int, voxel_nm: float):
    """Image of a simulated nucleus, and masks of its nucleoli and of itself."""
    table, truth = simulate(condition, seed)
    drift = truth.drift[table.frame]
    table = type(table)(**{**vars(table), "x": table.x - drift[:, 0], "y": table.y - drift[:, 1]})
    table = table[find_nuclei(table).label == 1]
    pose = Pose.of(table.x, table.y, aligned=False)
    image = voxelize(table, Render(voxel_nm, 12800), pose=pose)
    places = (np.arange(image.shape[-1]) + 0.5) * voxel_nm - 6400
    x, y = pose.x_nm + places[None, :], pose.y_nm + places[:, None]
    nucleoli = np.any([region.radius(x, y) < 1 for region in truth.nucleoli[0]], axis=0)
    return image, nucleoli, truth.nuclei[0].radius(x, y) < 1


@pytest.mark.parametrize("voxel_nm", [100.0, 200.0])
def test_nucleoli_are_outlined_as_they_were_simulated(voxel_nm):
    scores, whole = [], []
    for condition in ("somatic", "hiPSC"):
        for seed in range(500, 506):
            image, nucleoli, nucleus = field(condition, seed, voxel_nm)
            found = compartments(image, voxel_nm)
            scores.append(dice(found["nucleoli"], nucleoli))
            whole.append(dice(np.any(list(found.values()), axis=0), nucleus))
    assert np.mean(scores) >= 0.8
    assert np.mean(whole) >= 0.95


def test_nucleoli_can_be_found_where_a_channel_is_rich():
    rich = {"channel": "PolII", "look": "rich", "contrast": 0.35, "smooth_nm": 200, "radius_nm": 400}
    look = replace(SETTINGS.nucleoli, **rich)
    scores = []
    for seed in range(800, 804):
        image, nucleoli, _ = field(Condition(nucleolar_share=0.6), seed, 200.0)
        scores.append(dice(compartments(image, 200.0, look)["nucleoli"], nucleoli))
    assert np.mean(scores) >= 0.8


def test_compartments_are_disjoint_and_make_up_the_nucleus():
    image, _, _ = field("hiPSC", 3, 200.0)
    found = compartments(image, 200.0, rim_nm=900)
    assert tuple(found) == NAMES
    assert np.array_equal(np.sum(list(found.values()), axis=0), outline(image.sum(axis=0).astype(float), 200.0))
    stack = np.stack([image, np.zeros_like(image)], axis=1)
    assert all(np.array_equal(found[name], mask) for name, mask in compartments(stack, 200.0, rim_nm=900).items())


def test_an_empty_image_has_no_compartments():
    assert not any(mask.any() for mask in compartments(np.zeros((1, 32, 32)), 200.0).values())


def square_masks():
    masks = {name: np.zeros((10, 10), bool) for name in NAMES}
    masks["nucleoli"][4:6, 4:6] = True
    masks["rim"][[0, -1]] = True
    masks["interior"] = ~masks["nucleoli"] & ~masks["rim"]
    return masks


def test_evidence_is_measured_per_area():
    masks = square_masks()
    evidence = np.ones((1, 10, 10))
    evidence[0][masks["nucleoli"]] = 8
    inside, rest = densities(evidence, masks)[0, 0]
    assert (inside, rest) == (8, 1)


def test_enrichment_comes_with_interval_and_p():
    rng = np.random.default_rng(0)
    replicate = np.repeat(np.arange(8), 4)
    rest = rng.uniform(0.8, 1.2, 32)
    found = enrichment(5 * rest * rng.uniform(0.9, 1.1, 32), rest, replicate)
    assert found["value"] == pytest.approx(5, rel=0.1)
    assert found["ci"][0] > 4
    assert (found["p"], found["unit"], found["nuclei"]) == (2 / 2**8, "replicate", 32)
    few = enrichment(5 * rest, rest, replicate % 3)
    assert few["unit"] == "nucleus"
    assert few["p"] == pytest.approx(0.001)


def test_even_evidence_is_enriched_nowhere():
    rng = np.random.default_rng(1)
    ps = []
    for _ in range(40):
        inside, rest = rng.uniform(0.5, 1.5, (2, 32))
        ps.append(enrichment(inside, rest, np.repeat(np.arange(8), 4))["p"])
    assert np.mean(np.array(ps) <= 0.05) <= 0.15


def test_nuclei_without_the_compartment_are_left_out():
    found = enrichment(np.array([np.nan, 2.0]), np.array([1.0, 1.0]), np.array(["a", "b"]))
    assert (found["nuclei"], found["value"]) == (1, 2.0)
    nothing = enrichment(np.array([np.nan]), np.array([1.0]), np.array(["a"]))
    assert (nothing["nuclei"], nothing["value"], nothing["p"]) == (0, None, None)


def test_signs_are_flipped_in_all_ways_where_these_are_few():
    rng = np.random.default_rng(0)
    assert sign_flips(np.ones(6), rng) == 2 / 64
    assert sign_flips(np.array([1.0, -1.0]), rng) == 1
    assert sign_flips(np.ones(30), rng) == pytest.approx(0.001)


def test_profiles_run_from_the_outline_inwards():
    y, x = np.indices((41, 41)) - 20
    nucleus = np.hypot(x, y) < 18
    rim = (np.hypot(x, y) > 15).astype(float)[None]
    profile = radial_profile(rim, nucleus, bins=6)[0]
    assert profile[0] > 0.9
    assert not profile[2:].any()


@pytest.mark.parametrize(("voxel_nm", "factor"), [(50.0, 2), (100 / 3, 3), (20.0, 5)])
def test_finer_voxels_have_the_compartments_of_100_nm(voxel_nm, factor):
    image, _, _ = field("hiPSC", 3, 100.0)
    rng = np.random.default_rng(0)
    fine = np.zeros((*image.shape, factor, factor), image.dtype)
    np.put_along_axis(
        fine.reshape(*image.shape, -1), rng.integers(factor**2, size=(*image.shape, 1)), image[..., None], axis=-1
    )
    fine = fine.swapaxes(2, 3).reshape(len(image), image.shape[1] * factor, -1)
    coarse, found = compartments(image, voxel_nm * factor), compartments(fine, voxel_nm)
    assert coarse["nucleoli"].any()
    for name, mask in coarse.items():
        assert np.array_equal(found[name], np.kron(mask, np.ones((factor, factor), bool)))


def test_a_canvas_need_not_be_a_whole_number_of_pixels():
    image, _, _ = field("hiPSC", 3, 50.0)
    whole, cut = compartments(image, 50.0), compartments(image[:, :-1, :-1], 50.0)
    assert all(np.array_equal(cut[name], mask[:-1, :-1]) for name, mask in whole.items())


def disc(radius):
    n = int(np.ceil(radius))
    y, x = np.indices((2 * n + 1, 2 * n + 1)) - n
    return x**2 + y**2 <= radius**2


@pytest.mark.parametrize("radius", [1.0, 2.5, 5.0, 7.3])
def test_opening_and_closing_by_distances_are_those_by_discs(radius):
    rng = np.random.default_rng(int(10 * radius))
    for sigma in (1.0, 3.0):
        mask = ndimage.gaussian_filter(rng.normal(size=(60, 80)), sigma) > 0
        padded = ndimage.binary_closing(np.pad(mask, 10), disc(radius))[10:-10, 10:-10]
        assert np.array_equal(closed(mask, radius), padded)
        assert np.array_equal(opened(mask, radius), ndimage.binary_opening(mask, disc(radius)))
