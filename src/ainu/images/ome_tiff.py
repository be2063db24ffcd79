"""Images of nuclei as OME-TIFF, for Fiji, napari, QuPath and others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from numpy.typing import NDArray

from ainu.failures import failure_of
from ainu.files import whole
from ainu.hdf5 import open_file


def export_images(voxels: str | Path, folder: str | Path) -> None:
    """Write each image of a shard's voxel file as `{sample}_{k}.ome.tif`."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open_file(voxels) as file:
        for group in filter(lambda group: not failure_of(group), file.values()):
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
    """Write an image with its channels' names and its voxel.

    Parameters
    ----------
    image : (C, Y, X) or (C, Z, Y, X)
        Of any number type.
    path : path
        Of the file.
    channels : sequence of str
        Names of the C channels.
    voxel_size_nm : float
        Edge of a voxel along x and y, nm.
    voxel_z_nm : float, optional
        Height of a voxel, nm.
    """
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
