"""Localizations rendered as images: one canvas of fixed physical size per nucleus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.failures import failure_of
from ainu.files import read_json, write_json
from ainu.hdf5 import STORAGE, open_file, write_array
from ainu.images.binning import planes_of
from ainu.images.gaussian import add_kernels, spread
from ainu.images.settings import FITTED, Render
from ainu.images.sparse_grid import order_by_place
from ainu.localizations.table import Localizations, load
from ainu.nuclei.orientation import Pose
from ainu.nuclei.table import read_nuclei
from ainu.quality.blinks import emitters
from ainu.shards import write_shard

BLOCK = 32_768
"""Localizations that are counted at a time."""
STEP_NM = 3200.0
"""Fitted canvases grow in steps, so that a new nucleus seldom changes the images of all others."""
STEP_VOXELS = 160
"""Longest step in voxels: objects that are looked at in voxels of a few nm are small."""


def voxelize(
    localizations: Localizations,
    render: Render,
    *,
    channels: Sequence[str] | None = None,
    pose: Pose | None = None,
) -> NDArray[Any]:
    """Render the localizations of one nucleus on a canvas centred on it.

    Parameters
    ----------
    localizations : Localizations
        Of one nucleus, at least one.
    render : Render
        Its canvas measured, where that is to be fitted.
    channels : sequence of str, optional
        Channels of the image, in this order; the table's own by default. A channel that the table lacks stays empty.
    pose : Pose, optional
        Middle and direction of the canvas; by default as the render places it.

    Returns
    -------
    (C, Y, X) or (C, Z, Y, X), uint16 or float32
        Counts, or densities. Each localization on the canvas adds 1 in total; others are left out. `AinuError` where a
        voxel holds more than 65,535 localizations, or z or precision are needed and were not measured.
    """
    channels = localizations.channels if channels is None else tuple(channels)
    pose = pose or render.pose(localizations)
    z_nm = 0.0 if localizations.z is None else float(localizations.z.mean(dtype=np.float64))
    planes = planes_of(localizations.channels, channels)
    shape = (len(channels), *render.shape)
    # Blocks that fit into the processor's cache: three times as fast as one pass over everything.
    blocks = [localizations[start : start + BLOCK] for start in range(0, len(localizations), BLOCK)]
    flat = (_voxel(block, render, pose, z_nm, planes, shape) for block in blocks)
    if render.kernel == "count":
        return _count(flat, shape, render)
    total = np.zeros(int(np.prod(shape)))
    inside = np.concatenate([places < len(total) for places in flat]) if blocks else np.zeros(0, bool)
    seen = localizations[inside]
    places = _places(seen, render, pose, z_nm)
    spreads = [spread(seen, render, axis) for axis in range(len(places))]
    add_kernels(total, planes[seen.channel], places, spreads, shape)
    return total.astype(np.float32).reshape(shape)


def _voxel(
    localizations: Localizations,
    render: Render,
    pose: Pose,
    z_nm: float,
    planes: NDArray[np.int32],
    shape: tuple[int, ...],
) -> NDArray[np.intp]:
    """(n,) index of each localization's voxel in the flattened image; one past its end for those beyond the canvas."""
    flat = planes.take(localizations.channel).astype(np.intp)
    inside = _within(flat, 0, shape[0])
    for place, n in zip(_places(localizations, render, pose, z_nm), shape[1:], strict=True):
        inside &= _within(place, 0, n)
        flat = flat * n + place.astype(np.int32)
    flat[~inside] = int(np.prod(shape))
    return flat


def _within(values: NDArray[Any], low: int, high: int) -> NDArray[np.bool_]:
    """(n,) whether low <= value < high; tests the extremes first, since mostly all are."""
    if len(values) and values.min() >= low and values.max() < high:
        return np.ones(len(values), bool)
    return (values >= low) & (values < high)


