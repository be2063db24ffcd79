"""Ingest, drift and a render of one acquisition by this pipeline, Picasso and locan, in one run, with its bars.

    PYTHONPATH=src python -m benchmarks.preprocess.run [--repeats N] [--quick] [--write]

Every chain is a process of its own (`chain.py`), the programs in turn so that the machine's load hits all of them; the
fastest run of each step counts. `--write` writes results.md; `--quick` takes a twentieth of the data. 2 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from benchmarks.peers import python_of_peers
from benchmarks.preprocess.chain import PIXEL_NM, VOXEL_NM

from ainu.localizations.formats.writers import write_insight3, write_picasso, write_thunderstorm
from ainu.localizations.table import Localizations

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "drift"))

from fields import FRAMES, nucleus  # noqa: E402

LARGE = 10_000_000
BLINKS = 161.0
PATIENCE_S = 30
BYTES_PER_ROW = 4 * 7 + 1
CHAINS = [
    ("ainu", "csv"),
    ("picasso", "csv"),
    ("locan", "csv"),
    ("ainu", "hdf5"),
    ("picasso", "hdf5"),
    ("ainu", "bin"),
    ("ainu ingest", "csv"),
    ("picasso ingest", "csv"),
]
READ_BY = {"csv": "ThunderSTORM CSV", "hdf5": "Picasso HDF5", "bin": "Insight3"}


@dataclass(frozen=True)
class Step:
    """The fastest run of a step: time and CPU time (s), and the most memory above the interpreter's (bytes)."""

    wall: float
    cpu: float
    peak: float


Steps = dict[str, Step]


def single_channel(table: Localizations) -> Localizations:
    """The localizations as one channel, as the peers see them."""
    return replace(table, channel=np.zeros(len(table), np.uint8), channels=("A",))


def random_localizations(n: int) -> Localizations:
    """Localizations with every column of a 2-D file, in the order of their frames."""
    rng = np.random.default_rng(1)
    return Localizations(
        x=rng.uniform(0, 40_000, n),
        y=rng.uniform(0, 40_000, n),
        frame=np.sort(rng.integers(0, FRAMES, n)),
        photons=rng.gamma(3, 800, n),
        background=rng.uniform(5, 90, n),
        precision=rng.uniform(4, 30, n),
        sigma=rng.uniform(110, 190, n),
        channel=np.zeros(n, np.uint8),
        channels=("A",),
    )


def write(table: Localizations, folder: Path, name: str) -> None:
    """The table in every format of the comparison."""
    write_thunderstorm(table, folder / f"{name}.csv")
    write_picasso(table, folder / f"{name}.hdf5", pixel_size_nm=PIXEL_NM)
    write_insight3(table, folder / f"{name}.bin", pixel_size_nm=PIXEL_NM)


