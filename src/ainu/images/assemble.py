"""The nuclei of an experiment's samples, gathered from their shards into one dataset."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.failures import SampleFailure
from ainu.hdf5 import STORAGE, new_file, open_file, write_array
from ainu.images.binning import planes_of
from ainu.images.dataset import NUMBERS, SCHEMA, TEXT
from ainu.images.render import canvas_pose, canvas_positions, new_images, split_by_nucleus
from ainu.localizations.table import Localizations, load
from ainu.nuclei.table import read_nuclei
from ainu.shards import failure_lines, failures_in


def assemble(
    shards: Mapping[str, str | Path],
    samples: Iterable[Mapping[str, str]],
    channels: Sequence[str],
    output: str | Path,
    tables: Mapping[str, Mapping[str, str]] | None = None,
    *,
    fingerprints: Iterable[str | Path] = (),
    on_bad_file: str = "skip",
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
    tables : mapping, optional
        `raw`, `drift`, `quality` and `nuclei` files of each shard, where the dataset is to hold the localizations too.
    fingerprints : paths
        Fingerprint files of the shards (`folds.duplicate_recordings`). A sample without a fingerprint could be a copy
        of another one, and is left out.
    on_bad_file : str
        "skip" leaves out samples with a file that could not be read; "fail" stops.

    Returns
    -------
    int
        Number of nuclei.

    Raises
    ------
    AinuError
        No sample has a nucleus, all samples failed, or, with `on_bad_file` "fail", a file could not be read.
    """
    samples = list(samples)
    failed = failures_in([*shards.values(), *fingerprints])
    absent = {row["sample"]: failed[row["sample"]] for row in samples if row["sample"] in failed}
    _refuse(output, absent, len(samples), on_bad_file)
    columns: dict[str, list[NDArray]] = {name: [] for name in ("nucleus", *NUMBERS)}
    rows: list[tuple[str, str, str, str]] = []
    with new_file(output) as file:
        there = [row for row in samples if row["sample"] not in absent]
        for name, members in groupby(there, itemgetter("shard")):
            with open_file(shards[name]) as shard:
                for row in members:
                    taken = _append(file, shard[row["sample"]], list(channels), columns)
                    if tables:
                        _append_points(file, shard[row["sample"]], tables[name], row["sample"], channels)
                    rows += [(row["sample"], row["replicate"], row["label"], row.get("batch", ""))] * taken
        if not rows:
            failures = f"\nsamples that failed:\n{failure_lines(absent)}" if absent else ""
            raise AinuError(f"{output}: no nucleus found in any sample; see results/qc and the key nuclei{failures}")
        for name, parts in columns.items():
            write_array(file, name, np.concatenate(parts))
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
) -> int:
    """`assemble` from files named by their shards.

    Parameters
    ----------
    files : mapping
        `voxels` and `fingerprints` of the shards and, where the dataset is to hold the localizations too, `raw`,
        `drift`, `quality` and `nuclei`.
    samples, channels, output, on_bad_file :
        As for `assemble`.

    Returns
    -------
    int
        Number of nuclei.
    """
    by_shard = {name: {Path(path).stem: path for path in paths} for name, paths in files.items()}
    shards, fingerprints = by_shard.pop("voxels"), by_shard.pop("fingerprints").values()
    tables = {shard: {name: paths[shard] for name, paths in by_shard.items()} for shard in shards} if by_shard else None
    return assemble(shards, samples, channels, output, tables, fingerprints=fingerprints, on_bad_file=on_bad_file)


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
        parts.append(values[:, planes] if name == "localizations" else values)
    return len(source)


def _append_points(
    file: h5py.File, images: h5py.Group, paths: Mapping[str, str], sample: str, channels: Sequence[str]
) -> None:
    table = load(paths["raw"], sample, drift=paths["drift"], quality=paths["quality"], nuclei=paths["nuclei"])
    parts = split_by_nucleus(table, len(read_nuclei(paths["nuclei"], sample).table))
    edge_nm = images["image"].shape[-1] * images.attrs["voxel_size_nm"]
    group = file.require_group("points")
    for part, corner, angle in zip(parts, images["origin_nm"][()], images["angle_rad"][()], strict=True):
        plane = planes_of(part.channels, channels)[part.channel]
        position = canvas_positions(part, canvas_pose(corner, angle, edge_nm))
        _extend(group, position[plane >= 0], plane[plane >= 0].astype(np.uint8), part, plane >= 0)


def _extend(
    group: h5py.Group,
    position: NDArray[np.float32],
    channel: NDArray[np.uint8],
    part: Localizations,
    taken: NDArray[np.bool_],
) -> None:
    unknown = np.full(len(part), np.nan, np.float32)
    columns: dict[str, NDArray[Any]] = {
        "position": position,
        "channel": channel,
        "precision": (unknown if part.precision is None else part.precision)[taken],
        "count": np.array([len(position)], np.int64),
    }
    for name, values in columns.items():
        if name not in group:
            chunks = (1 << 12 if name == "count" else 1 << 16, *values.shape[1:])
            shape = (0, *values.shape[1:])
            group.create_dataset(name, shape, values.dtype, maxshape=(None, *shape[1:]), chunks=chunks, **STORAGE)
        before = len(group[name])
        group[name].resize(before + len(values), axis=0)
        group[name][before:] = values
