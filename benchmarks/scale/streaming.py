"""What a dataset of many nuclei takes: `python benchmarks/scale/streaming.py [1000 10000 100000]`.

Voxel shards of small, sparse images (2 channels of 32 by 32, a nucleus a sample) go through what the workflow does with
an experiment, each step in a process of its own: `assemble`, folds of whole replicates (12 of them, and one for every
20 nuclei), and what a training reads: the dataset, memory-mapped, and every batch of one epoch, augmented. Of each
step: CPU seconds without imports, peak memory, and by which power of the number of nuclei the seconds grew.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))

CHANNELS = ["PolII", "DNA"]
PER_SHARD, PIXELS, LOCALIZATIONS, REPLICATES = 64, 32, 200, 12
MEMORY_GB = 0.001
"""Lower than any of these datasets, so that all are memory-mapped."""


def rows(nuclei: int) -> list[dict[str, str]]:
    """What the dataset has to know of each sample."""
    labels = ("somatic", "hiPSC")
    return [
        {
            "sample": f"n{k}",
            "shard": f"s{k // PER_SHARD:04d}",
            "replicate": f"r{k // 2 % REPLICATES}",
            "label": labels[k % 2],
        }
        for k in range(nuclei)
    ]


def write_shards(folder: Path, nuclei: int) -> None:
    from ainu.hdf5 import new_file, write_array
    from ainu.images.render import new_images

    rng = np.random.default_rng(0)
    for start in range(0, nuclei, PER_SHARD):
        with new_file(folder / f"s{start // PER_SHARD:04d}.h5") as file:
            for k in range(start, min(start + PER_SHARD, nuclei)):
                group = file.create_group(f"n{k}")
                places = rng.integers(0, 2 * PIXELS**2, LOCALIZATIONS)
                image = np.bincount(places, minlength=2 * PIXELS**2).astype(np.uint16).reshape(2, PIXELS, PIXELS)
                new_images(group, image.shape, image.dtype, 1)[0] = image
                write_array(group, "nucleus", np.array([f"n{k}/1"], dtype=object))
                write_array(group, "localizations", image.sum(axis=(1, 2), dtype=np.uint32)[None])
                write_array(group, "area_um2", np.ones(1, np.float32))
                write_array(group, "origin_nm", np.zeros((1, 2)))
                write_array(group, "angle_rad", np.zeros(1))
                group.attrs.update(channels=CHANNELS, voxel_size_nm=400.0)


# --- steps ------------------------------------------------------------------------------------------------------------


def assembling(folder: Path, nuclei: int) -> Callable[[], object]:
    from ainu.images.assemble import assemble

    shards = {path.stem: path for path in sorted(folder.glob("s*.h5"))}
    return lambda: assemble(shards, rows(nuclei), CHANNELS, folder / "dataset.h5")


def splitting(folder: Path, replicates: int | None = None) -> None:
    from ainu.folds.assign import assign_folds
    from ainu.folds.table import write_folds
    from ainu.images.dataset import read_labels

    table = read_labels(folder / "dataset.h5")
    if replicates:
        table["replicate"] = [f"r{k}" for k in np.random.default_rng(0).integers(0, replicates, len(table))]
    write_folds(assign_folds(table, folds=5, repeats=1, seed=1).table, folder / f"folds{replicates or ''}.tsv")


def splitting_few(folder: Path, nuclei: int) -> Callable[[], object]:
    import ainu.folds.assign  # noqa: F401

    return lambda: splitting(folder)


def splitting_many(folder: Path, nuclei: int) -> Callable[[], object]:
    import ainu.folds.assign  # noqa: F401

    return lambda: splitting(folder, nuclei // 20)


def training(folder: Path, nuclei: int) -> Callable[[], object]:
    from ainu.folds.table import read_folds
    from ainu.images import dataset
    from ainu.images.augmentation import Augmentation
    from ainu.images.views import views_of
    from ainu.settings.defaults import section
    from ainu.training.cross_validation import CrossValidation, digest_of
    from ainu.training.loop import make_deterministic
    from ainu.training.recipe import Design
    from ainu.typed import typed

    make_deterministic(threads=1)

    def epoch() -> None:
        nuclei = dataset.read(folder / "dataset.h5", memory_gb=MEMORY_GB)
        sections = {name: section(name) for name in ("training", "augmentation", "transfer")}
        sections["training"] |= {"validation_fraction": 0.15}
        plain = {"classes": ["somatic", "hiPSC"], "network": "ainu-small", "intensity": "share"}
        folds, design = read_folds(folder / "folds.tsv"), typed(Design, plain | sections)
        fit = CrossValidation(nuclei, folds, design, seed=1, threads=1).fit(0, 0)
        digest_of(nuclei, fit.rows)
        inputs = views_of(nuclei, "ainu-small", "share", typed(Augmentation, section("augmentation")))
        order = np.random.default_rng(1).permutation(fit.rows[~fit.validation()])
        for number, batch in enumerate(np.array_split(order, math.ceil(len(order) / 32))):
            inputs.batch(batch, np.random.default_rng([1, number]))

    return epoch


STEPS = {
    "assemble": assembling,
    "folds, 12 replicates": splitting_few,
    "folds, a replicate for 20 nuclei": splitting_many,
    "training input, an epoch": training,
}


# --- measuring --------------------------------------------------------------------------------------------------------

OWN = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
"""This process, and those that it waited for (CBC)."""


def cpu_s() -> float:
    """Seconds so far."""
    used = [resource.getrusage(who) for who in OWN]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run_step(step: str, folder: Path, nuclei: int) -> None:
    work = STEPS[step](folder, nuclei)
    before, started = cpu_s(), time.perf_counter()
    work()
    memory_mb = (
        max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    )
    print(json.dumps({"cpu_s": cpu_s() - before, "wall_s": time.perf_counter() - started, "memory_mb": memory_mb}))


def measured(step: str, folder: Path, nuclei: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--step", step, str(folder), str(nuclei)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def power(before: dict[str, float], after: dict[str, float], ratio: float) -> float:
    return math.log(after["cpu_s"] / before["cpu_s"]) / math.log(ratio)


def main(sizes: list[int]) -> None:
    print("| nuclei | step | CPU s | wall, s | peak memory, MB | power |\n|---|---|---|---|---|---|", flush=True)
    known: dict[str, tuple[int, dict[str, float]]] = {}
    for nuclei in sizes:
        with tempfile.TemporaryDirectory() as name:
            write_shards(Path(name), nuclei)
            for step in STEPS:
                found = measured(step, Path(name), nuclei)
                size, before = known.get(step, (nuclei, found))
                grown = f"{power(before, found, nuclei / size):.2f}" if size < nuclei else ""
                numbers = f"{found['cpu_s']:.1f} | {found['wall_s']:.1f} | {found['memory_mb']:.0f}"
                print(f"| {nuclei} | {step} | {numbers} | {grown} |", flush=True)
                known[step] = (nuclei, found)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        run_step(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main([int(size) for size in sys.argv[1:] or ("1000", "10000", "100000")])
