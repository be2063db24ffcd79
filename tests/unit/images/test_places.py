"""Where crops of a nucleus lie: in training and in prediction by one law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ainu.images.places import draw_place, tile_grid

SIZE = np.array([640.0, 640.0])


def nucleus(n: int, seed: int, channels: int = 2, dimensions: int = 2):
    """Positions and channels of n localizations, the first channel on one side and ten times as frequent."""
    rng = np.random.default_rng(seed)
    channel = (rng.random(n) < 0.1).astype(np.uint8) if channels == 2 else np.zeros(n, np.uint8)
    position = rng.normal(0, 700, (n, dimensions))
    position[:, 0] += np.where(channel == 0, -900, 900)
    return position.astype(np.float32), channel


@given(st.integers(1, 300), st.integers(0, 10**6), st.sampled_from([2, 3]), st.sampled_from([0.0, 0.25, 0.5, 0.9]))
def test_tiles_hold_every_localization_once_and_weigh_as_much_as_they_hold(n, seed, dimensions, shift):
    position, channel = nucleus(n, seed, dimensions=dimensions)
    size = np.array([640.0, 640.0, 400.0])[:dimensions]
    centre, weight = tile_grid(position, channel, 2, size, shift)
    place = (position[:, None] - centre[None]) / size
    inside = ((place >= -0.5) & (place < 0.5)).all(axis=2)
    assert (inside.sum(axis=1) == 1).all()
    assert weight.sum() == pytest.approx(1)
    present = [own for own in range(2) if (channel == own).any()]
    wanted = np.mean([inside[channel == own].mean(axis=0) for own in present], axis=0)
    assert np.allclose(weight, wanted)
    assert weight.min() > 0


@given(st.integers(1, 5), st.floats(0.1, 3000))
def test_localizations_at_the_rim_of_the_last_tile_lie_in_it(tiles, x):
    position = np.array([[x, 0], [x + tiles * 640, 0]], np.float32)
    centre, _ = tile_grid(position, np.zeros(2, np.uint8), 1, SIZE)
    assert (np.abs(position[:, None] - centre[None]) < 320).all(axis=2).sum(axis=1).tolist() == [1, 1]


def test_tiles_moved_by_half_have_their_corners_in_the_middle_of_the_others():
    position, channel = nucleus(2000, 4)
    middles, corners = (tile_grid(position, channel, 2, SIZE, shift)[0] + shift * SIZE for shift in (0.0, 0.5))
    steps = (corners[0] - middles[0]) / SIZE
    assert np.allclose(steps, np.round(steps))


def test_empty_tiles_are_not_there():
    position = np.array([[-2000, 0], [2000, 0]], np.float32)
    centre, weight = tile_grid(position, np.zeros(2, np.uint8), 1, SIZE)
    assert len(centre) == 2
    assert weight.tolist() == [0.5, 0.5]
    assert np.allclose(centre[0], -centre[1])


def test_a_nucleus_without_localizations_is_one_tile_in_its_middle():
    nothing = np.zeros((0, 2), np.float32), np.zeros(0, np.uint8)
    centre, weight = tile_grid(*nothing, 2, SIZE)
    assert (centre.tolist(), weight.tolist()) == ([[0.0, 0.0]], [1.0])
    assert draw_place(*nothing, 2, SIZE, np.random.default_rng(0)).tolist() == [0.0, 0.0]


def test_a_channel_counts_as_much_as_another_however_few_localizations_it_has():
    position = np.array([[-1000, 0]] * 99 + [[1000, 0]], np.float32)
    channel = np.array([0] * 99 + [1], np.uint8)
    _, weight = tile_grid(position, channel, 2, SIZE)
    assert weight == pytest.approx([0.5, 0.5])
    rng = np.random.default_rng(0)
    drawn = np.array([draw_place(position, channel, 2, SIZE, rng)[0] for _ in range(2000)])
    assert np.mean(drawn < 0) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_training_crops_and_prediction_tiles_follow_one_law(dimensions):
    """A crop is as likely near the middle of a tile as the tile weighs: its density there is weight over volume."""
    position, channel = nucleus(300, 3, dimensions=dimensions)
    size = np.array([640.0, 640.0, 900.0])[:dimensions]
    centre, weight = tile_grid(position, channel, 2, size)
    rng = np.random.default_rng(1)
    n, reach = 30_000, 0.25 * size
    drawn = np.array([draw_place(position, channel, 2, size, rng) for _ in range(n)])
    heavy = np.argsort(weight)[-4:]
    for own, mass in zip(centre[heavy], weight[heavy], strict=True):
        around = own + rng.uniform(-1, 1, (400, dimensions)) * reach
        masses = [mass_of_box(position, channel, place, size) for place in around]
        assert mass_of_box(position, channel, own, size) == pytest.approx(mass)
        share = (np.abs(drawn - own) < reach).all(axis=1).mean()
        volume = np.prod(2 * reach / size)
        wanted, spread = np.mean(masses) * volume, np.std(masses) * volume / np.sqrt(len(masses))
        assert share == pytest.approx(wanted, abs=3.5 * np.hypot(spread, np.sqrt(wanted / n)))


def mass_of_box(position, channel, middle, size) -> float:
    """Mean over channels of the share of a channel's localizations in a box: what a tile there would weigh."""
    inside = (np.abs(position - middle) < size / 2).all(axis=1)
    return float(np.mean([inside[channel == own].mean() for own in np.unique(channel)]))


def test_over_all_places_a_mean_of_crops_is_the_mean_of_tiles():
    """What both ways say of a nucleus, of something that varies slowly from place to place."""
    position, channel = nucleus(2000, 5)
    centre, weight = tile_grid(position, channel, 2, SIZE)
    rng = np.random.default_rng(2)
    drawn = np.array([draw_place(position, channel, 2, SIZE, rng) for _ in range(20_000)])
    for function in (lambda at: at[:, 0], lambda at: at[:, 1], lambda at: np.hypot(*at.T)):
        assert function(drawn).mean() == pytest.approx(weight @ function(centre), abs=40)
