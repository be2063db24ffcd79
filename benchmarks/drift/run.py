"""Drift of simulated fields, ours and the peers', in one run: accuracy, time, and how near the Cramér-Rao bound.

    python benchmarks/drift/run.py [--quick] [--rounds N] [--only TEXT] [--write]

With --write, of all fields, into benchmarks/drift/results.md. Slow methods (both redundant cross-correlations, COMET)
run once, on the nuclei.
"""

from __future__ import annotations

import argparse
import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE.parent), str(HERE)]

from fields import FRAMES, PIXEL_NM, Field, fields  # noqa: E402
from peers import python_of_peers  # noqa: E402

from ainu.drift.aim import maximise_intersections  # noqa: E402
from ainu.drift.correction import Drift, estimate_drift  # noqa: E402
from ainu.drift.rcc import cross_correlate  # noqa: E402
from ainu.localizations.formats import read as formats  # noqa: E402
from ainu.localizations.fourier_ring import half_images, ring_sums  # noqa: E402
from ainu.localizations.table import Localizations  # noqa: E402

SEGMENTS = (100, 200, 500, 1000)
SLOW = {"picasso rcc": 500, "comet": 500}
"""Methods that run once, on the nuclei, and their segments."""
LIMIT_S = 90.0
"""A slow method that takes longer is stopped, so reported, and not tried on the fields that follow."""
REAL = Path("/work/shared/data/formats/insight3/rcc_test.bin")


@dataclass(frozen=True)
class Result:
    """One method on one field: RMS error (nm), best processor time (s), what it said of itself."""

    method: str
    rms_nm: float
    seconds: float
    remark: str = ""


