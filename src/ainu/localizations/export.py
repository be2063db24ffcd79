"""Cleaned tables and images for other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

from ainu.failures import LeftOut, reason_of
from ainu.files import whole
from ainu.localizations.formats.readers import picasso, thunderstorm
from ainu.localizations.hdf5 import open_file
from ainu.localizations.table import Localizations, load
from ainu.shards import each

PIXEL_SIZE_NM = 100.0
"""Pixel of exported files whose format is in pixels, when no other is known."""

ENDINGS = {"picasso": ".hdf5", "thunderstorm": ".csv"}


def export_shard(
    inputs: Mapping[str, str],
    folder: str | Path,
    samples: Sequence[str],
    format: str,
    pixel_size_nm: float | None = None,
    threads: int = 1,
) -> None:
    """Write the corrected, kept localizations inside nuclei of a shard's samples, one file each.

    Parameters
    ----------
    inputs : mapping
        The shard's `raw`, `drift`, `quality` and `nuclei` files.
    folder : path
        One file `{sample}.hdf5` or `{sample}.csv` each; none for a sample that failed before.
    samples : sequence of str
    format : str
        "picasso" or "thunderstorm".
    pixel_size_nm : float, optional
        Camera pixel of a Picasso file; that of the source, or 100 nm, when None.
    threads : int
        Processes.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    each(partial(_export, dict(inputs), Path(folder), format, pixel_size_nm), list(samples), threads, "export")


def cleaned(inputs: Mapping[str, str], sample: str) -> Localizations:
    """The corrected, kept localizations of a sample that lie inside nuclei."""
    table = load(inputs["raw"], sample, drift=inputs["drift"], quality=inputs["quality"], nuclei=inputs["nuclei"])
    assert table.nucleus is not None
    return table[table.nucleus > 0]


def _export(inputs: dict[str, str], folder: Path, format: str, pixel_size_nm: float | None, sample: str) -> None:
    try:
        table, path = cleaned(inputs, sample), folder / f"{sample}{ENDINGS[format]}"
    except LeftOut:
        return
    if format == "picasso":
        pixel = pixel_size_nm or table.meta.get("pixel_size_nm") or PIXEL_SIZE_NM
        picasso.write(within(table), path, pixel_size_nm=pixel)
    else:
        thunderstorm.write(table, path)


def within(table: Localizations) -> Localizations:
    """The table moved so that no position is negative: Picasso's field starts at 0."""
    low = np.minimum([table.x.min(initial=0), table.y.min(initial=0)], 0)
    return replace(table, x=table.x - low[0], y=table.y - low[1])


def export_images(voxels: str | Path, folder: str | Path) -> None:
    """Write each image of a shard's voxel file as `{sample}_{k}.ome.tif`."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open_file(voxels) as file:
        for group in filter(lambda group: not reason_of(group), file.values()):
            sizes = {name: float(group.attrs[name]) for name in ("voxel_size_nm", "voxel_z_nm") if name in group.attrs}
            channels = [str(name) for name in group.attrs["channels"]]
            for index, nucleus in enumerate(group["nucleus"].asstr()[()]):
                path = Path(folder) / f"{nucleus.replace('/', '_')}.ome.tif"
                write_ome_tiff(group["image"][index], path, channels, **sizes)


def write_ome_tiff(
    image: NDArray[Any],
    path: str | Path,
    channels: Sequence[str],
    *,
    voxel_size_nm: float,
    voxel_z_nm: float | None = None,
) -> None:
    """Write an image (C, Y, X) or (C, Z, Y, X) with its channels' names and its voxel in nm."""
    import tifffile

    metadata: dict[str, Any] = {
        "axes": "CYX" if image.ndim == 3 else "CZYX",
        "Channel": {"Name": list(channels)},
        "Creator": "ainu",
        "UUID": f"urn:uuid:{uuid5(NAMESPACE_URL, Path(path).name)}",
    }
    metadata |= {f"PhysicalSize{axis}": voxel_size_nm for axis in "XY"}
    if voxel_z_nm is not None:
        metadata["PhysicalSizeZ"] = voxel_z_nm
    metadata |= {f"{name}Unit": "nm" for name in list(metadata) if name.startswith("PhysicalSize")}
    with whole(path) as part, open(part, "wb") as file:
        tifffile.imwrite(file, image, ome=True, metadata=metadata, compression="zlib", photometric="minisblack")
