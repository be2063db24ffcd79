"""Attribution of single localizations: tables in which each one has its value, for Picasso, napari and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.attribution.maps import DETAIL
from ainu.hdf5 import open_file
from ainu.images.binning import flat_places, planes_of
from ainu.images.render import canvas_pose, canvas_positions, dataset_order
from ainu.localizations.export import export_table
from ainu.localizations.table import Localizations, load
from ainu.shards import write_shard

COLUMNS = ("attribution", "nucleus")
"""Columns of the tables beside the usual ones."""


def shared_out(
    values: NDArray[np.float32],
    position: NDArray[np.float32],
    channel: NDArray[np.uint8],
    voxel_nm: float,
    voxel_z_nm: float | None = None,
) -> NDArray[np.float32]:
    """Divide the attribution of voxels among the localizations that they hold.

    Each gets an equal part of the voxel's value, and the difference between the map at its own place, interpolated
    between the centres of voxels, and the mean over the voxel's localizations. The values in a voxel add up to that of
    the voxel. Values of empty voxels belong to no localization; localizations beyond the canvas get 0.

    Parameters
    ----------
    values : (C, Y, X) or (C, Z, Y, X) float32
        The map.
    position : (m, 2 or 3) float32
        From the centre of the canvas, nm.
    channel : (m,) uint8
        Channel of the image.
    voxel_nm : float
        Edge of a voxel in the plane, nm.
    voxel_z_nm : float, optional
        Height of a voxel, nm.

    Returns
    -------
    (m,) float32
    """
    flat, inside = flat_places(position, channel, values.shape, voxel_nm, voxel_z_nm)
    found = np.zeros(len(position), np.float32)
    own = flat[inside]
    count = np.bincount(own, minlength=values.size)[own]
    here = _interpolated(values, position[inside], channel[inside], voxel_nm, voxel_z_nm)
    mean = np.bincount(own, here, minlength=values.size)[own] / count
    found[inside] = (values.ravel()[own] + here - mean) / count
    return found


def _interpolated(
    values: NDArray[np.float32],
    position: NDArray[np.float32],
    channel: NDArray[np.uint8],
    voxel_nm: float,
    voxel_z_nm: float | None,
) -> NDArray[np.float64]:
    from scipy.ndimage import map_coordinates

    axes = values.ndim - 1
    sizes = [voxel_nm, voxel_nm, voxel_z_nm or 1.0][:axes]
    places = [position[:, k] / sizes[k] + values.shape[-1 - k] / 2 - 0.5 for k in reversed(range(axes))]
    found = np.zeros(len(position))
    for plane in np.unique(channel):
        rows = channel == plane
        own = [place[rows] for place in places]
        found[rows] = map_coordinates(values[plane].astype(np.float64), own, order=1, mode="nearest")
    return found


@dataclass(frozen=True)
class Source:
    """Files with the attribution of an experiment's nuclei.

    Attributes
    ----------
    dataset : path
    maps : path
        Of `maps.write_maps`.
    method : str
        Whose values are taken.
    """

    dataset: str
    maps: str
    method: str

    def rows(self, samples: Sequence[str]) -> dict[str, int]:
        """Rows of the dataset by nucleus, of the nuclei of some samples."""
        own = set(samples)
        with open_file(self.dataset) as data:
            names = data["nucleus"].asstr()[()]
        return {name: row for row, name in enumerate(names) if name.rpartition("/")[0] in own}

    def nucleus(self, row: int | None, part: Localizations) -> NDArray[np.float32]:
        """Attribution of the localizations of a nucleus.

        Parameters
        ----------
        row : int, optional
            Of the nucleus in the dataset; None where it is not there.
        part : Localizations
            Its n localizations.

        Returns
        -------
        (n,) float32
            NaN in channels that the network does not see, and for a nucleus that is not in the dataset.
        """
        with open_file(self.dataset) as data, open_file(self.maps) as maps:
            plane = planes_of(part.channels, [str(own) for own in data.attrs["channels"]])[part.channel]
            found = np.full(len(part), np.nan, np.float32)
            if row is not None:
                seen = plane >= 0
                found[seen] = self._whole(data, maps, row, part, plane)
                rows, values = self._detail(data, maps, row, part, seen)
                found[rows] += values
        return found

    def _whole(
        self, data: h5py.File, maps: h5py.File, row: int, part: Localizations, plane: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """(m,) attribution by the map of the whole nucleus to the localizations with a plane; 0 where there is none."""
        seen, voxel = plane >= 0, float(data.attrs["voxel_size_nm"])
        if self.method not in maps:
            return np.zeros(int(seen.sum()), np.float32)
        pose = canvas_pose(data["origin_nm"][row], float(data["angle_rad"][row]), data["image"].shape[-1] * voxel)
        values = maps[self.method][row]
        position = canvas_positions(part, pose)[seen, : values.ndim - 1]
        height = float(data.attrs["voxel_z_nm"]) if "voxel_z_nm" in data.attrs else None
        return shared_out(values, position, plane[seen].astype(np.uint8), voxel, height)

    def _detail(
        self, data: h5py.File, maps: h5py.File, row: int, part: Localizations, seen: NDArray[np.bool_]
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Rows (k,) of localizations that the detail view explains, and what it says of each."""
        name = data["nucleus"].asstr()[row]
        if DETAIL not in maps or name not in (names := maps[DETAIL]["nucleus"].asstr()[()].tolist()):
            return np.zeros(0, np.intp), np.zeros(0, np.float32)
        place = names.index(name)
        start, stop = maps[DETAIL]["start"][place : place + 2]
        rows = dataset_order(part, seen, float(data["angle_rad"][row]))
        return rows, maps[DETAIL][self.method][start:stop]


