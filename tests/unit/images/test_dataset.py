"""A dataset holds the images of its samples as they were made."""

import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from defaults import augmentation

from ainu.hdf5 import new_file, write_array
from ainu.images.assemble import assemble
from ainu.images.binning import bin_counts
from ainu.images.dataset import read, voxel_centres
from ainu.images.render import dataset_order, fit_canvas, grid_shard, voxelize, voxelize_shard
from ainu.images.settings import Render
from ainu.images.sparse_grid import SparseGrid
from ainu.images.views import view_of
from ainu.networks.seen import DETAIL, Seen
from ainu.nuclei.find import find_nuclei
from ainu.nuclei.orientation import Pose
from ainu.simulation.conditions import Condition
from ainu.simulation.fields import simulate

RENDERS = {
    "count": Render(200.0, 12800.0),
    "gaussian": Render(200.0, 12800.0, "gaussian"),
    "stack": Render(400.0, 12800.0, dimensions=3, voxel_z_nm=100.0, depth_nm=2000.0),
    "aligned": Render(200.0, "fitted", align="long_axis"),
}


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    """Stage files of one sample with two nuclei."""
    folder = tmp_path_factory.mktemp("shard")
    table, _ = simulate(Condition(nuclei=2, drift_nm=0.0), seed=1)
    rng = np.random.default_rng(0)
    table = replace(table, z=rng.normal(0, 200, len(table)), meta={"acquisition": [0, 0]})
    table.save(folder / "raw.h5", "fov")
    nuclei = find_nuclei(table)
    with new_file(folder / "drift.h5") as file:
        write_array(own := file.create_group("fov/0"), "shift", np.zeros((0, 2), np.float32))
        write_array(own, "frame", np.zeros(0, np.int64))
        own.attrs["rows"] = (0, len(table))
    with new_file(folder / "quality.h5") as file:
        write_array(file.create_group("fov"), "reason", np.zeros(len(table), np.uint8))
    with new_file(folder / "nuclei.h5") as file:
        group = file.create_group("fov")
        write_array(group, "label", nuclei.label)
        write_array(group, "mask", nuclei.mask)
        group["mask"].attrs.update(x_nm=nuclei.grid.x_nm, y_nm=nuclei.grid.y_nm, pixel_nm=nuclei.grid.pixel_nm)
        for name, values in nuclei.table.items():
            write_array(group.require_group("table"), str(name), values.to_numpy())
    inputs = {name: str(folder / f"{name}.h5") for name in ("raw", "drift", "quality", "nuclei")}
    return inputs, table, nuclei


