"""The dataset of an experiment: images and localizations of its nuclei, with what is known of each; read from HDF5."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.hdf5 import open_file

SCHEMA = 4
BLOCK_BYTES = 1 << 24
"""How much is read at a time of arrays that are then memory-mapped."""
TEXT = ("nucleus", "sample", "replicate", "label")
NUMBERS = ("localizations", "area_um2", "origin_nm", "angle_rad")


@dataclass(frozen=True)
class Points:
    """The localizations of nuclei, one nucleus after the other.

    Attributes
    ----------
    position : (M, 2 or 3) float32
        x, y and z in nm from the middle of the canvas, along its axes.
    channel : (M,) uint8
        Plane of the image.
    precision : (M,) float32, optional
        Lateral precision, nm; NaN where it was not measured.
    start : (N + 1,) int64
        Nucleus k has rows start[k] to start[k + 1].
    emitter : (M,) int32, optional
        Number of the emitter in its nucleus (`quality.blinks.emitters`); -1 where it is not known.
    """

    position: NDArray[np.float32]
    channel: NDArray[np.uint8]
    precision: NDArray[np.float32] | None
    start: NDArray[np.int64]
    emitter: NDArray[np.int32] | None = None

    def of(self, nucleus: int) -> Points:
        """The localizations of one nucleus."""
        own = slice(self.start[nucleus], self.start[nucleus + 1])
        return self.taken(own, np.array([own.stop - own.start]))

    def at(self, nuclei: NDArray[np.intp]) -> Points:
        """The localizations of the nuclei with these (n,) indices, in the order given."""
        number = np.diff(self.start)[nuclei]
        rows = np.concatenate([np.arange(self.start[k], self.start[k + 1]) for k in nuclei] or [np.zeros(0, np.intp)])
        return self.taken(rows, number)

    def taken(self, rows: NDArray[np.intp] | slice, number: NDArray[np.int64]) -> Points:
        """Some localizations.

        Parameters
        ----------
        rows : (m,) int or slice
            Which ones, one nucleus after the other.
        number : (n,) int
            How many of each nucleus.

        Returns
        -------
        Points
            Of n nuclei.
        """
        precision = None if self.precision is None else self.precision[rows]
        emitter = None if self.emitter is None else self.emitter[rows]
        start = np.concatenate([[0], np.cumsum(number)]).astype(np.int64)
        return Points(self.position[rows], self.channel[rows], precision, start, emitter)

    @property
    def emitters(self) -> int | None:
        """How many emitters the localizations show, those of unknown ones one each; None where none is known."""
        if self.emitter is None:
            return None
        parts = (self.emitter[low:high] for low, high in pairwise(self.start))
        return sum(int((np.bincount(own[own >= 0]) > 0).sum() + (own < 0).sum()) for own in parts)

    def counts(self, channels: int) -> NDArray[np.int64]:
        """(N, channels) localizations of each nucleus."""
        number = len(self.start) - 1
        flat = np.repeat(np.arange(number), np.diff(self.start)) * channels + self.channel
        return np.bincount(flat, minlength=number * channels).reshape(number, channels)


@dataclass(frozen=True)
class Dataset:
    """Nuclei of an experiment.

    Attributes
    ----------
    image : (N, C, Y, X) or (N, C, Z, Y, X), uint16 or float32
        Localizations per voxel.
    nucleus, sample, replicate, label : (N,) str
        Identifier, field of view, biological repeat, class (empty where unknown).
    localizations : (N, C) uint32
        Localizations of the nucleus, per channel.
    area_um2 : (N,) float32
        Area of the nucleus.
    origin_nm : (N, 2) float64
        Corrected position (x, y) of the canvas's corner in the field.
    angle_rad : (N,) float64
        Angle in the field of the canvas's x axis.
    channels : tuple of str
    voxel_size_nm : float
    voxel_z_nm : float, optional
        Height of a voxel of 3-D images.
    batch : (N,) str, optional
        Staining, day or the like that replicates share, where the sheet names it ('' where unknown).
    points : Points, optional
        Their localizations, ordered by place; None where images are densities (kernel gaussian).
    detail : Points, optional
        Those from which crops of the detail are cut, where they are others than those of the images.
    """

    image: NDArray[Any]
    nucleus: NDArray[np.str_]
    sample: NDArray[np.str_]
    replicate: NDArray[np.str_]
    label: NDArray[np.str_]
    localizations: NDArray[np.uint32]
    area_um2: NDArray[np.float32]
    origin_nm: NDArray[np.float64]
    angle_rad: NDArray[np.float64]
    channels: tuple[str, ...]
    voxel_size_nm: float
    voxel_z_nm: float | None = None
    batch: NDArray[np.str_] | None = None
    points: Points | None = None
    detail: Points | None = None

    def __len__(self) -> int:
        return len(self.nucleus)

    def __getitem__(self, rows: NDArray[np.intp]) -> Dataset:
        """Some of the nuclei, in the order given."""
        columns = ["image", *TEXT, *NUMBERS] + ([] if self.batch is None else ["batch"])
        points, detail = (None if own is None else own.at(rows) for own in (self.points, self.detail))
        return replace(self, **{name: getattr(self, name)[rows] for name in columns}, points=points, detail=detail)

    @property
    def counted(self) -> bool:
        """Whether the images are counts, from which localizations can be drawn, and not densities (kernel gaussian)."""
        return self.image.dtype.kind != "f"

    @property
    def knows_emitters(self) -> bool:
        """Whether localizations are there of which it is known which show the same emitter."""
        return self.points is not None and self.points.emitter is not None

    @property
    def image_counts(self) -> NDArray[np.int64]:
        """(N, C) localizations of each nucleus in its image."""
        return np.stack([image.reshape(len(self.channels), -1).sum(axis=1, dtype=np.int64) for image in self.image])

    @property
    def table(self) -> pd.DataFrame:
        """One row per nucleus: `nucleus`, `sample`, `replicate`, `label`, and `batch` where known."""
        columns = TEXT if self.batch is None else (*TEXT, "batch")
        return pd.DataFrame({name: getattr(self, name) for name in columns})

    def codes(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """(N,) int64 index of each nucleus's label in `classes`, -1 where it is none of them."""
        places = {name: index for index, name in enumerate(classes)}
        return np.array([places.get(str(name), -1) for name in self.label], np.int64)