def run(python: str | Path, program: str, path: Path) -> Steps:
    """The steps of a program that it finished in time."""
    small = path.with_name(f"small{path.suffix}")
    command = [str(python), str(HERE / "chain.py"), program, str(path), str(small), str(path.with_suffix(".out.hdf5"))]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout
    except subprocess.TimeoutExpired as late:
        done = (late.stdout or b"").decode()
    except subprocess.CalledProcessError as failed:
        print(f"{program}, {path.suffix}: {failed.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        done = failed.stdout
    told = [json.loads(line) for line in done.splitlines() if line.startswith("{")]
    return {step.pop("step"): Step(**step) for step in told}


def best(runs: Sequence[Steps]) -> Steps:
    """The fastest of several runs of each step."""
    names = dict.fromkeys(name for steps in runs for name in steps)
    return {name: min((steps[name] for steps in runs if name in steps), key=lambda step: step.wall) for name in names}


def measure(folder: Path, repeats: int) -> dict[tuple[str, str], Steps]:
    """Steps of every chain on the acquisition."""
    runs: dict[tuple[str, str], list[Steps]] = {chain: [] for chain in CHAINS}
    for turn in range(repeats):
        for program, suffix in CHAINS:
            if program == "locan" and turn:
                continue
            python = sys.executable if program.startswith("ainu") else python_of_peers()
            runs[program, suffix].append(run(python, program, folder / f"acquisition.{suffix}"))
    return {chain: best(found) for chain, found in runs.items()}


def total(steps: Steps) -> float:
    """Seconds of a chain; not a number if a step is missing."""
    return sum(steps[name].wall if name in steps else np.nan for name in ("read", "drift", "render"))


def table(found: dict[tuple[str, str], Steps]) -> Iterator[str]:
    """A row per step: time, its ratio to Picasso's, memory."""
    yield "| file | program | step | s | CPU s | time / Picasso's | peak MB |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: |"
    for (program, suffix), steps in found.items():
        peer = found.get((program.replace("ainu", "picasso").replace("locan", "picasso"), suffix), {})
        for name, step in steps.items():
            ratio = f"{step.wall / peer[name].wall:.2f}" if name in peer else ""
            numbers = f"{step.wall:.2f} | {step.cpu:.2f} | {ratio} | {step.peak / 1e6:.0f}"
            yield f"| {READ_BY[suffix]} | {program} | {name} | {numbers} |"
        if "drift" not in steps and "read" in steps:
            yield f"| {READ_BY[suffix]} | {program} | drift | not in {PATIENCE_S} | | | |"


def bars(found: dict[tuple[str, str], Steps], rows: int, large: dict[str, Step], large_rows: int) -> Iterator[str]:
    """Each figure with its bar."""
    ours, theirs = found["ainu", "csv"], found["picasso", "csv"]
    yield bar("ThunderSTORM CSV, read / Picasso's import", ours["read"].wall / theirs["read"].wall, 0.5)
    ingest = found["ainu ingest", "csv"]["ingest"].wall / found["picasso ingest", "csv"]["ingest"].wall
    yield bar("ThunderSTORM CSV, ingest / Picasso's import and save", ingest, 0.5)
    for suffix in ("csv", "hdf5"):
        chain = total(found["ainu", suffix]) / total(found["picasso", suffix])
        yield bar(f"{READ_BY[suffix]}, whole chain / Picasso's", chain, 0.5)
    for name in ("read", "read without digest"):
        yield bar(
            f"Insight3, million localizations a second, {name}", large_rows / 1e6 / large[name].wall, 10, least=True
        )
    floor = large_rows / 1e6 / large["digest alone"].wall
    yield f"- Insight3, million localizations a second, digest of the file alone: {floor:.2f} (the limit)"
    for kind in READ_BY:
        for name, step in found["ainu", kind].items():
            yield bar(f"{READ_BY[kind]}, {name}: peak memory / the table", step.peak / (BYTES_PER_ROW * rows), 3)
    yield bar("10 million CSV, ingest, peak GB", large["10 million CSV, ingest"].peak / 1e9, 1.5)


def bar(name: str, value: float, limit: float, least: bool = False) -> str:
    """A figure, and whether it meets its bar."""
    met = value >= limit if least else value <= limit
    return f"- {name}: {value:.2f} ({'at least' if least else 'at most'} {limit:g}: {'met' if met else '**missed**'})"


def measure_large(folder: Path, repeats: int) -> dict[str, Step]:
    """Reading Insight3 with and without the digest, the digest alone, and a large CSV."""
    programs = {"read": "ainu", "read without digest": "ainu without digest", "digest alone": "ainu digest alone"}
    runs: dict[str, list[Step]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            runs[name].append(run(sys.executable, program, folder / "large.bin")["read"])
    fastest = {name: min(steps, key=lambda step: step.wall) for name, steps in runs.items()}
    return fastest | {"10 million CSV, ingest": run(sys.executable, "ainu ingest", folder / "large.csv")["ingest"]}


def report(rows: int, lines: Sequence[str], figures: Sequence[str]) -> str:
    """results.md."""
    head = (
        f"{rows:,} localizations of a simulated nucleus, {FRAMES:,} frames, 400 nm of drift, one channel, pixel of "
        f"{PIXEL_NM:g} nm; render: counts in voxels of {VOXEL_NM:g} nm; drift by each program's own defaults (Picasso: "
        "AIM). The fastest of several runs in turn, files in the cache, compiled code warm. Memory: the most that the "
        "process held during a step beyond interpreter and libraries, the table that the step works on included; the "
        f"table in float32 is {BYTES_PER_ROW * rows / 1e6:.0f} MB (seven columns and the channel)."
    )
    title = "# Preprocessing, side by side"
    return "\n".join([title, "", MADE_BY, "", head, "", *lines, "", "## Bars", "", *figures]) + "\n"


MADE_BY = "Made by `python -m benchmarks.preprocess.run --write`. The paper-sized set: `paper.py`."


def main() -> None:
    """Measure and print each figure with its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the data")
    parser.add_argument("--write", action="store_true", help="write results.md")
    arguments = parser.parse_args()
    share = 20 if arguments.quick else 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        field = single_channel(nucleus("dense", 1, blinks=BLINKS / share).localizations)
        write(field, folder, "acquisition")
        write(field[:: len(field) // 2000], folder, "small")
        write(random_localizations(LARGE // share), folder, "large")
        found = measure(folder, arguments.repeats)
        large = measure_large(folder, arguments.repeats)
    figures = list(bars(found, len(field), large, LARGE // share))
    text = report(len(field), list(table(found)), figures)
    print(text)
    if arguments.write:
        (HERE / "results.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