@pytest.mark.parametrize("name", RENDERS)
def test_images_go_through_unchanged(shard, tmp_path, name):
    inputs, table, nuclei = shard
    render = RENDERS[name]
    fit_canvas([inputs["nuclei"]], render, tmp_path / "canvas.json")
    given = {**inputs, "canvas": str(tmp_path / "canvas.json")}
    for file in ("a.h5", "b.h5"):
        voxelize_shard(given, tmp_path / file, ["fov"], render, ["PolII", "DNA"])
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    rows = [{"sample": "fov", "shard": "s1", "replicate": "r", "label": "x"}]
    assemble({"s1": tmp_path / "a.h5"}, rows, ["DNA", "PolII"], tmp_path / "dataset.h5")
    found = read(tmp_path / "dataset.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        canvas_nm = file["fov/image"].shape[-1] * render.voxel_nm
        clipped = file["fov/clipped"][()]
    for index in range(2):
        own = table[nuclei.label == index + 1]
        expected = voxelize(own, replace(render, canvas_nm=canvas_nm), channels=["DNA", "PolII"])
        assert found.image[index].dtype == expected.dtype
        assert (found.image[index] == expected).all()
        assert found.localizations[index].sum() == len(own)
        assert (clipped[index].sum() == len(own) - round(float(expected.sum(dtype=float)))) or render.kernel != "count"
    assert found.voxel_z_nm == render.voxel_z_nm
    if render.canvas_nm == "fitted":
        assert clipped.tolist() == [[0, 0], [0, 0]]


def made(inputs, folder, render: Render, channels=("PolII", "DNA"), samples=("fov",)):
    """The dataset of these samples, with their localizations."""
    fit_canvas([inputs["nuclei"]], render, folder / "canvas.json")
    given = {**inputs, "canvas": str(folder / "canvas.json")}
    voxelize_shard(given, folder / "voxels.h5", samples, render, ["PolII", "DNA"])
    grid_shard(inputs, folder / "grid.h5", samples, ["PolII", "DNA"])
    rows = [{"sample": name, "shard": "s1", "replicate": "r", "label": "x"} for name in samples]
    assemble({"s1": folder / "voxels.h5"}, rows, channels, folder / "dataset.h5", {"s1": folder / "grid.h5"})
    return folder / "dataset.h5"


@pytest.mark.parametrize("name", ["count", "stack", "aligned"])
@pytest.mark.parametrize("channels", [("DNA", "PolII"), ("DNA",)])
def test_localizations_lie_on_the_canvases_of_the_images_ordered_by_place(shard, tmp_path, name, channels):
    inputs, table, nuclei = shard
    found = read(made(inputs, tmp_path, RENDERS[name], channels))
    for index in range(2):
        own = found.points.of(index)
        SparseGrid.of(own.position)  # refuses what is not in order
        sizes = (found.voxel_size_nm, found.voxel_z_nm)
        binned = bin_counts(own.position, own.channel, found.image.shape[1:], *sizes)
        # Rounding may put a localization on a border of voxels into either one.
        assert np.abs(binned - found.image[index]).sum() <= 2 * (1 + 1e-3 * binned.sum())
        assert binned.sum() == pytest.approx(found.image[index].sum(), abs=2)
        assert np.bincount(own.channel).tolist() == found.localizations[index].tolist()
        assert own.position.shape[1] == (3 if name == "stack" else 2)
        kept = table[(nuclei.label == index + 1) & np.isin(table.channel, [table.channels.index(c) for c in channels])]
        assert np.sort(own.precision).tolist() == np.sort(kept.precision).tolist()


@pytest.mark.parametrize("name", ["count", "aligned"])
@pytest.mark.parametrize("channels", [("PolII", "DNA"), ("DNA",)])
def test_the_order_of_a_dataset_is_found_again_from_the_localizations_of_a_nucleus(shard, tmp_path, name, channels):
    inputs, table, nuclei = shard
    found = read(made(inputs, tmp_path, RENDERS[name], channels))
    for index in range(2):
        part = table[nuclei.label == index + 1]
        seen = np.isin(part.channel, [part.channels.index(own) for own in channels])
        order = dataset_order(part, seen, float(found.angle_rad[index]))
        assert np.array_equal(part.precision[order], found.points.of(index).precision)


def test_samples_with_and_without_z_make_one_flat_dataset(shard, tmp_path):
    inputs, table, _ = shard
    both = {name: str(tmp_path / f"{name}.h5") for name in inputs}
    for name, path in inputs.items():
        shutil.copyfile(path, both[name])
        with h5py.File(both[name], "r+") as file:
            for group in [own for own in file if own.startswith("fov")]:
                file.copy(group, group.replace("fov", "flat"))
    with h5py.File(both["raw"], "r+") as file:
        del file["flat"]
    replace(table, z=None).save(tmp_path / "plane.h5", "flat")
    with h5py.File(both["raw"], "r+") as file, h5py.File(tmp_path / "plane.h5") as plane:
        plane.copy("flat", file)
    found = read(made(both, tmp_path, RENDERS["count"], samples=("fov", "flat")))
    assert found.points.position.shape[1] == 2
    pairs = [(found.points.of(k), found.points.of(k + 2)) for k in range(2)]
    assert all(np.array_equal(one.position, other.position) for one, other in pairs)


def test_grids_and_datasets_are_the_same_bytes_every_time(shard, tmp_path):
    inputs, *_ = shard
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made(inputs, tmp_path / name, RENDERS["count"])
    for name in ("grid.h5", "dataset.h5"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("block_bytes", [1 << 24, 1])
def test_a_dataset_on_disk_is_the_same_as_in_memory(shard, tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr("ainu.images.dataset.BLOCK_BYTES", block_bytes)
    inputs, *_ = shard
    path = made(inputs, tmp_path, RENDERS["count"], ["DNA", "PolII"])
    memory, disk = read(path), read(path, memory_gb=1e-6)
    pairs = [(memory.image, disk.image)]
    names = ("position", "channel", "precision", "start")
    pairs += [(getattr(memory.points, name), getattr(disk.points, name)) for name in names]
    assert all(np.array_equal(one, other) for one, other in pairs)
    for mapped in (disk.image, disk.points.position, disk.points.channel):
        assert isinstance(mapped, np.memmap)


def test_crops_of_a_dataset_on_disk_are_those_in_memory(shard, tmp_path):
    inputs, *_ = shard
    path, seen = made(inputs, tmp_path, RENDERS["count"]), Seen(DETAIL, (32, 32), 20.0)
    settings = augmentation(thin=0.3, jitter=1.0, drop_background=0.3)
    memory, disk = (view_of(read(path, gigabytes), seen, "share", settings) for gigabytes in (None, 1e-6))
    rows = np.array([1, 0, 1, 1])
    given = [[np.random.default_rng(slot) for slot in range(4)] for _ in range(2)]
    assert torch.equal(memory.batch(rows, given[0]), disk.batch(rows, given[1]))
    one, other = memory.tiles(1), disk.tiles(1)
    assert torch.equal(one.seen, other.seen)
    assert torch.equal(one.weight, other.weight)


def test_some_nuclei_of_a_dataset_bring_their_localizations(shard, tmp_path):
    inputs, *_ = shard
    found = read(made(inputs, tmp_path, RENDERS["count"]))
    swapped = found[np.array([1, 0, 1])]
    for own, other in zip(range(3), (1, 0, 1), strict=True):
        assert np.array_equal(swapped.points.of(own).position, found.points.of(other).position)
        assert np.array_equal(swapped.points.of(own).channel, found.points.of(other).channel)


def test_voxel_centres_are_where_a_voxel_of_a_turned_canvas_lies(shard, tmp_path):
    inputs, table, nuclei = shard
    fit_canvas([inputs["nuclei"]], RENDERS["aligned"], tmp_path / "canvas.json")
    given = {**inputs, "canvas": str(tmp_path / "canvas.json")}
    voxelize_shard(given, tmp_path / "v.h5", ["fov"], RENDERS["aligned"], ["PolII", "DNA"])
    rows = [{"sample": "fov", "shard": "s1", "replicate": "r", "label": "x"}]
    assemble({"s1": tmp_path / "v.h5"}, rows, ["PolII", "DNA"], tmp_path / "dataset.h5")
    found = read(tmp_path / "dataset.h5")
    own = table[nuclei.label == 1]
    x, y = voxel_centres(found, 0)
    weight = found.image[0].sum(axis=0)
    assert np.average(x, weights=weight) == pytest.approx(own.x.mean(), abs=20)
    assert np.average(y, weights=weight) == pytest.approx(own.y.mean(), abs=20)
    pose = Pose.of(own.x, own.y)
    assert np.cov(x.ravel(), y.ravel(), aweights=weight.ravel())[0, 1] == pytest.approx(
        np.cov(own.x, own.y)[0, 1], rel=0.05
    )
    assert found.angle_rad[0] == pose.angle_rad
