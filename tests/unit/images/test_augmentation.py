"""Random changes of nuclei, and what networks see of them."""

import numpy as np
import pytest
import torch
from defaults import augmentation
from hypothesis import given
from hypothesis import strategies as st
from spots import dataset, inputs, points_of, spots

from ainu import AinuError
from ainu.images.augmentation import Moves, change_localizations, move_images
from ainu.images.binning import bin_counts
from ainu.images.dataset import Points
from ainu.images.views import Binned, Images, Neighbours, thinly_populated, views_of

NONE = {"flip": False, "rotate": "none"}


def binned(images: np.ndarray, **augmentation) -> Binned:
    return Binned(inputs(images, **augmentation), points_of(images))


def turns(image: torch.Tensor) -> list[torch.Tensor]:
    return [torch.rot90(one, k, (1, 2)) for one in (image, image.flip(2)) for k in range(4)]


@pytest.mark.parametrize("make", [inputs, binned])
def test_right_angle_rotation_and_mirroring_move_counts_without_loss(make):
    images = np.random.default_rng(0).poisson(1.0, (6, 1, 8, 8)).astype(np.uint16)
    plain = inputs(images).batch(np.arange(6))
    moved = make(images, rotate="right").batch(np.arange(6), np.random.default_rng(3))
    found = [
        [torch.allclose(after, turn, atol=1e-4) for turn in turns(before)]
        for before, after in zip(plain, moved, strict=True)
    ]
    assert all(any(row) for row in found)
    assert len({row.index(True) for row in found}) > 1


def test_free_rotation_of_voxels_keeps_the_middle():
    images = torch.zeros(5, 1, 33, 33)
    images[:, :, 14:19, 14:19] = 1.0
    moves = Moves.draw(5, augmentation(), np.random.default_rng(1))
    turned = move_images(images, moves, 100.0)
    assert torch.allclose(turned[:, 0, 16, 16], torch.ones(5))
    assert torch.allclose(turned.sum(dim=(1, 2, 3)), torch.full((5,), 25.0), rtol=0.05)


def test_voxels_and_localizations_are_moved_the_same_way():
    image = np.zeros((1, 1, 40, 40), np.uint16)
    image[0, 0, 8:11, 20:30] = 50
    shifted = augmentation(shift_nm=300)
    for seed in range(6):
        moves = Moves.draw(1, shifted, np.random.default_rng(seed))
        voxels = move_images(torch.as_tensor(image.astype(np.float32)), moves, 100.0)[0, 0].numpy()
        own = points_of(image)
        rng = np.random.default_rng(0)
        position, _ = change_localizations(own.position, None, None, moves, 0, shifted, rng)
        counts = bin_counts(position, own.channel, (1, 40, 40), 100.0)[0]
        middle = [np.array(np.nonzero(part)).mean(axis=1) for part in (voxels > 10, counts > 0)]
        assert np.allclose(*middle, atol=1.0)


def test_shifts_move_volumes_in_the_plane_only():
    image = torch.zeros(1, 1, 3, 9, 9)
    image[0, 0, 1, 4, 4] = 1
    moves = Moves(np.eye(2)[None], np.array([[200.0, -100.0]]))
    moved = move_images(image, moves, 100.0)
    assert moved[0, 0, 1, 3, 6] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("make", [inputs, binned])
def test_thinning_drops_the_share_that_was_drawn_and_invents_nothing(make):
    images = np.full((20, 1, 32, 32), 40, np.uint16)
    source = make(images, thin=0.5, **NONE)
    source = (
        Images(images, "log", source.augmentation, 100.0)
        if make is inputs
        else Binned(Images(images, "log", source.plain.augmentation, 100.0), source.points)
    )
    counts = torch.expm1(source.batch(np.arange(20), np.random.default_rng(0)))
    left = counts.mean(dim=(1, 2, 3)) / 40
    assert 0.45 < left.min() < left.max() <= 1
    assert left.std() > 0.08
    assert counts.max() <= 40.001


def test_jitter_moves_localizations_by_their_own_precision():
    position = np.zeros((20_000, 2), np.float32)
    precision = np.repeat([5.0, 20.0], 10_000).astype(np.float32)
    moves = Moves.draw(1, augmentation(**NONE), np.random.default_rng(0))
    moved, _ = change_localizations(
        position, precision, None, moves, 0, augmentation(jitter=1.0, **NONE), np.random.default_rng(1)
    )
    assert moved[:10_000].std() == pytest.approx(5, rel=0.03)
    assert moved[10_000:].std() == pytest.approx(20, rel=0.03)


