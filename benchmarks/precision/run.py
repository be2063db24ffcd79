"""Precision from repeated localizations (NeNA), ours beside Picasso's, on fields whose precision is known.

    PYTHONPATH=src python -m benchmarks.precision.run [--write]

Picasso is told the median precision of the table, from which its fit starts; ours is told nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.peers import python_of_peers

from ainu.localizations.formats import read as formats
from ainu.localizations.table import Localizations
from ainu.quality.nena import repeated_localization
from ainu.simulation.conditions import Condition
from ainu.simulation.fields import simulate

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "drift"))

from fields import FRAMES, PIXEL_NM, observe  # noqa: E402

REAL = Path("/work/shared/data/formats")
SHARED = {"rcc_test.bin": REAL / "insight3/rcc_test.bin"}


def fields() -> Iterator[tuple[str, Localizations, float]]:
    """Name, localizations and true median precision (nm; not a number where it is not known)."""
    for count in (30_000, 300_000):
        rng = np.random.default_rng([2, count])
        emitters = rng.uniform(1000, 23_000, (count // 6, 2))
        table = observe(rng, emitters, np.zeros((FRAMES, 2)), 24_000)
        for scale in (0.5, 1.0, 2.0):
            scaled = replace(table, x=scale * table.x, y=scale * table.y, precision=scale * table.precision)
            yield f"emitters {len(table):,}", scaled, float(np.median(scaled.precision))
    for label, changes in (("sparse", {}), ("usual", {"blinks": 34.0})):
        table, _ = simulate(Condition(frames=FRAMES, drift_nm=0.0, **changes), 1, name=label)
        yield f"nucleus {label} {len(table):,}", table, float(np.median(table.precision))
    for name, path in SHARED.items():
        if path.is_file():
            yield name, formats.read(path, pixel_size_nm=PIXEL_NM), np.nan


def by_picasso(tables: list[tuple[str, Localizations, float]], folder: Path) -> list[dict[str, float]]:
    """Precision (nm) and seconds of each field."""
    paths = []
    for number, (_, table, true) in enumerate(tables):
        paths.append(folder / f"{number}.npz")
        guess = true if np.isfinite(true) else 10.0
        np.savez(paths[-1], x=table.x, y=table.y, frame=table.frame, pixel_nm=PIXEL_NM, guess_nm=guess)
    done = subprocess.run(
        [python_of_peers(), HERE / "peer.py", *paths], check=True, capture_output=True, text=True
    ).stdout
    return [json.loads(line) for line in done.splitlines() if line.startswith("{")]


def lines() -> Iterator[str]:
    """A row per field."""
    yield "| field | true (nm) | ours (nm) | Picasso (nm) | ours / true | Picasso / true | ours / Picasso |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    tables = list(fields())
    with tempfile.TemporaryDirectory() as folder:
        peers = by_picasso(tables, Path(folder))
    for (name, table, true), peer in zip(tables, peers, strict=True):
        start = time.perf_counter()
        own = repeated_localization(table).sigma_nm or np.nan
        print(f"{name}: {time.perf_counter() - start:.2f} s, Picasso {peer['seconds']:.2f} s", file=sys.stderr)
        ratios = f"{own / true:.2f} | {peer['nm'] / true:.2f} | {own / peer['nm']:.2f}"
        yield f"| {name} | {true:.2f} | {own:.2f} | {peer['nm']:.2f} | {ratios} |".replace("nan", "")


def main() -> None:
    """Print the table; with --write, into results.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write results.md")
    arguments = parser.parse_args()
    text = "\n".join(["# NeNA, side by side", "", *MADE_BY, "", *lines()]) + "\n"
    print(text)
    if arguments.write:
        (HERE / "results.md").write_text(text, encoding="utf-8")


MADE_BY = [
    "Made by `python -m benchmarks.precision.run --write`. True: the median of the standard deviations along an axis",
    "that localizations were scattered with (log-normal, a quarter of the median wide; a twentieth are false).",
]

if __name__ == "__main__":
    main()
