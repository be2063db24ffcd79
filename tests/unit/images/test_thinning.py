"""Thinned nuclei hold exactly what they are to hold, drawn from what was there."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spots import dataset, points_of, spots

from ainu import AinuError
from ainu.images.binning import bin_counts
from ainu.images.thinning import equal_counts, thinned


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_every_nucleus_keeps_as_many_as_it_is_to_and_no_voxel_gains(seed, with_points):
    data = dataset(*spots(6, seed=seed % 1000))
    data = data if with_points else replace(data, points=None)
    left = np.random.default_rng(seed).integers(0, data.image_counts + 1)
    made = thinned(data, left, seed)
    assert np.array_equal(made.image_counts, left)
    assert (made.image <= data.image).all()
    assert np.array_equal(made.localizations, left)


def test_images_and_points_stay_the_same_localizations():
    made = equal_counts(dataset(*spots(6)), seed=1)
    for k in range(len(made)):
        own = made.points.of(k)
        assert np.array_equal(bin_counts(own.position, own.channel, made.image.shape[1:], 100.0), made.image[k])


def test_equal_counts_are_those_of_the_poorest_nucleus_and_the_same_every_time():
    data = dataset(*spots(12))
    made = equal_counts(data, seed=1)
    assert (made.image_counts == data.image_counts.min()).all()
    assert np.array_equal(made.image, equal_counts(data, seed=1).image)
    assert not np.array_equal(made.image, equal_counts(data, seed=2).image)


def test_on_average_thinning_takes_the_same_share_everywhere():
    images = np.full((200, 1, 4, 4), 10, np.uint16)
    images[:, :, 0, 0] = 40
    data = replace(dataset(images, np.zeros(200, int)), points=points_of(images))
    left = thinned(data, data.image_counts // 2, seed=1).image.mean(axis=(0, 1))
    assert left[0, 0] == pytest.approx(20, rel=0.05)
    assert left[1:].mean() == pytest.approx(5, rel=0.05)


def test_densities_cannot_be_thinned():
    data = replace(dataset(*spots(4)), image=np.ones((4, 1, 8, 8), np.float32))
    with pytest.raises(AinuError, match="kernel gaussian"):
        equal_counts(data, seed=1)
