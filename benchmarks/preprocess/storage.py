"""Size and read speed of images of a nucleus under several compressions (no arguments; `pip install hdf5plugin`)."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from scipy.sparse import csr_array

from ainu.images.render import split_by_nucleus, voxelize
from ainu.images.settings import Render
from ainu.nuclei.find import find_nuclei
from ainu.simulation.conditions import Condition
from ainu.simulation.fields import simulate

FILTERS: dict[str, Any] = {
    "none": {},
    "gzip-1 + shuffle": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "gzip-4 + shuffle": {"compression": "gzip", "compression_opts": 4, "shuffle": True},
    "lzf + shuffle": {"compression": "lzf", "shuffle": True},
    "bitshuffle-lz4": hdf5plugin.Bitshuffle(),
    "bitshuffle-zstd-3": hdf5plugin.Bitshuffle(cname="zstd", clevel=3),
    "blosc2-lz4": hdf5plugin.Blosc2(cname="lz4", clevel=5),
    "blosc2-zstd-3": hdf5plugin.Blosc2(cname="zstd", clevel=3),
}
RENDERS = {
    "count, 200 nm": Render(200.0, 12800.0),
    "count, 20 nm": Render(20.0, 12800.0),
    "gaussian, 20 nm": Render(20.0, 12800.0, "gaussian"),
}


def measure(path: Path, images: np.ndarray, options: Any) -> tuple[float, float]:
    """Bytes per image and milliseconds to read one (best of five)."""
    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=images, chunks=(1, *images.shape[1:]), track_times=False, **options)
    with h5py.File(path, "r") as file:
        stored = file["image"].id.get_storage_size() / len(images)
    times = []
    for _ in range(5):
        start = perf_counter()
        with h5py.File(path, "r") as file:
            file["image"][()]
        times.append(perf_counter() - start)
    return stored, min(times) / len(images) * 1000


def sparse_bytes(images: np.ndarray) -> float:
    """Bytes per image of uncompressed rows of (column, value)."""
    parts = [csr_array(image.reshape(-1, image.shape[-1])) for image in images]
    return float(np.mean([p.data.nbytes + p.indices.nbytes + p.indptr.nbytes for p in parts]))


def main() -> None:
    """Print a Markdown table per render."""
    table, _ = simulate(Condition(nuclei=4, drift_nm=0.0, clutches=1500, clusters=800, blinks=8.0), seed=1)
    nuclei = find_nuclei(table)
    parts = split_by_nucleus(replace(table, nucleus=nuclei.label), len(nuclei.table))
    print(f"{len(parts)} nuclei of {np.mean([len(part) for part in parts]):.0f} localizations")
    for name, render in RENDERS.items():
        images = np.stack([voxelize(part, render) for part in parts])
        raw = images.nbytes / len(images)
        print(f"\n{name}\n\n| storage | kB per nucleus | of raw | read, ms |\n| --- | --- | --- | --- |")
        print(f"| sparse rows | {sparse_bytes(images) / 1e3:.1f} | {sparse_bytes(images) / raw:.3f} | |")
        with tempfile.TemporaryDirectory() as folder:
            for label, options in FILTERS.items():
                stored, milliseconds = measure(Path(folder) / "f.h5", images, options)
                print(f"| {label} | {stored / 1e3:.1f} | {stored / raw:.3f} | {milliseconds:.2f} |")


if __name__ == "__main__":
    main()