class Peers:
    """The server of peer.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stopped: set[str] = set()
        self.process = self.start()

    @staticmethod
    def start() -> subprocess.Popen[str]:
        """The server, which compiles before its first answer."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [python_of_peers(), HERE / "peer.py"], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )

    def write(self, field: Field) -> None:
        """The field that the next runs are about."""
        table = field.localizations
        rest = {"pixel_nm": PIXEL_NM, "side_nm": field.side_nm, "frames": len(field.drift)}
        np.savez(self.folder / "field.npz", x=table.x, y=table.y, frame=table.frame, **rest)

    def run(self, method: str, segment: int) -> tuple[np.ndarray | None, float, str]:
        """(frames, 2) drift, seconds of the processor, and what went wrong."""
        if method in self.stopped:
            return None, np.nan, "not tried: stopped on a smaller field"
        result = self.folder / "drift.npy"
        job = {"field": str(self.folder / "field.npz"), "method": method, "segment": segment, "result": str(result)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        if method in SLOW and not select.select([self.process.stdout], [], [], LIMIT_S)[0]:
            self.stopped.add(method)
            self.process.kill()
            self.process.wait()
            self.process = self.start()
            return None, np.nan, f"stopped after {LIMIT_S:.0f} s"
        answer = json.loads(self.process.stdout.readline() or '{"error": "the peer died"}')
        if "error" in answer:
            return None, np.nan, answer["error"]
        return np.load(result), answer["cpu"], ""

    def close(self) -> None:
        """End the server."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def rms(shift: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square distance of two drifts, whose constant difference does not matter."""
    frames = min(len(shift), len(truth))
    apart = shift[:frames, :2] - truth[:frames]
    apart = apart - apart.mean(axis=0)
    return float(np.sqrt((apart**2).sum(axis=1).mean()))


def measure(field: Field, peers: Peers, rounds: int, slow: bool) -> list[Result]:
    """All methods, in turn, `rounds` times; the best time of each."""
    peers.write(field)
    jobs: dict[str, Callable[[], tuple[np.ndarray | None, float, str]]] = {"ainu aim": lambda: ours(field, "aim")}
    jobs |= {f"picasso aim {n}": lambda n=n: peers.run("picasso aim", n) for n in SEGMENTS}
    runs: dict[str, list] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            runs[name].append(job())
    found = [best(name, field, tries) for name, tries in runs.items()]
    if slow:
        found.append(best("ainu rcc 500", field, [ours(field, "rcc")]))
        found += [best(f"{name} {n}", field, [peers.run(name, n)]) for name, n in SLOW.items()]
    return found


def ours(field: Field, method: str) -> tuple[np.ndarray, float, str]:
    """Shift, seconds and verdict."""
    start = time.process_time()
    drift: Drift = estimate_drift(field.localizations, method)
    seconds = time.process_time() - start
    return drift.at(np.arange(len(field.drift))), seconds, said(drift)


def said(drift: Drift) -> str:
    """Verdict, expected error and warning."""
    residual, warning = drift.notes.get("residual_nm"), drift.notes.get("warning")
    return (
        drift.notes["verdict"]
        + (f", expects {residual:.2f} nm" if residual else "")
        + (f"; {warning}" if warning else "")
    )


def best(method: str, field: Field, tries: list[tuple[np.ndarray | None, float, str]]) -> Result:
    """The result of the last of several runs with the time of the fastest."""
    shift, _, remark = tries[-1]
    error = np.nan if shift is None else rms(shift, field.drift)
    return Result(method, error, min(seconds for _, seconds, _ in tries), remark)


def bound(field: Field, segment: int) -> float:
    """The Cramér-Rao bound, nm: precision over the square root of the localizations in a segment (x and y together)."""
    table = field.localizations
    assert table.precision is not None
    return float(np.sqrt(2) * np.median(table.precision) / np.sqrt(len(table) * segment / FRAMES))


def lines(field: Field, found: list[Result]) -> Iterator[str]:
    """Rows of the table: each method's error and time relative to the best of Picasso's AIM."""
    peer = best_aim(found)
    limit = bound(field, int(peer.method.split()[-1]))
    for result in found:
        ratios = (
            f"{result.rms_nm / peer.rms_nm:.2f} | {result.seconds / peer.seconds:.2f} | {result.rms_nm / limit:.1f}"
        )
        mark = " (its best)" if result is peer else ""
        yield (
            f"| {field.name} | {result.method}{mark} | {result.rms_nm:.2f} | {result.seconds:.3f} "
            f"| {ratios} | {result.remark} |"
        )


def best_aim(found: list[Result]) -> Result:
    """Picasso's AIM with the segment that fits the field best."""
    aims = [result for result in found if result.method.startswith("picasso aim") and np.isfinite(result.rms_nm)]
    return min(aims, key=lambda result: result.rms_nm)


def bars(tables: dict[str, list[Result]]) -> Iterator[str]:
    """Fields on which a bar is missed."""
    for name, found in tables.items():
        own, peer = found[0], best_aim(found)
        if own.rms_nm > peer.rms_nm:
            yield f"- {name}: {own.rms_nm:.2f} nm against {peer.rms_nm:.2f}"
        if own.seconds > peer.seconds:
            yield f"- {name}: {own.seconds:.3f} s against {peer.seconds:.3f}"


def real(peers: Peers) -> Iterator[str]:
    """rcc_test.bin, whose drift is not known: what each method finds, and what two halves of the frames say of it."""
    if not REAL.is_file():
        yield f"{REAL} is absent."
        return
    table = formats.read(REAL, pixel_size_nm=PIXEL_NM)
    side = float(max(table.x.max(), table.y.max())) + PIXEL_NM
    peers.write(Field("rcc_test.bin", table, np.zeros((table.n_frames, 2), np.float32), side))
    judged = {method: estimate_drift(table, method, **settings) for method, settings in OWN.items()}
    shifts = {f"ainu {method}, before its verdict": measured(table, method) for method in OWN}
    for method, segment in (("picasso aim", 20), ("picasso aim", 50), ("picasso aim", 100), ("picasso rcc", 50)):
        shift, _, error = peers.run(method, segment)
        if shift is None:
            yield f"- {method} {segment}: {error}"
        else:
            shifts[f"{method} {segment}"] = shift
    yield from (f"- ainu {method}: {said(drift)}" for method, drift in judged.items())
    yield ""
    yield "| correction | span x, y (nm) | correlation of details | apart from the median of all (nm) |"
    yield "| --- | ---: | ---: | ---: |"
    centred = [shift[: table.n_frames, :2] - shift[: table.n_frames, :2].mean(axis=0) for shift in shifts.values()]
    middle = np.median(centred, axis=0)
    yield f"| none | 0, 0 | {detail(table, np.zeros_like(middle))} | {rms(np.zeros_like(middle), middle):.2f} |"
    for name, shift in shifts.items():
        span = ", ".join(f"{value:.2f}" for value in np.ptp(shift[:, :2], axis=0))
        yield f"| {name} | {span} | {detail(table, shift)} | {rms(shift, middle):.2f} |"


OWN: dict[str, dict[str, int]] = {"aim": {}, "rcc": {"segment_frames": 50}}
"""Our methods on rcc_test.bin, with settings for its 300 frames."""


def measured(table: Localizations, method: str) -> np.ndarray:
    """What a method of ours finds, applied or not."""
    if method == "rcc":
        return cross_correlate(table, **OWN["rcc"], pixel_nm=40).shift
    assert table.frame is not None
    return maximise_intersections((table.x, table.y), table.frame, table.n_frames).shift


def detail(table: Localizations, shift: np.ndarray) -> str:
    """Correlation of details of 20 to 100 nm between halves of the frames, after a correction."""
    assert table.frame is not None
    moved = Drift(np.arange(len(shift)), shift[:, :2].astype(np.float32), "any").apply(table)
    half = ((table.frame // 1) & 1).astype(np.int32)
    row, column = (np.floor(axis / 5.0).astype(np.int32) % 512 for axis in (moved.y, moved.x))
    ring = np.arange(26, 129)  # of 256: 100 to 20 nm
    return f"{ring_sums(half_images(half, row, column, 512)).correlation[ring].mean():.4f}"


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="no squares of more than 30 thousand localizations")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="fields whose name holds this text")
    parser.add_argument("--write", action="store_true", help="results.md, of all fields")
    arguments = parser.parse_args()
    if arguments.write and (arguments.quick or arguments.only):
        parser.error("--write takes all fields: neither --quick nor --only")
    counts = (30_000,) if arguments.quick else (30_000, 300_000, 1_000_000)
    head = ["| field | method | RMS (nm) | seconds | RMS / best AIM | seconds / best AIM | RMS / CRB | verdict |"]
    head.append("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
    print("\n".join(head), flush=True)
    rows, tables = [], {}
    with tempfile.TemporaryDirectory() as folder:
        peers = Peers(Path(folder))
        for field in fields(counts):
            if arguments.only not in field.name:
                continue
            found = measure(field, peers, arguments.rounds, slow=field.name.startswith("nucleus"))
            tables[field.name] = found
            rows += lines(field, found)
            print("\n".join(list(lines(field, found))), flush=True)
        seen = list(real(peers))
        peers.close()
    missed = list(bars(tables)) or ["none"]
    print("\n".join(["", "Bars missed:", *missed, "", "rcc_test.bin:", *seen]))
    if arguments.write:
        write(head + rows, missed, seen)


def verdicts() -> list[str]:
    """The tables of verdicts.py, as last written."""
    return [line for name in ("first", "third") for line in (HERE / f"verdicts-{name}.md").read_text().splitlines()]


def write(table: list[str], missed: list[str], seen: list[str]) -> None:
    """benchmarks/drift/results.md."""
    text = [
        "# Drift",
        "",
        "## The verdict",
        "",
        "Made by `python benchmarks/drift/verdicts.py --set first --peer 1` and `--set third --peer 1`: recordings of",
        "many kinds (`recordings.py`), with defaults. Methods were developed on the first set. The third has other",
        "structures, ranges and seeds, and was run once after all was done.",
        "",
        *verdicts(),
        "## Accuracy and time, side by side",
        "",
        "Made by `python benchmarks/drift/run.py --write`. All methods take turns in one run; times are the best of",
        "several, the estimate only (ours with its verdict; numba is warm). `best AIM`: the segment of Picasso's AIM",
        "with the least error, which its user cannot know. CRB: precision / sqrt(localizations in such a segment), for",
        "known emitters; below 1 where more than one such segment is averaged. Both rcc and COMET run once, on nuclei.",
        "The emitters of the nuclei called usual and dense blink 34 and 220 times: kinder than most real recordings.",
        "COMET is made for a GPU; here it runs on a CPU, which is a handicap that its time and its limit of 90 s show.",
        "",
        *table,
        "",
        "## Bars missed (RMS or time above that of Picasso's best AIM)",
        "",
        *missed,
        "",
        "## `formats/insight3/rcc_test.bin` (300 frames)",
        "",
        "Its drift is not known; compared is how well two halves of the frames agree after each correction.",
        "",
        *seen,
    ]
    (HERE / "results.md").write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