def _places(localizations: Localizations, render: Render, pose: Pose, z_nm: float) -> list[NDArray[Any]]:
    """Positions in voxels from the corner of the canvas: (z,) y, x."""
    n, voxel = render.pixels, np.float32(render.voxel_nm)
    u, v = pose.relative(localizations.x, localizations.y)
    places = [v / voxel + np.float32(n / 2), u / voxel + np.float32(n / 2)]
    if render.dimensions == 2:
        return places
    if localizations.z is None:
        raise AinuError("a render in 3 dimensions needs z, which this sample lacks; set dimensions: 2")
    z = localizations.z - np.float32(z_nm)
    assert render.voxel_z_nm
    return [z / np.float32(render.voxel_z_nm) + np.float32(render.planes / 2), *places]


def _count(flat: Iterable[NDArray[np.intp]], shape: tuple[int, ...], render: Render) -> NDArray[np.uint16]:
    counts = np.zeros(int(np.prod(shape)) + 1, np.uint32)
    for places in flat:
        np.add.at(counts, places, np.uint32(1))
    counts = counts[:-1]
    if counts.max(initial=0) > np.iinfo(np.uint16).max:
        raise AinuError(f"a voxel of {render.voxel_nm:g} nm holds {counts.max()} localizations; at most 65535 fit")
    return counts.astype(np.uint16).reshape(shape)


def fit_canvas(nuclei: Iterable[str | Path], render: Render, output: str | Path) -> None:
    """Measure the fitted canvas of a render: the fewest steps that hold every nucleus of the run.

    A step is 3.2 µm, or 160 voxels where that is less, in whole voxels.

    Parameters
    ----------
    nuclei : paths
        The nuclei files of all shards, since all nuclei of a render share one canvas.
    render : Render
        Its `voxel_nm` and `align` count.
    output : path
        JSON with `canvas_nm`.
    """
    column = "aligned_reach_nm" if render.align == "long_axis" else "reach_nm"
    reach = 0.0
    for path in nuclei:
        with open_file(path) as file:
            found = [group["table"][column][()] for group in file.values() if not failure_of(group)]
            reach = max([reach, *(values.max(initial=0.0) for values in found)])
    step = max(1, int(min(STEP_NM / render.voxel_nm + 1e-9, STEP_VOXELS)))
    # A thousandth of a voxel more, so that rounding puts none outside.
    steps = max(1, int(np.ceil((2 * reach / render.voxel_nm + 1e-3) / step)))
    write_json(output, {"canvas_nm": steps * step * render.voxel_nm})


def voxelize_shard(
    inputs: Mapping[str, str],
    output: str | Path,
    samples: Sequence[str],
    render: Render,
    channels: Sequence[str],
    threads: int = 1,
    name: str = "",
) -> None:
    """Render every nucleus of a shard's samples.

    Parameters
    ----------
    inputs : mapping
        The shard's `raw`, `drift`, `quality` and `nuclei` files and, for a fitted canvas, `canvas`.
    output : path
        HDF5 with a group per sample.
    samples : sequence of str
        Groups of the file, in this order.
    render : Render
        How each nucleus is rendered.
    channels : sequence of str
        Channels of the images, in this order.
    threads : int
        Processes.
    name : str
        Name of the render, for messages.
    """
    if render.canvas_nm == FITTED:
        render = replace(render, canvas_nm=read_json(inputs["canvas"])["canvas_nm"])
    work = partial(_voxelize_sample, dict(inputs), render, tuple(channels))
    write_shard(output, samples, work, threads=threads, title=f"voxelize {name}".strip())


