"""The one table type: localizations as columns, and the form in which HDF5 holds them.

A file holds one HDF5 group per sample and one 1-D dataset per column. What a source did not measure is absent, here
and in the file. Later stages write files of their own (a shift per frame, a reason per dropped localization, a
nucleus per localization); `load` puts them together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.failures import open_sample, require
from ainu.hdf5 import PLAIN, new_file, open_file, write_array

COLUMNS: dict[str, type] = {
    "x": np.float32,
    "y": np.float32,
    "z": np.float32,
    "frame": np.uint32,
    "photons": np.float32,
    "background": np.float32,
    "precision": np.float32,
    "sigma": np.float32,
    "channel": np.uint8,
}
"""Canonical columns and their types: positions, precision and sigma in nm, frames from 0, background in photons."""

MAY_LACK = ("z", "photons", "background", "precision", "sigma")
"""Columns that are NaN in the rows of a file that lacks them, where another file of the sample has them."""


@dataclass(frozen=True)
class Localizations:
    """Localizations of one sample, one array of length n per column.

    Attributes
    ----------
    x, y : (n,) float32
        Position in nm, relative to `offset_nm`.
    channel : (n,) uint8
        Index into `channels`.
    channels : tuple of str
        Names of the channels.
    frame : (n,) uint32, optional
        Camera frame, from 0.
    z, photons, background, precision, sigma : (n,) float32, optional
        Height (nm), photons, background (photons per pixel), lateral precision (nm), width of the PSF (nm).
    nucleus : (n,) uint16, optional
        Which nucleus it lies in, 0 outside; set by `load`.
    extra : dict of str to (n,) array
        Columns of a table that the config asked to keep, under their own names.
    meta : dict
        Where the table comes from: plain values that fit into JSON.
    offset_nm : (float, float, float)
        What x, y and z are relative to, nm: 0 unless a file's coordinates exceed 100 µm, where float32 is too coarse.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    channel: NDArray[np.uint8]
    channels: tuple[str, ...]
    frame: NDArray[np.uint32] | None = None
    z: NDArray[np.float32] | None = None
    photons: NDArray[np.float32] | None = None
    background: NDArray[np.float32] | None = None
    precision: NDArray[np.float32] | None = None
    sigma: NDArray[np.float32] | None = None
    nucleus: NDArray[np.uint16] | None = None
    extra: dict[str, NDArray[Any]] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    offset_nm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        for name, dtype in COLUMNS.items():
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, np.ascontiguousarray(values, dtype))
        lengths = {name: len(values) for name, values in self.columns().items()}
        if len(set(lengths.values())) > 1:
            raise AinuError(f"columns of different lengths: {lengths}")

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, selection: NDArray[Any] | slice) -> Localizations:
        """Rows chosen by a mask, indices or a slice."""
        chosen: dict[str, Any] = {
            name: values[selection] for name, values in self.columns().items() if name not in self.extra
        }
        nucleus = None if self.nucleus is None else self.nucleus[selection]
        extra = {name: values[selection] for name, values in self.extra.items()}
        return replace(self, **chosen, nucleus=nucleus, extra=extra)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns that are present, (n,) each: canonical ones first, then the extra ones."""
        present = {name: getattr(self, name) for name in COLUMNS if getattr(self, name) is not None}
        return present | self.extra

    @property
    def positions(self) -> NDArray[np.float32]:
        """(n, 2) or (n, 3) float32 positions in nm, relative to `offset_nm`."""
        return np.stack([self.x, self.y] if self.z is None else [self.x, self.y, self.z], axis=1)

    def absolute(self, axis: str) -> NDArray[np.floating]:
        """Positions along an axis as other programs count them, nm.

        Parameters
        ----------
        axis : str
            "x", "y" or "z".

        Returns
        -------
        (n,) float32 or float64
            float64 where there is an offset.
        """
        values, offset = getattr(self, axis), self.offset_nm["xyz".index(axis)]
        return values.astype(np.float64) + offset if offset else values

    def relative_to(self, offset_nm: tuple[float, float, float]) -> Localizations:
        """The same positions, counted from elsewhere.

        Parameters
        ----------
        offset_nm : (float, float, float)
            From where, nm.

        Returns
        -------
        Localizations
        """
        if offset_nm == self.offset_nm:
            return self
        there = [axis for axis in "xyz" if getattr(self, axis) is not None]
        moved: dict[str, Any] = {axis: self.absolute(axis) - np.float64(offset_nm["xyz".index(axis)]) for axis in there}
        return replace(self, **moved, offset_nm=offset_nm)

    @property
    def n_frames(self) -> int:
        """One past the last frame; 0 without frames or localizations."""
        return 0 if self.frame is None or not len(self) else int(self.frame.max()) + 1

    def of_channel(self, name: str) -> Localizations:
        """The localizations of one channel.

        Parameters
        ----------
        name : str
            Of the channel.

        Returns
        -------
        Localizations

        Raises
        ------
        AinuError
            There is no channel of this name.
        """
        if name not in self.channels:
            raise AinuError(f"no channel {name!r}; there are: {', '.join(self.channels)}")
        return self[self.channel == self.channels.index(name)].measured()

    def measured(self) -> Localizations:
        """The table without the canonical columns that hold no value at all: those of another file of the sample."""
        empty: dict[str, Any] = {name: None for name in MAY_LACK if _lacks(getattr(self, name))}
        return replace(self, **empty) if empty else self

    def flattened(self) -> Localizations:
        """The table without z, unless every file of the sample has it: half of a nucleus has no place in 3-D."""
        return self if self.z is None or not self.without(self.z).any() else replace(self, z=None)

    def complete(self) -> Localizations:
        """The table without the columns that a file of the sample lacks, for programs that know no missing values."""
        numbers = {name: values for name, values in self.columns().items() if values.dtype.kind == "f"}
        lacking = {name for name, values in numbers.items() if self.without(values).any()}
        gone: dict[str, Any] = dict.fromkeys(name for name in MAY_LACK if name in lacking)
        return replace(self, **gone, extra={name: own for name, own in self.extra.items() if name not in lacking})

    def without(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """(n,) which rows are of a file that lacks a column: none of its (n,) values is a number."""
        acquisition = np.asarray(self.meta.get("acquisition") or [0] * len(self.channels), np.intp)
        own = acquisition[self.channel]
        return np.bincount(own, np.isfinite(values))[own] == 0

    def save(self, path: str | Path, sample: str = "localizations") -> None:
        """Write the table as group `sample` of a new canonical HDF5 file."""
        with new_file(path) as file:
            self.write(file.create_group(sample))

    @classmethod
    def load(cls, path: str | Path, sample: str | None = None) -> Localizations:
        """Read one sample of a canonical HDF5 file.

        Parameters
        ----------
        path : path
            The file.
        sample : str, optional
            Name of the sample; not needed where the file holds only one.

        Returns
        -------
        Localizations

        Raises
        ------
        AinuError
            The file holds no sample of this name, or several and no name is given.
        """
        with open_file(path) as file:
            names = list(file)
            if sample is None and len(names) == 1:
                sample = names[0]
            if sample is None or sample not in file:
                raise AinuError(f"{path}: no sample {sample!r}; the file holds: {', '.join(names)}")
            return cls.read(require(file[sample]))

    def write(self, group: h5py.Group) -> None:
        """Write the columns and attributes into an open group."""
        for name, values in self.columns().items():
            if values.dtype.kind == "f":
                group.create_dataset(name, data=values, **PLAIN)
            else:
                write_array(group, name, values)
        group.attrs["channels"] = list(self.channels)
        group.attrs["extra"] = list(self.extra)
        group.attrs["offset_nm"] = np.array(self.offset_nm, np.float64)
        group.attrs["meta"] = json.dumps(self.meta, sort_keys=True)

    @classmethod
    def read(cls, group: h5py.Group) -> Localizations:
        """Read the table from an open group."""
        extra = [str(name) for name in group.attrs["extra"]]
        x_nm, y_nm, z_nm = (float(value) for value in group.attrs.get("offset_nm", np.zeros(3)))
        known = {name: group[name][()] for name in COLUMNS if name in group}
        return cls(
            **known,
            channels=tuple(str(name) for name in group.attrs["channels"]),
            extra={name: group[name][()] for name in extra},
            meta=json.loads(group.attrs["meta"]),
            offset_nm=(x_nm, y_nm, z_nm),
        )


@dataclass(frozen=True)
class Merged:
    """New values of localizations into which several blinks of an emitter were merged.

    Attributes
    ----------
    rows : (m,) int
        Their rows in the table.
    columns : dict of str to (m,) float32
        `x`, `y`, `z`: how far the merged position lies from the row's own, nm; `photons`, `precision`, `sigma`,
        `background`: the merged values; `localizations`: how many were merged.
    """

    rows: NDArray[np.integer]
    columns: dict[str, NDArray[np.float32]]

    def apply(self, table: Localizations) -> Localizations:
        """The table with the merged values in these rows."""
        changed: dict[str, Any] = {}
        for name, values in self.columns.items():
            if getattr(table, name, None) is not None:
                changed[name] = getattr(table, name).copy()
                changed[name][self.rows] = changed[name][self.rows] + values if name in "xyz" else values
        return replace(table, **changed)

    def write(self, group: h5py.Group) -> None:
        """Store as group `merged` of a sample's group in the quality file."""
        own = group.create_group("merged")
        write_array(own, "rows", self.rows.astype(np.uint32))
        for name, values in self.columns.items():
            write_array(own, name, values)

    @classmethod
    def read(cls, group: h5py.Group) -> Merged:
        """Read from a sample's group of the quality file; nothing was merged where there is none."""
        own = {name: dataset[()] for name, dataset in group.get("merged", {}).items()}
        return cls(own.pop("rows", np.zeros(0, np.uint32)), own)


