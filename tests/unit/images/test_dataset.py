"""A dataset holds the images of its samples as they were made."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from ainu.hdf5 import new_file, write_array
from ainu.images.assemble import assemble
from ainu.images.dataset import read, voxel_centres
from ainu.images.render import fit_canvas, voxelize, voxelize_shard
from ainu.images.settings import Render
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
    assert found.voxel_z_nm == render.voxel_z_nm
    if render.canvas_nm == "fitted":
        assert clipped.tolist() == [0, 0]


@pytest.mark.parametrize("block_bytes", [1 << 24, 1])
def test_a_dataset_on_disk_is_the_same_as_in_memory(shard, tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr("ainu.images.dataset.BLOCK_BYTES", block_bytes)
    inputs, *_ = shard
    voxelize_shard(inputs, tmp_path / "a.h5", ["fov"], RENDERS["count"], ["PolII", "DNA"])
    rows = [{"sample": "fov", "shard": "s1", "replicate": "r", "label": "x"}]
    assemble({"s1": tmp_path / "a.h5"}, rows, ["DNA", "PolII"], tmp_path / "dataset.h5", {"s1": inputs})
    memory, disk = read(tmp_path / "dataset.h5"), read(tmp_path / "dataset.h5", memory_gb=1e-6)
    pairs = [(memory.image, disk.image)]
    pairs += [(getattr(memory.points, name), getattr(disk.points, name)) for name in ("position", "channel", "start")]
    assert all(np.array_equal(one, other) for one, other in pairs)
    assert (memory.points.precision is None) == (disk.points.precision is None)
    assert isinstance(disk.image, np.memmap)
    assert isinstance(disk.points.position, np.memmap)


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
