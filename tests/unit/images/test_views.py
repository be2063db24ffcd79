"""What networks see of nuclei: whole ones, and crops at the voxels of the detail."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from defaults import augmentation
from hypothesis import given
from hypothesis import strategies as st
from spots import clustered, dataset, inputs, points_of, spots

import ainu.images.views as views_module
from ainu import AinuError
from ainu.images.augmentation import Move
from ainu.images.binning import bin_counts
from ainu.images.dataset import Points
from ainu.images.places import draw_place
from ainu.images.sparse_grid import order_by_place
from ainu.images.views import Crops, Tiles, Whole, tiles_in_batches, view_of
from ainu.networks.model import normalise
from ainu.networks.seen import CONTEXT, DETAIL, IMAGE, Seen

STILL = {"flip": False, "rotate": "none"}


def rngs(n: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, slot]) for slot in range(n)]


def points(*positions: np.ndarray, channels: int = 1, precision: float | None = None) -> Points:
    """Localizations of nuclei at these positions, ordered by place, channels in turn."""
    ordered = [own[order_by_place(own)].astype(np.float32) for own in positions]
    start = np.concatenate([[0], np.cumsum([len(own) for own in ordered])])
    n = int(start[-1])
    known = None if precision is None else np.full(n, precision, np.float32)
    return Points(np.concatenate(ordered), (np.arange(n) % channels).astype(np.uint8), known, start)


def crops(own: Points, *, channels=1, shape=(32, 32), area=4.0, voxel=20.0, height=None, **changes) -> Crops:
    """Crops of nuclei; the logarithm of counts, from which these come back exactly."""
    n = len(own.start) - 1
    given = (own, np.full(n, area, np.float32), channels, shape, changes.pop("intensity", "log"))
    return Crops(*given, augmentation(**changes), voxel, height)


def counts(seen: torch.Tensor) -> np.ndarray:
    """Counts whose logarithm was seen."""
    return np.expm1(seen.numpy().astype(np.float64))


def disc(n: int, seed: int = 0, radius: float = 1500.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angle, r = rng.uniform(0, 2 * np.pi, n), radius * np.sqrt(rng.random(n))
    return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1).astype(np.float32)


# --- whole nuclei -----------------------------------------------------------------------------------------------------


def turns(image: torch.Tensor) -> list[torch.Tensor]:
    return [torch.rot90(one, k, (1, 2)) for one in (image, image.flip(2)) for k in range(4)]


@pytest.mark.parametrize("with_points", [True, False])
def test_right_angle_rotation_and_mirroring_move_counts_without_loss(with_points):
    images = np.random.default_rng(0).poisson(1.0, (6, 1, 8, 8)).astype(np.uint16)
    own = inputs(images, "log", rotate="right")
    moved = (own if with_points else replace(own, points=None)).batch(np.arange(6), rngs(6, 3))
    found = [
        [torch.allclose(after, turn, atol=1e-4) for turn in turns(before)]
        for before, after in zip(normalise(images, "log"), moved, strict=True)
    ]
    assert all(any(row) for row in found)
    assert len({row.index(True) for row in found}) > 1


@given(st.integers(0, 10_000))
def test_turned_by_any_angle_counts_stay_whole_numbers_and_none_is_lost(seed):
    images = np.zeros((1, 2, 40, 40), np.uint16)
    images[0, :, 15:25, 15:25] = np.random.default_rng(seed).poisson(3, (2, 10, 10))
    seen = counts(inputs(images, "log", shift_nm=400).batch(np.array([0]), rngs(1, seed)))
    assert np.allclose(seen, np.round(seen), atol=1e-4)
    assert np.allclose(seen.sum(axis=(2, 3)), images.sum(axis=(2, 3)))


def test_without_a_change_a_whole_nucleus_is_its_image():
    images, _ = spots(4)
    still = inputs(images, **STILL)
    assert torch.equal(still.batch(np.arange(4), rngs(4)), normalise(images))
    tiles = [still.tiles(row) for row in range(4)]
    assert torch.equal(torch.cat([own.seen for own in tiles]), normalise(images))
    assert all(own.weight.tolist() == [1.0] and own.centre.tolist() == [[0.0, 0.0]] for own in tiles)


def test_shifts_move_volumes_in_the_plane_only():
    images = np.zeros((1, 1, 3, 9, 9), np.uint16)
    images[0, 0, 1, 4, 4] = 5
    own = points_of(images)
    position = own.position * np.float32([1, 1, 0])  # canvas and stack have their own middles
    moved = Whole(images, replace(own, position=position), "log", augmentation(shift_nm=250), 100.0, 100.0)
    seen = counts(moved.batch(np.zeros(8, int), rngs(8)))
    assert seen[:, 0, 1].sum(axis=(1, 2)) == pytest.approx(5)
    assert len({int(one.argmax()) for one in seen}) > 3


def test_densities_are_turned_as_images_and_stay_the_same_numbers():
    images = np.random.default_rng(0).random((2, 1, 8, 8)).astype(np.float32)
    seen = Whole(images, None, "log", augmentation(), 100.0).batch(np.arange(2), rngs(2))
    assert np.allclose(np.sort(seen.numpy().ravel()), np.sort(np.log1p(images).ravel()))


# --- crops ------------------------------------------------------------------------------------------------------------


def off_borders(n: int, seed: int = 0, half: int = 1500) -> np.ndarray:
    """Positions within voxels of 20 nm whose borders are multiples of that; the middle of all is 0."""
    rng = np.random.default_rng(seed)
    inside = 20 * rng.integers(-half // 20, half // 20, (n - 2, 2)) + rng.uniform(2, 18, (n - 2, 2))
    return np.concatenate([inside, [[10 - half] * 2, [half - 10] * 2]]).astype(np.float32)


def test_a_crop_that_is_not_turned_is_the_cut_out_of_the_dense_image_voxel_by_voxel():
    own = points(off_borders(4000), channels=2)
    found = crops(own, channels=2).tiles(0)
    dense = bin_counts(own.position, own.channel, (2, 160, 160), 20.0)
    assert (len(found.seen), dense.sum()) == (25, 4000)
    for seen, centre in zip(found.seen, found.centre, strict=True):
        column, row = ((centre - 320 + 1600) / 20).round().astype(int)
        assert np.array_equal(counts(seen).round(3), dense[:, row : row + 32, column : column + 32])


def whole_crop(view: Crops, seed: int) -> np.ndarray:
    return counts(view.batch(np.array([0]), [np.random.default_rng(seed)]))[0]


@pytest.mark.parametrize("shape", [(32, 32), (4, 32, 32)])
def test_a_crop_turned_by_a_right_angle_is_that_of_rot90(shape):
    """The same generator draws the same place, whether an angle is taken from it or not."""
    height = 50.0 if len(shape) == 3 else None
    position = np.column_stack([disc(12_000), np.random.default_rng(1).uniform(-90, 90, 12_000)])
    own, found = points(position if height else position[:, :2]), []
    for seed in range(12):
        turned, still = (
            whole_crop(crops(own, shape=shape, height=height, rotate=rotate), seed) for rotate in ("right", "none")
        )
        off = [np.abs(turned - np.rot90(still, k, (-2, -1))).sum() for k in range(4)]
        assert turned.sum() > 20
        assert min(off) <= 2  # one localization may lie on a border of voxels, which is rounded otherwise
        assert sorted(off)[1] > 20
        found.append(int(np.argmin(off)))
    assert set(found) == set(range(4))


@given(st.integers(0, 10_000))
def test_nothing_is_interpolated_counts_of_crops_are_whole_numbers(seed):
    own = points(disc(2000, seed % 7))
    seen = whole_crop(crops(own, jitter=0.0, thin=0.3), seed)
    assert np.allclose(seen, np.round(seen), atol=1e-4)
    assert seen.sum() <= 2000


def test_a_crop_at_any_angle_is_what_turning_and_binning_all_localizations_gives():
    own, size = points(disc(20_000, radius=3000)), np.array([2400.0, 2400.0])
    view = crops(own, shape=(120, 120))
    for seed in range(12):
        rng = np.random.default_rng(seed)
        move, centre = Move.draw(view.augmentation, rng), draw_place(own.position, own.channel, 1, size, rng)
        position = move.of_places(own.position - centre.astype(np.float32))
        assert np.array_equal(whole_crop(view, seed).round(3), bin_counts(position, own.channel, (1, 120, 120), 20.0))


def test_the_same_slot_gives_the_same_crop_whatever_the_batch():
    view = crops(points(disc(900, 1), disc(900, 2), disc(900, 3)), thin=0.2, jitter=1.0)
    rows = np.array([2, 0, 1, 2])
    whole = view.batch(rows, rngs(4))
    alone = torch.cat([view.batch(rows[[slot]], [rngs(4)[slot]]) for slot in range(4)])
    back = crops(view.points, thin=0.2, jitter=1.0).batch(rows[::-1], rngs(4)[::-1])
    assert torch.equal(whole, alone)
    assert torch.equal(whole, back.flip(0))
    assert not torch.equal(whole[0], whole[3])


def test_crops_are_drawn_from_their_own_nucleus():
    view = crops(points(disc(500), disc(500), np.zeros((7, 2), np.float32)), **STILL)
    seen = counts(view.batch(np.array([2, 2, 0]), rngs(3)))
    assert set(seen[:2].reshape(2, -1).max(axis=1).round()) <= {0.0, 7.0}
    assert seen[2].max() < 7


def test_in_three_dimensions_crops_are_stacks_of_their_own_planes():
    position = np.array([[0, 0, z] for z in (-75, -25, 25, 75)], np.float32)
    view = crops(points(position), shape=(4, 32, 32), height=50.0, **STILL)
    tiles = view.tiles(0)
    assert view.size_nm.tolist() == [640, 640, 200]
    assert tiles.seen.shape == (1, 1, 4, 32, 32)
    assert counts(tiles.seen)[0, 0, :, 16, 16].tolist() == pytest.approx([1, 1, 1, 1])
    seen = counts(view.batch(np.zeros(20, int), rngs(20)))
    assert set(seen.sum(axis=(1, 2, 3, 4)).round().astype(int)) <= {0, 1, 2, 3, 4}


def test_crops_in_two_dimensions_count_every_plane():
    position = np.column_stack([disc(600), np.linspace(-2000, 2000, 600)]).astype(np.float32)
    flat, deep = crops(points(position[:, :2])).tiles(0), crops(points(position)).tiles(0)
    assert torch.equal(flat.seen, deep.seen)
    assert deep.centre.shape[1] == 2


def test_a_nucleus_without_localizations_is_one_empty_crop():
    view = crops(points(np.zeros((0, 2), np.float32), disc(10)), intensity="share")
    tiles = view.tiles(0)
    assert (len(tiles.seen), tiles.weight.tolist(), tiles.seen.any().item()) == (1, [1.0], False)
    assert not view.batch(np.array([0]), rngs(1)).any()


# --- intensity --------------------------------------------------------------------------------------------------------


def test_intensity_is_normalised_by_the_nucleus_and_not_by_the_crop():
    """A localization is as bright in a crowded crop as in an empty one, and brighter the fewer its channel has."""
    dense, single = np.random.default_rng(0).uniform(-100, 100, (99, 2)), np.array([[2000.0, 0.0]])
    view = crops(points(np.concatenate([dense, single]).astype(np.float32)), area=4.0, intensity="share", **STILL)
    tiles, mean = view.tiles(0), 100 / (4e6 / 400)
    assert view.mean(0) == pytest.approx([mean])
    for seen in [*tiles.seen, *view.batch(np.zeros(6, int), rngs(6))]:
        localizations = seen.numpy().astype(np.float64) ** 2 * mean
        assert np.allclose(localizations, localizations.round(), atol=1e-3)
    assert tiles.seen[-1].max() == pytest.approx(np.sqrt(1 / mean), rel=1e-4)


def test_each_channel_is_normalised_by_its_own_number():
    own = points(disc(900), channels=2)
    rare = replace(own, channel=(np.arange(900) % 9 == 0).astype(np.uint8))
    mean = crops(rare, channels=2, area=9.0).mean(0)
    assert mean == pytest.approx(np.array([800, 100]) / (9e6 / 400))


def test_of_stacks_the_mean_counts_the_planes_between_the_lowest_and_the_highest_localization():
    position = np.column_stack([disc(900), np.linspace(-400, 400, 900)]).astype(np.float32)
    view = crops(points(position), shape=(4, 32, 32), height=50.0, area=9.0)
    assert view.mean(0) == pytest.approx([900 / (9e6 / 400 * 16)])


def test_a_thinned_nucleus_is_as_bright_as_one_that_had_fewer_localizations():
    """Else thinning would teach a network what it never sees of nuclei of fewer localizations."""
    view = crops(points(disc(4000)), intensity="share", thin=0.9, **STILL)
    brightness = view.batch(np.zeros(40, int), rngs(40)).pow(2).mean(dim=(1, 2, 3))
    whole = crops(points(disc(4000)), intensity="share", **STILL)
    unthinned = whole.batch(np.zeros(40, int), rngs(40)).pow(2).mean(dim=(1, 2, 3))
    assert brightness.mean() == pytest.approx(unthinned.mean().item(), rel=0.1)
    copies = [view.tiles(0, np.random.default_rng(seed)) for seed in range(5)]
    bright = [float((own.seen.pow(2).sum()) / 400) for own in copies]  # every localization counts 1 / mean
    assert bright == pytest.approx([float(whole.tiles(0).seen.pow(2).sum()) / 400] * 5, rel=1e-3)


# --- thinning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["whole", "tiles"])
def test_thinning_drops_the_share_that_was_drawn_and_invents_nothing(kind):
    images = np.full((20, 1, 16, 16), 40, np.uint16)
    if kind == "whole":
        seen = inputs(images, "log", thin=0.5, **STILL).batch(np.arange(20), rngs(20))
        left = counts(seen).mean(axis=(1, 2, 3)) / 40
        assert counts(seen).max() <= 40.001
    else:
        view = crops(points_of(images), thin=0.5, **STILL)
        left = [counts(view.tiles(row, np.random.default_rng(row)).seen).sum() / 40 / 256 for row in range(20)]
    assert 0.45 < min(left) < max(left) <= 1.0001
    assert np.std(left) > 0.08


def test_background_is_dropped_from_crops_and_whole_nuclei():
    lonely = np.stack([np.linspace(-7000, 7000, 40), np.full(40, 6000.0)], axis=1)
    own = points(np.concatenate([disc(5000), lonely]).astype(np.float32))
    view = crops(own, drop_background=1.0, **STILL)
    sums = [counts(view.tiles(0, np.random.default_rng(seed)).seen).sum() for seed in range(12)]
    assert min(sums) < 5040 - 10
    assert min(sums) > 4400


# --- tiles, and views of a dataset ------------------------------------------------------------------------------------


def test_tiles_of_a_changed_nucleus_hold_it_all_and_follow_from_the_generator():
    view = crops(points(disc(800)), rotate="any", shift_nm=500)
    one, same, other = (view.tiles(0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.seen, same.seen)
    assert len(one.seen) != len(other.seen) or not torch.equal(one.seen, other.seen)
    assert counts(one.seen).sum() == pytest.approx(800, abs=0.01)
    assert one.weight.sum().item() == pytest.approx(1)


@pytest.mark.parametrize(("tiles", "voxels"), [(1, 10**9), (3, 10**9), (1000, 10**9), (1000, 1), (1000, 3 * 32 * 32)])
def test_tiles_come_in_batches_that_fit_the_memory_with_their_nucleus_and_weight(tiles, voxels, monkeypatch):
    monkeypatch.setattr(views_module, "TILES", tiles)
    monkeypatch.setattr(views_module, "VOXELS", voxels)
    view = crops(points(disc(300), disc(2), disc(400)))
    batches = list(tiles_in_batches(view, np.array([2, 0])))
    of_one = view.tiles(0).seen[0, 0].numel()
    assert max(len(seen) for seen, _, _ in batches) <= max(1, min(tiles, voxels // of_one))
    seen, nucleus, weight = (torch.cat(parts) for parts in zip(*batches, strict=True))
    alone: list[Tiles] = [view.tiles(2), view.tiles(0)]
    assert torch.equal(seen, torch.cat([own.seen for own in alone]))
    assert nucleus.tolist() == [place for place, own in enumerate(alone) for _ in own.weight]
    assert torch.equal(weight, torch.cat([own.weight for own in alone]))


def test_a_view_is_whole_or_crops_by_its_name():
    data = clustered(4)
    whole = view_of(data, Seen(IMAGE, (16, 16), 100.0), "share", augmentation())
    assert torch.equal(whole.tiles(1).seen, normalise(data.image[[1]]))
    assert isinstance(view_of(data, Seen(CONTEXT, (16, 16), 100.0), "share", augmentation()), Whole)
    detail = view_of(data, Seen(DETAIL, (32, 32), 20.0), "share", augmentation())
    assert detail.batch(np.array([0, 3]), rngs(2)).shape == (2, 1, 32, 32)


def test_crops_of_densities_are_refused():
    data = replace(dataset(*spots(4)), points=None)
    with pytest.raises(AinuError, match="the detail view needs localizations, which images of kernel gaussian"):
        view_of(data, Seen(DETAIL, (32, 32), 20.0), "share", augmentation())
