"""Images and localizations from which counts, density or blinks were taken agree with one another."""

from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest
from stage_files import write_stages

from ainu import AinuError, Render, find_nuclei, simulate
from ainu.images.assemble import assemble
from ainu.images.binning import bin_counts
from ainu.images.dataset import Dataset, Points, read
from ainu.images.merging import merged_blinks
from ainu.images.render import grid_shard, numbered, voxelize_shard
from ainu.images.sparse_grid import order_by_place
from ainu.images.thinning import equal_counts
from ainu.quality.blinks import emitters
from ainu.simulation.conditions import Condition


def points_of(position, channel, number, emitter=None, precision=None) -> Points:
    """Localizations of nuclei that have so many each."""
    start = np.concatenate([[0], np.cumsum(number)]).astype(np.int64)
    emitter = None if emitter is None else np.array(emitter, np.int32)
    return Points(np.array(position, np.float32), np.array(channel, np.uint8), precision, start, emitter)


def dataset(points: Points, area_um2) -> Dataset:
    """Nuclei of two channels on 8 x 8 voxels of 100 nm."""
    n = len(area_um2)
    parts = [points.of(k) for k in range(n)]
    names = np.array([f"s{k}/1" for k in range(n)])
    return Dataset(
        image=np.stack([bin_counts(own.position, own.channel, (2, 8, 8), 100.0) for own in parts]).astype(np.uint16),
        **dict.fromkeys(("nucleus", "sample", "replicate", "label"), names),
        localizations=points.counts(2).astype(np.uint32),
        area_um2=np.array(area_um2, np.float32),
        origin_nm=np.zeros((n, 2)),
        angle_rad=np.zeros(n),
        channels=("PolII", "DNA"),
        voxel_size_nm=100.0,
        points=points,
    )


def scattered(numbers, area_um2) -> Dataset:
    """Nuclei with so many localizations of each channel, (n, 2)."""
    rng, numbers = np.random.default_rng(0), np.array(numbers)
    channel = np.concatenate([np.repeat([0, 1], own) for own in numbers])
    position = rng.uniform(-399, 399, (len(channel), 2)).astype(np.float32)
    start = np.concatenate([[0], np.cumsum(numbers.sum(axis=1))])
    rows = [low + order_by_place(position[low:high]) for low, high in pairwise(start)]
    order = np.concatenate(rows)
    return dataset(points_of(position[order], channel[order], numbers.sum(axis=1)), area_um2)


def test_whole_nuclei_are_equal_in_total_and_crops_per_area():
    data = scattered([[400, 900], [300, 200], [500, 800]], [2.0, 1.0, 4.0])
    made = equal_counts(data, seed=1)
    assert made.image_counts.tolist() == [[300, 200]] * 3
    assert made.points.counts(2).tolist() == [[300, 200]] * 3
    assert made.detail.counts(2).tolist() == [[250, 400], [125, 200], [500, 800]]
    assert np.array_equal(made.detail.of(2).position, data.points.of(2).position)
    again, other = equal_counts(data, seed=1), equal_counts(data, seed=2)
    assert np.array_equal(made.detail.position, again.detail.position)
    assert not np.array_equal(made.detail.position, other.detail.position)


def test_some_nuclei_of_equal_counts_keep_their_own_localizations():
    made = equal_counts(scattered([[40, 90], [30, 20], [50, 80]], [2.0, 1.0, 4.0]), seed=1)
    some = made[np.array([2, 0])]
    assert np.array_equal(some.detail.of(0).position, made.detail.of(2).position)
    assert np.array_equal(some.detail.of(1).position, made.detail.of(0).position)


def blinking() -> Dataset:
    """Two nuclei: emitters of three, two and one localizations; and one of two."""
    position = [[0, 0], [250, 0], [6, 0], [10, 0], [0, 3], [150, -50], [-100, 20], [-100, 40]]
    channel, emitter = [0, 1, 0, 1, 0, 1, 1, 1], [0, 1, 0, 1, 0, -1, 4, 4]
    precision = np.array([6, 10, 6, 10, 6, 7, 3, 4], np.float32)
    return dataset(points_of(position, channel, [6, 2], emitter, precision), [1.0, 1.0])


