"""Blurred nuclei are the same localizations, moved by what is said, in an order from which crops can be cut."""

from dataclasses import replace

import numpy as np
import pytest

from ainu import AinuError
from ainu.images.binning import bin_counts
from ainu.images.blur import LIGHT, LIGHT_NM, LIGHT_PIXEL_NM, Blur, levels_of_blur
from ainu.images.blurring import blurred
from ainu.images.dataset import Dataset, Points
from ainu.images.sparse_grid import SparseGrid, order_by_place

SHAPE, VOXEL_NM, PER_NUCLEUS = (2, 40, 40), 100.0, 500


def dataset(n: int) -> Dataset:
    """Nuclei of localizations in two channels, ordered by place, and their images."""
    rng, parts = np.random.default_rng(0), []
    for _ in range(n):
        position = rng.uniform(-1500, 1500, (PER_NUCLEUS, 2)).astype(np.float32)
        parts.append(position[order_by_place(position)])
    channel = rng.integers(0, 2, n * PER_NUCLEUS).astype(np.uint8)
    precision = rng.uniform(5, 20, n * PER_NUCLEUS).astype(np.float32)
    points = Points(np.concatenate(parts), channel, precision, PER_NUCLEUS * np.arange(n + 1))
    text = np.array([f"s{k}/1" for k in range(n)])
    images = [bin_counts(own.position, own.channel, SHAPE, VOXEL_NM) for own in map(points.of, range(n))]
    return Dataset(
        image=np.stack(images).astype(np.uint16),
        **dict.fromkeys(("nucleus", "sample", "replicate", "label"), text),
        localizations=np.full((n, 2), PER_NUCLEUS // 2, np.uint32),
        area_um2=np.ones(n, np.float32),
        origin_nm=np.zeros((n, 2)),
        angle_rad=np.zeros(n),
        channels=("PolII", "DNA"),
        voxel_size_nm=VOXEL_NM,
        points=points,
    )


def test_levels_start_without_blur_rise_and_end_with_the_light_microscope():
    assert [blur.name for blur in levels_of_blur([50, 2.5, 10])] == ["0", "2.5", "10", "50", LIGHT]


@pytest.mark.parametrize("nm", [10.0, 250.0])
def test_jitter_moves_localizations_by_its_standard_deviation_along_each_axis(nm):
    position = np.random.default_rng(0).uniform(-4000, 4000, (20_000, 3)).astype(np.float32)
    moved = Blur.jitter(nm).moved(position, np.random.default_rng(1)) - position
    assert moved.std(axis=0) == pytest.approx([nm] * 3, rel=0.03)
    assert moved.mean(axis=0) == pytest.approx([0] * 3, abs=0.03 * nm)


def test_no_blur_moves_nothing():
    position = np.random.default_rng(0).normal(0, 1000, (50, 2)).astype(np.float32)
    assert np.array_equal(Blur.jitter(0).moved(position, np.random.default_rng(1)), position)


def test_a_light_microscope_puts_a_spot_of_260_nm_into_the_middles_of_pixels_of_100_nm():
    corner = (30.0, -20.0)
    found = Blur.light().moved(np.zeros((20_000, 2)), np.random.default_rng(0), corner)
    assert np.allclose((found - corner) % LIGHT_PIXEL_NM, LIGHT_PIXEL_NM / 2, atol=1e-2)
    # A pixel adds the variance of a uniform.
    assert found.std(axis=0) == pytest.approx([np.hypot(LIGHT_NM, LIGHT_PIXEL_NM / np.sqrt(12))] * 2, rel=0.03)


def test_the_same_seed_moves_localizations_alike_and_another_does_not():
    data = dataset(3)
    one, again, other = (blurred(data, Blur.jitter(50), seed) for seed in (1, 1, 2))
    assert np.array_equal(one.points.position, again.points.position)
    assert not np.array_equal(one.points.position, other.points.position)


def test_blurred_nuclei_are_in_order_of_place_and_their_images_are_of_the_same_localizations():
    data = dataset(4)
    made = blurred(data, Blur.jitter(100), seed=1)
    for k in range(len(made)):
        own = made.points.of(k)
        assert SparseGrid.of(own.position).offsets[-1] == len(own.position)
        sharp = data.points.of(k)
        # Who moved where is known by the precision, which none shares.
        at, before = np.argsort(own.precision), np.argsort(sharp.precision)
        assert np.array_equal(own.precision[at], sharp.precision[before])
        assert np.array_equal(own.channel[at], sharp.channel[before])
        assert np.linalg.norm(own.position[at] - sharp.position[before], axis=1).max() < 600
        assert np.array_equal(bin_counts(own.position, own.channel, SHAPE, VOXEL_NM), made.image[k])
    assert not np.array_equal(made.image, data.image)


def test_densities_cannot_be_blurred():
    with pytest.raises(AinuError, match="densities"):
        blurred(replace(dataset(2), points=None), Blur.jitter(10), seed=1)


def test_the_name_of_a_control_tells_its_level():
    assert [Blur.of_control(blur.control) for blur in levels_of_blur([2.5, 50])] == levels_of_blur([2.5, 50])
