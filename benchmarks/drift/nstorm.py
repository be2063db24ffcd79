"""Drift of public two-colour N-STORM recordings, ours and that of the vendor's software.

    python benchmarks/drift/nstorm.py REPOSITORY [--write]

REPOSITORY: a clone of github.com/bairangie/JBC-STORM-2020 (neutrophils, doi 10.5281/zenodo.3701524), with or without
files checked out. Each two-colour file holds 10,000 frames of one dye, then 10,000 of the other. What the vendor's
software took away is X - Xc. With --write, the table goes into benchmarks/drift/nstorm.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src")]

from ainu.drift.correction import Drift, estimate_drift  # noqa: E402
from ainu.localizations.formats import read as formats  # noqa: E402
from ainu.localizations.table import Localizations  # noqa: E402


def texts(repository: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of each two-colour file that the clone holds."""
    listed = git(repository, "ls-tree", "-r", "-l", "-z", "HEAD").decode().split("\0")
    for line in filter(None, listed):
        about, path = line.split("\t")
        blob, size = about.split()[2:]
        if path.startswith("two-color STORM/") and path.endswith(".txt") and size.isdigit():
            yield path, git(repository, "cat-file", "blob", blob)


def git(repository: Path, *arguments: str) -> bytes:
    """What git prints."""
    return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=True).stdout


def row(path: str, text: bytes) -> dict:
    """What ours and the vendor's software make of a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "recording.txt"
        file.write_bytes(text)
        table = formats.read(file)
        vendor = pd.read_csv(file, sep="\t", encoding="latin-1")
    drift = estimate_drift(table)
    return {
        "file": path.removeprefix("two-color STORM/"),
        "localizations": len(table),
        "vendor": span(np.stack([vendor["X"] - vendor["Xc"], vendor["Y"] - vendor["Yc"]], axis=1)),
        "ours": span(drift.shift[:, :2]),
        "step": step(table, drift),
        "verdicts": ", ".join(each["verdict"] for each in drift.notes.get("stretches", [drift.notes])),
        "detectable": ", ".join(
            f"{each.get('detectable_nm') or '-'}" for each in drift.notes.get("stretches", [drift.notes])
        ),
        "seam": ", ".join(each["source"] for each in drift.notes.get("seams", [])),
    }


def span(shift: np.ndarray) -> float:
    """The larger of the spans in x and y, nm."""
    return float(np.ptp(shift, axis=0).max())


def step(table: Localizations, drift: Drift) -> float:
    """By how much the correction moves one colour against the other, nm."""
    assert table.frame is not None
    moved = drift.at(table.frame)[:, :2]
    means = [moved[table.channel == channel].mean(axis=0) for channel in np.unique(table.channel)]
    return float(np.hypot(*(means[0] - means[-1])))


def lines(found: pd.DataFrame) -> Iterator[str]:
    """The summary and the table."""
    verdicts = ", ".join(found.verdicts).split(", ")
    counted = ", ".join(f"{name} {verdicts.count(name)}" for name in sorted(set(verdicts)))
    yield (
        f"{len(found)} files of {found.localizations.min():,} to {found.localizations.max():,} localizations; verdicts "
        f"on their colours: {counted}. The vendor's software took away at most {found.vendor.max():.0f} nm. Ours moves "
        f"frames by more than 50 nm in {(found.ours > 50).sum()} files, and colours against each other by more than "
        f"50 nm in {(found.step > 50).sum()}."
    )
    yield ""
    yield "| file | localizations | vendor, span (nm) | ours | colours moved | verdicts | would be seen (nm) | seam |"
    yield "| --- | ---: | ---: | ---: | ---: | --- | --- | --- |"
    for each in found.itertuples():
        yield (
            f"| {each.file} | {each.localizations:,} | {each.vendor:.1f} | {each.ours:.1f} | {each.step:.1f} "
            f"| {each.verdicts} | {each.detectable} | {each.seam} |"
        )


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    text = "\n".join(lines(pd.DataFrame([row(*each) for each in texts(arguments.repository)])))
    print(text)
    if arguments.write:
        (HERE / "nstorm.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