def _lacks(values: NDArray[Any] | None) -> bool:
    return values is not None and len(values) > 0 and not np.isfinite(values).any()


def load(
    raw: str | Path,
    sample: str,
    *,
    drift: str | Path | None = None,
    quality: str | Path | None = None,
    nuclei: str | Path | None = None,
) -> Localizations:
    """One sample as the later stages see it: corrected, kept, labelled; raises `SampleFailure` where a stage failed.

    Parameters
    ----------
    raw : path
        Shard file of `ingest`.
    sample : str
        Name of the sample.
    drift, quality, nuclei : path, optional
        Shard files of the stages whose result is to be applied.

    Returns
    -------
    Localizations
        With `nucleus` where `nuclei` is given, and then without z unless every file of the sample has it.
    """
    table = Localizations.load(raw, sample)
    if drift is not None:
        table = _corrected(table, drift, sample)
    if nuclei is not None:
        with open_sample(nuclei, sample) as group:
            table = replace(table, nucleus=group["label"][()]).flattened()
    if quality is not None:
        with open_sample(quality, sample) as group:
            keep, merged = group["reason"][()] == 0, Merged.read(group)
        table = merged.apply(table)[keep]
    return table


def _corrected(table: Localizations, drift: str | Path, sample: str) -> Localizations:
    x, y, z = table.x.copy(), table.y.copy(), None if table.z is None else table.z.copy()
    with open_sample(drift, sample) as found:
        for group in found.values():
            rows = slice(*(int(row) for row in group.attrs["rows"]))
            shift = group["shift"][()]
            if table.frame is None or not len(shift):
                continue
            by_row = shift_at(group["frame"][()], shift, table.frame[rows])
            x[rows] -= by_row[:, 0]
            y[rows] -= by_row[:, 1]
            if z is not None and by_row.shape[1] > 2:
                z[rows] -= by_row[:, 2]
    return replace(table, x=x, y=y, z=z)


def shift_at(
    known: NDArray[np.integer], shift: NDArray[np.floating], frame: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Shift of the field in some frames.

    Parameters
    ----------
    known : (m,) int
        Frames whose shift is known, in order.
    shift : (m, d) float
        Their shift, nm.
    frame : (n,) int
        Frames that are asked for.

    Returns
    -------
    (n, d) float32
        Shift, nm; of a frame that is not known, on the line between its neighbours; beyond the ends, that of the end.
    """
    place = np.minimum(np.searchsorted(known, frame), len(known) - 1)
    if np.array_equal(known[place], frame):
        return shift[place].astype(np.float32, copy=False)
    at, own = frame.astype(np.float64), known.astype(np.float64)
    return np.stack([np.interp(at, own, column) for column in shift.T], axis=1).astype(np.float32)