def test_an_emitter_becomes_one_localization_at_its_mean():
    made = merged_blinks(blinking())
    first, second = made.points.of(0), made.points.of(1)
    found = {
        tuple(place): (int(channel), round(float(error), 3))
        for place, channel, error in zip(first.position.tolist(), first.channel, first.precision, strict=True)
    }
    assert found == {(2.0, 1.0): (0, 3.464), (130.0, 0.0): (1, 7.071), (150.0, -50.0): (1, 7.0)}
    assert second.position.tolist() == [[-100.0, 30.0]]
    assert second.precision.tolist() == [2.5]
    assert made.localizations.tolist() == [[1, 2], [0, 1]]
    assert made.image_counts.tolist() == [[1, 2], [0, 1]]
    assert made.image[0, 1, 4, 5] == 1
    assert made.image[0, 1, 3, 5] == 1
    assert blinking().points.emitters == made.points.counts(2).sum() == 4


def test_merged_localizations_are_ordered_by_place():
    rng = np.random.default_rng(3)
    position = rng.uniform(-2000, 2000, (400, 2)).astype(np.float32)
    position = position[order_by_place(position)]
    made = merged_blinks(dataset(points_of(position, np.zeros(400), [400], rng.integers(0, 200, 400)), [1.0]))
    assert np.array_equal(order_by_place(made.points.position), np.arange(len(made.points.position)))


def test_where_no_emitter_is_known_nothing_can_be_merged():
    data = blinking()
    assert data.knows_emitters
    for points in (replace(data.points, emitter=None), None):
        unknown = replace(data, points=points)
        assert not unknown.knows_emitters
        with pytest.raises(AinuError, match="which localizations show the same emitter"):
            merged_blinks(unknown)


def test_emitters_are_numbered_in_the_order_of_the_localizations():
    assert numbered(np.array([7, 3, -1, 7, 0, 3])).tolist() == [0, 1, -1, 0, 2, 1]
    assert numbered(np.zeros(0, np.intp)).tolist() == []


@pytest.mark.parametrize("channels", [["PolII", "DNA"], ["DNA"]])
def test_a_dataset_knows_the_emitters_that_its_localizations_show(tmp_path, channels):
    table, _ = simulate(Condition(drift_nm=0.0, frames=800), seed=1)
    nuclei = find_nuclei(table)
    inputs = write_stages(tmp_path, table, nuclei, [(0, len(table), {"verdict": "no drift"})])
    voxelize_shard(inputs, tmp_path / "v.h5", ["fov"], Render(200.0, 12800.0, align="long_axis"), ["PolII", "DNA"])
    grid_shard(inputs, tmp_path / "g.h5", ["fov"], ["PolII", "DNA"])
    rows = [{"sample": "fov", "shard": "s1", "replicate": "r", "label": "x"}]
    assemble({"s1": tmp_path / "v.h5"}, rows, channels, tmp_path / "d.h5", {"s1": tmp_path / "g.h5"})
    data = read(tmp_path / "d.h5")
    own = table[nuclei.label == 1]
    own = own[np.isin(own.channel, [own.channels.index(name) for name in channels])]
    assert data.points.emitters == len(np.unique(emitters(own))) < len(own) / 1.2
    merged = merged_blinks(data)
    assert merged.image.sum() == len(np.unique(emitters(own)))
    known = np.unique(data.points.emitter)[:50]
    spread = [np.ptp(data.points.position[data.points.emitter == k], axis=0).max() for k in known]
    assert max(spread) < 3 * 3 * np.median(own.precision)
    with h5py.File(tmp_path / "g.h5") as file:
        assert file["fov/emitter"].dtype == np.int32
