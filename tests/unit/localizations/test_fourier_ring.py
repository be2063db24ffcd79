"""Fourier ring correlation of two images."""

import numpy as np
import pytest

from ainu.localizations.fourier_ring import half_images, ring_sizes, ring_sums


def images(seed: int = 0, edge: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).poisson(2.0, (2, edge, edge)).astype(np.float32)


def test_an_image_correlates_with_itself_and_not_with_another():
    one, _ = pair = images()
    assert ring_sums(np.stack([one, one])).correlation == pytest.approx(1.0)
    assert abs(ring_sums(pair).correlation[8:].mean()) < 0.05


def test_an_empty_image_correlates_with_nothing():
    assert (ring_sums(images() * np.float32([[[1]], [[0]]])).correlation == 0).all()


def test_sums_of_two_fields_are_those_of_both_together():
    one, other = ring_sums(images(1)), ring_sums(images(2))
    both = one + other
    assert both.correlation == pytest.approx((one.cross + other.cross) / np.sqrt(both.first * both.second))


def test_the_power_of_a_single_localization_is_the_size_of_its_ring():
    single = half_images(np.array([0, 1]), np.array([3, 9]), np.array([5, 5]), 64)
    assert single[0, 3, 5] == single[1, 9, 5] == 1
    assert single.sum() == 2
    assert ring_sums(single).first == pytest.approx(ring_sizes(64), rel=1e-5)