def _read_points(file: h5py.File, *, mapped: bool) -> Points | None:
    if "points" not in file:
        return None
    group = file["points"]
    position, channel, precision, emitter = (
        _values(group[name], mapped=mapped) for name in ("position", "channel", "precision", "emitter")
    )
    start = np.concatenate([[0], np.cumsum(group["count"][()])])
    measured = any(not np.isnan(precision[rows]).all() for rows in _blocks(group["precision"]))
    linked = any((emitter[rows] >= 0).any() for rows in _blocks(group["emitter"]))
    return Points(position, channel, precision if measured else None, start, emitter if linked else None)


def read(path: str | Path, memory_gb: float | None = None) -> Dataset:
    """Read a dataset.

    Parameters
    ----------
    path : path
        As `assemble` writes it.
    memory_gb : float, optional
        Images and localizations that take more are unpacked into anonymous temporary files and memory-mapped from
        there; by default all are read into memory.

    Returns
    -------
    Dataset

    Raises
    ------
    AinuError
        The file was written by another version of the workflow.
    """
    with open_file(path) as file:
        if file.attrs.get("schema") != SCHEMA:
            raise AinuError(f"{path}: not a dataset of schema {SCHEMA}; run the workflow again to make it anew")
        text = {name: file[name].asstr()[()].astype(str) for name in (*TEXT, "batch") if name in file}
        large = [file["image"], *file["points"].values()] if "points" in file else [file["image"]]
        mapped = memory_gb is not None and sum(source.nbytes for source in large) > memory_gb * 1e9
        numbers = {"image": _values(file["image"], mapped=mapped)} | {name: file[name][()] for name in NUMBERS}
        channels = tuple(str(name) for name in file.attrs["channels"])
        height = float(file.attrs["voxel_z_nm"]) if "voxel_z_nm" in file.attrs else None
        voxel_nm = float(file.attrs["voxel_size_nm"])
        points = _read_points(file, mapped=mapped)
        return Dataset(**text, **numbers, channels=channels, voxel_size_nm=voxel_nm, voxel_z_nm=height, points=points)


def _values(source: h5py.Dataset, *, mapped: bool) -> NDArray[Any]:
    if not mapped or not source.nbytes:
        return source[()]
    with tempfile.TemporaryFile() as file:
        for rows in _blocks(source):
            source[rows].tofile(file)
        file.flush()
        return np.memmap(file, source.dtype, "r+", shape=source.shape)


def _blocks(source: h5py.Dataset) -> Iterator[slice]:
    """Rows to read at a time, in whole chunks."""
    per_chunk = source.chunks[0]
    rows = per_chunk * max(1, BLOCK_BYTES * len(source) // max(source.nbytes, 1) // per_chunk)
    return (slice(start, start + rows) for start in range(0, len(source), rows))


def read_labels(path: str | Path) -> pd.DataFrame:
    """`nucleus`, `sample`, `replicate`, `label`, and `batch` where known, of a dataset file, without its images."""
    with open_file(path) as file:
        return pd.DataFrame({name: file[name].asstr()[()] for name in (*TEXT, "batch") if name in file})


def voxel_centres(dataset: Dataset, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions of the voxel centres of a nucleus's canvas in the field of view: x and y, each (Y, X), nm."""
    rows, columns = np.indices(dataset.image.shape[-2:])
    (x, y), angle = dataset.origin_nm[index], dataset.angle_rad[index]
    u, v = (columns + 0.5) * dataset.voxel_size_nm, (rows + 0.5) * dataset.voxel_size_nm
    return x + u * np.cos(angle) - v * np.sin(angle), y + u * np.sin(angle) + v * np.cos(angle)