def _voxelize_sample(
    inputs: dict[str, str], render: Render, channels: tuple[str, ...], sample: str, group: h5py.Group
) -> None:
    table = load(inputs["raw"], sample, drift=inputs["drift"], quality=inputs["quality"], nuclei=inputs["nuclei"])
    found = read_nuclei(inputs["nuclei"], sample).table
    parts = split_by_nucleus(table, len(found))
    poses = [render.pose(part) for part in parts]
    shape = (len(channels), *render.shape)
    image = new_images(group, shape, render.dtype, len(parts))
    clipped = []
    for index, (part, pose) in enumerate(zip(parts, poses, strict=True)):
        own = voxelize(part, render, channels=channels, pose=pose)
        image[index] = own
        seen = own.reshape(len(channels), -1).sum(axis=1, dtype=np.float64)
        clipped.append(_per_channel(part, channels) - np.rint(seen).astype(np.int64))
    counts = np.array([_per_channel(part, channels) for part in parts], np.uint32).reshape(-1, len(channels))
    write_array(group, "nucleus", np.array([f"{sample}/{k}" for k in found["nucleus"]], dtype=object))
    write_array(group, "localizations", counts)
    write_array(group, "clipped", np.array(clipped, np.int64).reshape(-1, len(channels)))
    write_array(group, "area_um2", found["area_um2"].to_numpy(np.float32))
    write_array(group, "origin_nm", np.array([_corner(pose, render) for pose in poses]).reshape(-1, 2))
    write_array(group, "angle_rad", np.array([pose.angle_rad for pose in poses], np.float64))
    group.attrs.update(channels=list(channels), voxel_size_nm=render.voxel_nm)
    if render.dimensions == 3:
        group.attrs["voxel_z_nm"] = render.voxel_z_nm


def new_images(group: h5py.Group, shape: tuple[int, ...], dtype: Any, count: int) -> h5py.Dataset:
    """An empty dataset `image` (count, *shape) that can grow, one chunk per nucleus.

    Parameters
    ----------
    group : h5py.Group
        Where it is made.
    shape : tuple of int
        Of one image: (C, Y, X) or (C, Z, Y, X).
    dtype : dtype
        Of the values.
    count : int
        Images at first.

    Returns
    -------
    h5py.Dataset
    """
    return group.create_dataset("image", (count, *shape), dtype, maxshape=(None, *shape), chunks=(1, *shape), **STORAGE)


def _corner(pose: Pose, render: Render) -> tuple[float, float]:
    """Position (x, y) in the field, nm, of the corner of voxel (0, 0)."""
    half = render.pixels * render.voxel_nm / 2
    c, s = np.cos(pose.angle_rad), np.sin(pose.angle_rad)
    return pose.x_nm - half * (c - s), pose.y_nm - half * (s + c)


def canvas_pose(corner_nm: Sequence[float], angle_rad: float, edge_nm: float) -> Pose:
    """The pose of a canvas in the field.

    Parameters
    ----------
    corner_nm : (2,) float
        Position (x, y) in the field of the corner of its voxel (0, 0).
    angle_rad : float
        Angle of its x axis in the field.
    edge_nm : float
        Its edge.

    Returns
    -------
    Pose
    """
    half, c, s = edge_nm / 2, np.cos(angle_rad), np.sin(angle_rad)
    return Pose(corner_nm[0] + half * (c - s), corner_nm[1] + half * (s + c), float(angle_rad))


def _per_channel(localizations: Localizations, channels: Sequence[str]) -> NDArray[np.int64]:
    """(C,) localizations of each of the channels."""
    plane = planes_of(localizations.channels, channels)[localizations.channel]
    return np.bincount(plane + 1, minlength=len(channels) + 1)[1:]


def canvas_positions(localizations: Localizations, pose: Pose) -> NDArray[np.float32]:
    """Positions on the canvas of a nucleus: (n, 2 or 3) float32 x, y and z in nm from its middle."""
    axes = list(pose.relative(localizations.x, localizations.y))
    if localizations.z is not None:
        axes.append(localizations.z - np.float32(localizations.z.mean(dtype=np.float64)))
    return np.stack(axes, axis=1).astype(np.float32)


