"""A set as large as the paper's through the real rules: 349 nuclei of 200 thousand localizations, to their voxels.

    PYTHONPATH=src python -m benchmarks.preprocess.paper [--nuclei N] [--localizations N] [--cores N] [--write]

The nuclei are Insight3 files made from one simulated nucleus by scatter; making them does not count. Takes 15 MB of
disk per nucleus. `--write` puts the figures into paper.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from ainu.localizations.formats.insight3_layout import HEADER, RECORD
from ainu.localizations.formats.writers import write_insight3
from ainu.simulation.conditions import Condition
from ainu.simulation.fields import simulate

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PARTS = ("Snakefile", "workflow", "src", "resources", "envs")
PIXEL_NM = 160.0
PER_BLINK = 6090
"""Localizations of a simulated nucleus for each blink of its emitters."""
SHARD = 16
STAGES = ("ingest", "correct_drift", "filter_quality", "find_nuclei", "voxelize")
BAR_S = 300.0
RENDER = "overview200"


def write_nuclei(folder: Path, nuclei: int, localizations: int) -> int:
    """Files `n000.bin`, ...; returns the localizations of each."""
    table, _ = simulate(Condition(frames=20_000, drift_nm=400.0, blinks=localizations / PER_BLINK), 1)
    write_insight3(table, folder / "template.bin", pixel_size_nm=PIXEL_NM)
    data = bytearray((folder / "template.bin").read_bytes())
    records = np.frombuffer(data, RECORD, len(table), HEADER.size)
    rng = np.random.default_rng(1)
    for number in range(nuclei):
        for axis in ("x", "y"):
            records[axis] += rng.normal(0, 5 / PIXEL_NM, len(records)).astype(np.float32)
            records[f"{axis}c"] = records[axis]
        (folder / f"n{number:03d}.bin").write_bytes(data)
    return len(table)


def write_project(folder: Path, nuclei: int) -> None:
    """A clone of this repository by links, with a sheet and a config of its own."""
    for name in PARTS:
        (folder / name).symlink_to(ROOT / name)
    header = "sample\tpath\tchannels\tlabel\treplicate\tpixel_size_nm"
    rows = [
        f"n{k:03d}\tdata/n{k:03d}.bin\t1:PolII,2:DNA\t{'ab'[k % 2]}\tr{k // 2 % 3}\t{PIXEL_NM:g}" for k in range(nuclei)
    ]
    (folder / "samples.tsv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    config = {
        "samples": "samples.tsv",
        "shard_size": SHARD,
        "channels": ["PolII", "DNA"],
        "experiments": {"paper": {"classes": ["a", "b"], "folds": 3}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def run(folder: Path, nuclei: int, cores: int) -> float:
    """Seconds that Snakemake takes from files to voxels."""
    shards = [f"s{k + 1:04d}" for k in range(-(-nuclei // SHARD))]
    targets = [f"results/voxels/{RENDER}/{shard}.h5" for shard in shards]
    command = [sys.executable, "-m", "snakemake", "--configfile", "config.yaml", "--cores", str(cores)]
    # A job of one thread per core: what a job needs to start (a second or two) then runs in parallel too.
    command += ["--set-threads", *(f"{stage}=1" for stage in STAGES)]
    start = time.perf_counter()
    done = subprocess.run([*command, "--quiet", "rules", "--", *targets], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return time.perf_counter() - start


def profile(folder: Path) -> dict[str, float]:
    """Seconds of the jobs of each stage, as Snakemake measured them."""
    found = {}
    for stage in STAGES:
        files = sorted((folder / "results" / "benchmarks" / stage).rglob("*.tsv"))
        found[stage] = float(sum(pd.read_csv(file, sep="\t")["s"].sum() for file in files))
    return found


def report(seconds: float, stages: dict[str, float], nuclei: int, localizations: int, cores: int) -> Iterator[str]:
    """The figures."""
    yield f"{nuclei} nuclei of {localizations:,} localizations, shards of {SHARD}, {cores} cores, Insight3 to voxels:"
    bar = f" (at most {BAR_S:g}: {'met' if seconds <= BAR_S else '**missed**'})" if nuclei >= 349 else ""
    yield f"{seconds:.0f} s{bar}, {nuclei * localizations / seconds / 1e6:.2f} million localizations a second."
    yield ""
    yield "Seconds of the jobs of a stage, several of which run at a time; the start of each job's Python is in them."
    yield ""
    yield "| stage | s, all jobs | share | ms per nucleus |\n| --- | ---: | ---: | ---: |"
    everything = sum(stages.values())
    for stage, spent in stages.items():
        yield f"| {stage} | {spent:.1f} | {spent / everything:.0%} | {1000 * spent / nuclei:.0f} |"


def main() -> None:
    """Make the files, run the rules, print where the time went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nuclei", type=int, default=349)
    parser.add_argument("--localizations", type=int, default=200_000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write paper.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "data").mkdir()
        each = write_nuclei(folder / "data", arguments.nuclei, arguments.localizations)
        write_project(folder, arguments.nuclei)
        seconds = run(folder, arguments.nuclei, arguments.cores)
        lines = list(report(seconds, profile(folder), arguments.nuclei, each, arguments.cores))
    print("\n".join(lines))
    if arguments.write:
        title = ["# A set as large as the paper's", "", "Made by `python -m benchmarks.preprocess.paper --write`.", ""]
        (HERE / "paper.md").write_text("\n".join([*title, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
