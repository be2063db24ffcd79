"""Random changes of the localizations of nuclei, before they are binned."""

import numpy as np
import pytest
from defaults import augmentation
from hypothesis import given
from hypothesis import strategies as st

from ainu.images.augmentation import Move, jittered, survivors, thinly_populated, turned_image

NONE = {"flip": False, "rotate": "none"}


def moves(number: int = 60, **changes) -> list[Move]:
    return [Move.draw(augmentation(**changes), np.random.default_rng(seed)) for seed in range(number)]


@given(st.integers(0, 10_000))
def test_turning_and_mirroring_keep_distances_and_z(seed):
    rng = np.random.default_rng(seed)
    position = rng.normal(0, 1000, (20, 3)).astype(np.float32)
    moved = Move.draw(augmentation(shift_nm=300), rng).of_places(position)
    assert np.array_equal(moved[:, 2], position[:, 2])
    before, after = (np.linalg.norm(own[:, None] - own[None], axis=2) for own in (position, moved))
    assert np.allclose(before, after, atol=0.01)


def test_right_angles_are_exact_and_all_eight_poses_are_drawn():
    found = {own.matrix.tobytes() for own in moves(rotate="right")}
    assert len(found) == 8
    assert all(set(np.unique(own.matrix)) <= {-1.0, 0.0, 1.0} for own in moves(rotate="right"))


def test_any_angle_is_drawn_and_none_leaves_nuclei_as_they_lie():
    angles = [np.arctan2(own.matrix[1, 1], -own.matrix[0, 1]) for own in moves(flip=False)]
    assert len(np.unique(np.histogram(angles, 8, (-np.pi, np.pi))[0])) > 1
    assert np.histogram(angles, 4, (-np.pi, np.pi))[0].min() > 5
    assert all(np.array_equal(own.matrix, np.eye(2)) for own in moves(**NONE))


def test_half_of_the_nuclei_are_mirrored_if_wanted():
    mirrored = [np.linalg.det(own.matrix) < 0 for own in moves(200)]
    assert 0.4 < np.mean(mirrored) < 0.6
    assert not any(np.linalg.det(own.matrix) < 0 for own in moves(flip=False))


def test_shifts_stay_below_the_largest():
    shifts = np.array([own.shift_nm for own in moves(200, shift_nm=150)])
    assert np.abs(shifts).max() <= 150
    assert np.abs(shifts).max(axis=0).min() > 120
    assert not any(own.shift_nm.any() for own in moves())


@pytest.mark.parametrize("shape", [(2, 6, 6), (2, 3, 6, 6)])
def test_images_without_localizations_are_turned_by_right_angles_in_the_plane(shape):
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    poses = [np.rot90(own, k, (-2, -1)) for own in (image, image[..., ::-1]) for k in range(4)]
    found = [turned_image(image, augmentation(), np.random.default_rng(seed)) for seed in range(40)]
    which = [next(k for k, pose in enumerate(poses) if np.array_equal(own, pose)) for own in found]
    assert set(which) == set(range(8))
    assert np.array_equal(turned_image(image, augmentation(**NONE), np.random.default_rng(0)), image)


def test_thinning_drops_the_share_that_was_drawn_and_no_localization_twice():
    thin = augmentation(thin=0.5)
    kept = [survivors(4000, None, thin, np.random.default_rng(seed)) for seed in range(50)]
    shares = np.array([len(own) for own in kept]) / 4000
    assert 0.47 < shares.min() < 0.6
    assert shares.max() > 0.9
    assert all((np.diff(own) > 0).all() and own.min() >= 0 and own.max() < 4000 for own in kept)
    assert survivors(10, None, augmentation(), np.random.default_rng(0)) is None


def test_jitter_moves_localizations_in_the_plane_by_their_own_precision():
    precision = np.repeat([5.0, 20.0, np.nan], 10_000).astype(np.float32)
    position = np.zeros((30_000, 3), np.float32)
    moved = jittered(position, precision, 1.5, np.random.default_rng(1))
    assert moved[:10_000, :2].std() == pytest.approx(7.5, rel=0.03)
    assert moved[10_000:20_000, :2].std() == pytest.approx(30, rel=0.03)
    assert not moved[20_000:].any()
    assert not moved[:, 2].any()
    assert not position.any()


def test_background_is_what_lies_in_thinly_populated_places_and_only_that_is_dropped():
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 5000), 1500 * np.sqrt(rng.random(5000))
    dense = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    position = np.concatenate([dense, rng.uniform(-5000, 5000, (200, 2))]).astype(np.float32)
    background = thinly_populated(position)
    assert background[5000:].mean() > 0.9
    assert background[:5000].mean() < 0.15
    left = survivors(5200, background, augmentation(drop_background=1.0), np.random.default_rng(2))
    kept = np.isin(np.arange(5200), left)
    assert kept[~background].all()
    assert kept[background].mean() < 0.9


def test_without_localizations_no_place_is_thinly_populated():
    assert len(thinly_populated(np.zeros((0, 2), np.float32))) == 0
