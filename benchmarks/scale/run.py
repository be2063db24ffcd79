"""How planning grows with the number of nuclei: `python benchmarks/scale/run.py [349 10000 100000]`.

Synthetic sheets, one nucleus a sample; outputs are there but empty, so that Snakemake has a finished run to look at
(touching them takes a tenth of a second a job). Of each size: jobs, time to plan a run from nothing, time and peak
memory of a run that finds nothing to do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "workflow"), str(ROOT / "src")]

from project import Project, clone, small_config  # noqa: E402
from touched import touch_outputs  # noqa: E402

REPLICATES = 12
TABLE = '"frame","x [nm]","y [nm]"\n1,2,3\n'


@dataclass(frozen=True)
class Run:
    """Seconds of wall time and of CPU, and peak memory in MB, of one run of Snakemake."""

    wall_s: float
    cpu_s: float
    memory_mb: float
    text: str


def measured(project: Project, *arguments: str) -> Run:
    log = project.folder / "measured.log"
    started = time.perf_counter()
    with log.open("w") as file:
        process = subprocess.Popen(project.command(*arguments), cwd=project.folder, stdout=file, stderr=file)
        _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(log.read_text()[-3000:])
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, log.read_text())


def synthetic(folder: Path, nuclei: int) -> Project:
    """A project of so many samples, each a file of its own."""
    project = clone(folder)
    project.write_config({key: value for key, value in small_config().items() if key != "shard_size"})
    (folder / "raw").mkdir()
    rows = ["sample\tpath\tchannels\tlabel\treplicate"]
    for k in range(nuclei):
        path = f"raw/{k}.csv"
        (folder / path).write_text(TABLE)
        rows += [f"n{k}\t{path}\t0:PolII,1:DNA\t{('somatic', 'hiPSC')[k % 2]}\tr{k // 2 % REPLICATES}"]
    (folder / "config" / "samples.tsv").write_text("\n".join(rows) + "\n")
    return project


def jobs_of(text: str) -> int:
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("total "))


if __name__ == "__main__":
    print(
        "| nuclei | jobs | planning, s (CPU s) | nothing to do, s (CPU s) | memory, MB |\n|---|---|---|---|---|",
        flush=True,
    )
    for size in map(int, sys.argv[1:] or ("349", "10000", "100000")):
        with tempfile.TemporaryDirectory() as folder:
            project = synthetic(Path(folder) / "project", size)
            plan = measured(project, "--dry-run", "--quiet", "rules")
            touch_outputs(project)
            idle = measured(project)
            assert "Nothing to be done" in idle.text
            print(
                f"| {size} | {jobs_of(plan.text)} | {plan.wall_s:.1f} ({plan.cpu_s:.1f}) | "
                f"{idle.wall_s:.1f} ({idle.cpu_s:.1f}) | {max(plan.memory_mb, idle.memory_mb):.0f} |",
                flush=True,
            )
