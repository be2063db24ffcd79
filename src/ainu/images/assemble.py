"""The nuclei of an experiment's samples, gathered from their shards into one dataset."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.failures import SampleFailure
from ainu.hdf5 import append_rows, new_file, open_file, write_array
from ainu.images.binning import planes_of
from ainu.images.dataset import NUMBERS, SCHEMA, TEXT
from ainu.images.render import new_images
from ainu.images.sparse_grid import order_by_place
from ainu.nuclei.orientation import Pose
from ainu.shards import failure_lines, failures_in


def assemble(
    shards: Mapping[str, str | Path],
    samples: Iterable[Mapping[str, str]],
    channels: Sequence[str],
    output: str | Path,
    grids: Mapping[str, str | Path] | None = None,
    *,
    fingerprints: Iterable[str | Path] = (),
    on_bad_file: str = "skip",
    clipped_share: float = 1.0,
) -> int:
    """Gather the nuclei of some samples from their shards into one file, one sample in memory at a time.

    Samples that failed in an earlier stage are left out, with a message on stderr.

    Parameters
    ----------
    shards : mapping
        Voxel file of each shard, by the shard's name.
    samples : iterable of mapping
        `sample`, `shard`, `replicate`, `label` and, where known, `batch`, in the order of the dataset.
    channels : sequence of str
        Image channels to take, in this order.
    output : path
        The dataset to write.
    grids : mapping, optional
        Sparse grid of each shard (`images.sparse_grid`), where the dataset is to hold the localizations too.
    fingerprints : paths
        Fingerprint files of the shards (`folds.duplicate_recordings`). A sample without a fingerprint could be a copy
        of another one, and is left out.
    on_bad_file : str
        "skip" leaves out samples with a file that could not be read; "fail" stops.
    clipped_share : float
        Largest share of the localizations that may lie beyond the canvas.

    Returns
    -------
    int
        Number of nuclei.

    Raises
    ------
    AinuError
        No sample has a nucleus, all samples failed, the canvas cuts off more than `clipped_share`, or, with
        `on_bad_file` "fail", a file could not be read.
    """
    samples = list(samples)
    failed = failures_in([*shards.values(), *(grids or {}).values(), *fingerprints])
    absent = {row["sample"]: failed[row["sample"]] for row in samples if row["sample"] in failed}
    _refuse(output, absent, len(samples), on_bad_file)
    columns: dict[str, list[NDArray]] = {name: [] for name in ("nucleus", *NUMBERS, "clipped")}
    rows: list[tuple[str, str, str, str]] = []
    with new_file(output) as file:
        there = [row for row in samples if row["sample"] not in absent]
        for name, members in groupby(there, itemgetter("shard")):
            with open_file(shards[name]) as shard, open_file(grids[name]) if grids else nullcontext() as grid:
                for row in members:
                    taken = _append(file, shard[row["sample"]], list(channels), columns)
                    if grid:
                        _append_points(file, grid[row["sample"]], shard[row["sample"]], channels)
                    rows += [(row["sample"], row["replicate"], row["label"], row.get("batch", ""))] * taken
        if not rows:
            failures = f"\nsamples that failed:\n{failure_lines(absent)}" if absent else ""
            raise AinuError(f"{output}: no nucleus found in any sample; see results/qc and the key nuclei{failures}")
        for name, parts in columns.items():
            write_array(file, name, np.concatenate(parts))
        _refuse_clipped(file, clipped_share)
        for name, values in zip((*TEXT[1:], "batch"), zip(*rows, strict=True), strict=True):
            if name != "batch" or any(values):
                write_array(file, name, np.array(values, dtype=object))
        file.attrs.update(channels=list(channels), schema=SCHEMA)
    return len(rows)


def assemble_files(
    files: Mapping[str, Sequence[str]],
    samples: Iterable[Mapping[str, str]],
    channels: Sequence[str],
    output: str | Path,
    *,
    on_bad_file: str,
    clipped_share: float,
) -> int:
    """`assemble` from files named by their shards.

    Parameters
    ----------
    files : mapping
        `voxels` and `fingerprints` of the shards and, where the dataset is to hold the localizations too, `grids`.
    samples, channels, output, on_bad_file, clipped_share :
        As for `assemble`.

    Returns
    -------
    int
        Number of nuclei.
    """
    by_shard = {name: {Path(path).stem: path for path in paths} for name, paths in files.items()}
    given = (by_shard["voxels"], samples, channels, output, by_shard.get("grids"))
    fingerprints = by_shard["fingerprints"].values()
    return assemble(*given, fingerprints=fingerprints, on_bad_file=on_bad_file, clipped_share=clipped_share)


def _refuse(output: str | Path, absent: Mapping[str, list[SampleFailure]], number: int, on_bad_file: str) -> None:
    """Report the samples that are left out; stop where all are, or where a bad file is to stop the run."""
    bad = {sample: why for sample, why in absent.items() if any(reason.stage == "ingest" for reason in why)}
    if bad and on_bad_file == "fail":
        raise AinuError(
            f"{output}: the files of {len(bad)} of {number} samples could not be read\n{failure_lines(bad)}\n"
            "repair them (results of the other shards are kept), or set ingest.on_bad_file: skip to leave them out"
        )
    if len(absent) == number:
        raise AinuError(f"{output}: all samples failed\n{failure_lines(absent)}")
    if absent:
        print(f"ainu: {len(absent)} of {number} samples are left out\n{failure_lines(absent)}", file=sys.stderr)


def _refuse_clipped(file: h5py.File, most: float) -> None:
    """Stop where the canvas cuts off more than a share of all localizations."""
    cut, held = (file[name][()].sum(axis=1) for name in ("clipped", "localizations"))
    if cut.sum() <= most * held.sum():
        return
    shares = cut / np.maximum(held, 1)
    worst = int(shares.argmax())
    keys = "canvas_nm (fitted holds every nucleus)" + (" and depth_nm" if file["image"].ndim == 5 else "")
    raise AinuError(
        f"{cut.sum() / held.sum():.0%} of the localizations of the nuclei lie beyond the canvas, of nucleus "
        f"{file['nucleus'].asstr()[worst]} {shares[worst]:.0%}; clipped_share allows {most:.0%}: "
        f"enlarge the render's {keys}, or raise clipped_share"
    )


def _append(file: h5py.File, group: h5py.Group, channels: list[str], columns: dict[str, list[NDArray]]) -> int:
    planes = [list(group.attrs["channels"]).index(name) for name in channels]
    source = group["image"]
    if "image" not in file:
        new_images(file, (len(planes), *source.shape[2:]), source.dtype, 0)
        file.attrs.update({name: group.attrs[name] for name in ("voxel_size_nm", "voxel_z_nm") if name in group.attrs})
    image, before = file["image"], len(file["image"])
    image.resize(before + len(source), axis=0)
    for index in range(len(source)):
        image[before + index] = source[index][planes]
    for name, parts in columns.items():
        values = group[name].asstr()[()] if name == "nucleus" else group[name][()]
        parts.append(values[:, planes] if name in ("localizations", "clipped") else values)
    return len(source)


def _append_points(file: h5py.File, grid: h5py.Group, images: h5py.Group, channels: Sequence[str]) -> None:
    """The localizations of a sample's nuclei, on the canvases of their images, ordered by place; z only for stacks."""
    group, dimensions = file.require_group("points"), images["image"].ndim - 2
    plane = planes_of([str(name) for name in grid.attrs["channels"]], channels)
    bounds = np.concatenate([[0], np.cumsum(grid["count"][()])])
    for (start, stop), angle in zip(pairwise(bounds), images["angle_rad"][()], strict=True):
        own = plane[grid["channel"][start:stop]]
        position = Pose(0.0, 0.0, float(angle)).turned(grid["position"][start:stop, :dimensions])[own >= 0]
        order = order_by_place(position)
        columns = {
            "position": position[order],
            "channel": own[own >= 0][order].astype(np.uint8),
            "precision": grid["precision"][start:stop][own >= 0][order],
            "emitter": grid["emitter"][start:stop][own >= 0][order],
            "count": np.array([len(order)], np.int64),
        }
        for name, values in columns.items():
            append_rows(group, name, values)