def test_background_is_what_lies_in_thinly_populated_places_and_only_that_is_dropped():
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 5000), 1500 * np.sqrt(rng.random(5000))
    dense = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    sparse = rng.uniform(-5000, 5000, (200, 2))
    position = np.concatenate([dense, sparse]).astype(np.float32)
    background = thinly_populated(position)
    assert background[5000:].mean() > 0.9
    assert background[:5000].mean() < 0.15
    moves = Moves.draw(1, augmentation(**NONE), rng)
    _, left = change_localizations(
        position, None, background, moves, 0, augmentation(drop_background=1.0, **NONE), np.random.default_rng(2)
    )
    kept = np.isin(np.arange(5200), left)
    assert kept[~background].all()
    assert kept[background].mean() < 0.9


@given(st.integers(0, 10_000), st.floats(0, 400))
def test_binning_keeps_every_localization_that_stays_on_the_canvas(seed, shift):
    images = np.zeros((1, 2, 40, 40), np.uint16)
    images[0, :, 15:25, 15:25] = np.random.default_rng(seed).poisson(3, (2, 10, 10))
    own = points_of(images)
    shifted = augmentation(shift_nm=shift)
    moves = Moves.draw(1, shifted, np.random.default_rng(seed))
    position, _ = change_localizations(own.position, None, None, moves, 0, shifted, np.random.default_rng(seed))
    counts = bin_counts(position, own.channel, (2, 40, 40), 100.0)
    assert counts.sum(axis=(1, 2)).tolist() == images[0].sum(axis=(1, 2)).tolist()


def test_without_a_generator_binning_gives_the_stored_image():
    images, _ = spots(4)
    assert torch.equal(binned(images).batch(np.arange(4)), inputs(images).batch(np.arange(4)))
    again = binned(images, **NONE).batch(np.arange(4), np.random.default_rng(0))
    assert torch.equal(again, inputs(images).batch(np.arange(4)))


@pytest.mark.parametrize("level", ["voxels", "localizations"])
def test_the_same_generator_gives_the_same_batch(level):
    data = dataset(*spots(4))
    source = views_of(data, "densenet121", "share", augmentation(level=level, thin=0.3))
    a, b, c = (source.batch(np.arange(4), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_neighbourhoods_do_not_see_how_large_or_how_dense_a_nucleus_is():
    rng = np.random.default_rng(0)
    images = np.zeros((1, 1, 4, 4), np.uint16)
    points = points_of(images)
    position = rng.normal(0, 1000, (3000, 2)).astype(np.float32)
    own, large = (
        Neighbours(
            type(points)(position * np.float32(scale), np.zeros(3000, np.uint8), None, np.array([0, 3000])),
            1,
            augmentation(),
        ).batch(np.array([0]))
        for scale in (1, 4)
    )
    assert own.shape == (1, 384, 16, 6)
    assert torch.allclose(own, large, atol=1e-3)


def test_neighbourhoods_are_made_of_a_single_localization_too():
    images = np.zeros((1, 1, 4, 4), np.uint16)
    images[0, 0, 1, 1] = 1
    assert torch.isfinite(Neighbours(points_of(images), 1, augmentation()).batch(np.array([0]))).all()


def test_a_dataset_without_localizations_says_so():
    from dataclasses import replace

    data = replace(dataset(*spots(4)), points=None)
    with pytest.raises(AinuError, match="needs localizations, which the dataset lacks"):
        views_of(data, "neighbourhoods", "share", augmentation())


def test_a_neighbourhood_holds_every_fourth_of_the_nearest_and_all_of_few():
    position = np.stack([np.arange(200.0), np.zeros(200)], 1).astype(np.float32)
    points = Points(position, np.zeros(200, np.uint8), None, np.array([0, 200]))
    sets = Neighbours(points, 1, augmentation(), anchors=50, neighbours=3)
    seen = sets.describe(position, points.channel, np.random.default_rng(1))
    inner = (seen.anchors > 10) & (seen.anchors < 190)  # on a line, the fourth, eighth and twelfth lie 2, 4 and 6 off
    assert inner.any()
    assert (np.abs(seen.near[inner] - seen.anchors[inner, None]) == [2, 4, 6]).all()
    few = sets.describe(position[:3], points.channel[:3], np.random.default_rng(1))
    assert (few.near != few.anchors[:, None]).all()
    assert all(len(set(row)) == 2 for row in few.near)