def dataset_order(localizations: Localizations, seen: NDArray[np.bool_], angle_rad: float) -> NDArray[np.intp]:
    """The order in which the dataset of an experiment holds the localizations of a nucleus.

    Parameters
    ----------
    localizations : Localizations
        Of the nucleus, in all channels of the run.
    seen : (n,) bool
        Which of them lie in the channels of the experiment.
    angle_rad : float
        By which its image is turned.

    Returns
    -------
    (m,) int
        Rows of those that are seen.
    """
    position = canvas_positions(localizations, Pose.of(localizations.x, localizations.y, aligned=False))
    own = np.flatnonzero(seen)
    order = own[order_by_place(position[own])]
    return order[order_by_place(Pose(0.0, 0.0, angle_rad).turned(position[order]))]


def split_by_nucleus(localizations: Localizations, count: int) -> list[Localizations]:
    """The localizations of each of the nuclei 1 to `count`."""
    assert localizations.nucleus is not None
    order = np.argsort(localizations.nucleus, kind="stable")
    bounds = np.searchsorted(localizations.nucleus[order], np.arange(1, count + 2))
    return [localizations[order[start:stop]] for start, stop in pairwise(bounds)]


def grid_shard(
    inputs: Mapping[str, str], output: str | Path, samples: Sequence[str], channels: Sequence[str], threads: int = 1
) -> None:
    """Write the sparse grid of every nucleus of a shard's samples: its localizations, ordered by place.

    Parameters
    ----------
    inputs : mapping
        The shard's `raw`, `drift`, `quality` and `nuclei` files.
    output : path
        HDF5 with a group per sample: `position` (nm from the middle of the nucleus), `channel`, `precision` (nm, NaN
        where it was not measured), `emitter` (its number in the nucleus, by `quality.blinks.emitters`; -1 where it is
        not known), one nucleus after the other, and `count`, how many localizations each one has.
    samples : sequence of str
        Groups of the file, in this order.
    channels : sequence of str
        Of the images, in their order.
    threads : int
        Processes.
    """
    work = partial(_grid_sample, dict(inputs), tuple(channels))
    write_shard(output, samples, work, threads=threads, title="voxelize views")


def numbered(emitter: NDArray[np.intp]) -> NDArray[np.int32]:
    """(n,) emitters counted from 0 in the order in which they first occur, which takes less disk; -1 stays."""
    found, known = np.full(len(emitter), -1, np.int32), emitter >= 0
    _, first, member = np.unique(emitter[known], return_index=True, return_inverse=True)
    found[known] = np.argsort(np.argsort(first))[member]
    return found


def _grid_sample(inputs: dict[str, str], channels: tuple[str, ...], sample: str, group: h5py.Group) -> None:
    table = load(inputs["raw"], sample, drift=inputs["drift"], quality=inputs["quality"], nuclei=inputs["nuclei"])
    parts = split_by_nucleus(table, len(read_nuclei(inputs["nuclei"], sample).table))
    dimensions = 2 if table.z is None else 3
    columns: dict[str, list[NDArray[Any]]] = {
        "position": [np.zeros((0, dimensions), np.float32)],
        "channel": [np.zeros(0, np.uint8)],
        "precision": [np.zeros(0, np.float32)],
        "emitter": [np.zeros(0, np.int32)],
        "count": [np.zeros(0, np.int64)],
    }
    for part in parts:
        plane = planes_of(part.channels, channels)[part.channel]
        position = canvas_positions(part, Pose.of(part.x, part.y, aligned=False))
        seen = np.flatnonzero(plane >= 0)
        rows = seen[order_by_place(position[seen])]
        precision = np.full(len(part), np.nan, np.float32) if part.precision is None else part.precision
        columns["position"].append(position[rows])
        columns["channel"].append(plane[rows].astype(np.uint8))
        columns["precision"].append(precision[rows])
        columns["emitter"].append(numbered(emitters(part)[rows]))
        columns["count"].append(np.array([len(rows)], np.int64))
    for name, parts_of in columns.items():
        write_array(group, name, np.concatenate(parts_of))
    group.attrs["channels"] = list(channels)