def explain_shard(
    inputs: Mapping[str, str],
    source: Source,
    samples: Sequence[str],
    output: str | Path,
    folder: str | Path,
    formats: Sequence[str] = (),
    threads: int = 1,
) -> None:
    """Write the localizations of nuclei with their attribution: one HDF5 file, and a file per sample and format.

    Parameters
    ----------
    inputs : mapping
        The shard's `raw`, `drift`, `quality` and `nuclei` files.
    source : Source
        Where the attribution comes from.
    samples : sequence of str
        Those of the experiment.
    output, folder : path
        `{shard}.h5` with the usual columns, `attribution` and `nucleus`; `{sample}.hdf5` (Picasso, with its YAML file)
        and `{sample}.csv` (ThunderSTORM).
    formats : sequence of str
        "picasso", "thunderstorm".
    threads : int
        Processes.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    work = partial(_explain_sample, dict(inputs), source, source.rows(samples), Path(folder), tuple(formats))
    write_shard(output, samples, work, threads=threads, title="explain_localizations")


def _explain_sample(
    inputs: dict[str, str],
    source: Source,
    rows: Mapping[str, int],
    folder: Path,
    formats: tuple[str, ...],
    sample: str,
    group: h5py.Group,
) -> None:
    table = explained(inputs, source, rows, sample)
    table.write(group)
    for name in formats:
        export_table(table, folder, sample, name, keep=COLUMNS)


def explained(inputs: Mapping[str, str], source: Source, rows: Mapping[str, int], sample: str) -> Localizations:
    """The localizations of a sample inside nuclei, in channels that the network sees, with extra columns.

    Parameters
    ----------
    inputs : mapping
        The `raw`, `drift`, `quality` and `nuclei` files of its shard.
    source : Source
        Where the attribution comes from.
    rows : mapping of str to int
        Rows of the dataset by nucleus; nuclei may be missing there.
    sample : str
        Its name.

    Returns
    -------
    Localizations
        With the columns `attribution` and `nucleus`.
    """
    table = load(inputs["raw"], sample, drift=inputs["drift"], quality=inputs["quality"], nuclei=inputs["nuclei"])
    assert table.nucleus is not None
    values = np.full(len(table), np.nan, np.float32)
    for number in np.unique(table.nucleus[table.nucleus > 0]):
        own = table.nucleus == number
        values[own] = source.nucleus(rows.get(f"{sample}/{number}"), table[own])
    extra: dict[str, NDArray[Any]] = {"attribution": values, "nucleus": table.nucleus}
    return replace(table, extra=table.extra | extra)[np.isfinite(values)]
