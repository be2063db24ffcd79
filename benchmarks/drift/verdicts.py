"""The verdict on drift, its expected error and the error left, on simulated recordings of many kinds.

    python benchmarks/drift/verdicts.py [--set first|third|fourth] [--number N] [--peer EVERY] [--write]
    python benchmarks/drift/verdicts.py --nuclei

With --peer, Picasso's AIM measures every so-manieth recording in turn with ours (a number without a common divisor with
6 takes all kinds of drift), with segments of 1/200 to 1/20 of the frames; times are those of the processor. With
--write, the rows go into benchmarks/drift/verdicts-{set}.tsv and the tables into verdicts-{set}.md. --nuclei prints a
table of clustered fields as wide as a nucleus, two localizations per emitter.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE.parent), str(HERE)]

from fields import Field  # noqa: E402
from recordings import Kind, Recording, first_set, fourth_set, record, third_set  # noqa: E402
from run import Peers  # noqa: E402

from ainu.drift.aim import maximise_intersections  # noqa: E402
from ainu.drift.clock import Clock  # noqa: E402
from ainu.drift.correction import Drift, estimate_drift  # noqa: E402

SETS = {"first": (first_set, 400), "third": (third_set, 100), "fourth": (fourth_set, 100)}
PARTS_OF_FRAMES = (200, 100, 50, 20)
"""Segments of Picasso's AIM, in parts of the frames; its user cannot know which is best."""


def spread(shift: np.ndarray) -> float:
    """Root mean square distance from the mean of shifts (n, 2)."""
    return float(np.sqrt(((shift - shift.mean(axis=0)) ** 2).sum(axis=1).mean()))


def apart(shift: np.ndarray, channel: np.ndarray) -> float:
    """Distance of the mean shifts of two channels; 0 of one."""
    if not channel.any():
        return 0.0
    return float(np.hypot(*(shift[channel == 0].mean(axis=0) - shift[channel == 1].mean(axis=0))))


def row(recording: Recording) -> dict:
    """What becomes of a recording."""
    table, kind = recording.localizations, recording.kind
    assert table.frame is not None
    start = time.process_time()
    drift = estimate_drift(table)
    seconds = time.process_time() - start
    left = recording.shift - drift.at(table.frame)[:, :2]
    moved = drift.at(table.frame)[:, :2]
    verdicts = [each["verdict"] for each in drift.notes.get("stretches", [drift.notes])]
    found = {
        "localizations": len(table),
        "drift_nm": spread(recording.shift),
        "left_nm": spread(left),
        "moved_nm": float(np.hypot(*(moved - moved.mean(axis=0)).T).max()),
        "distance_before_nm": apart(recording.shift, table.channel),
        "distance_after_nm": apart(left, table.channel),
        "verdict": drift.notes["verdict"],
        "verdicts": ", ".join(verdicts),
        "seam": ", ".join(each["source"] for each in drift.notes.get("seams", [])),
        "expected_nm": drift.notes.get("residual_nm"),
        "seconds": seconds,
    }
    return vars(kind) | found | {"estimate_nm": before_the_verdict(recording, drift)}


def before_the_verdict(recording: Recording, drift: Drift) -> float:
    """Error of the estimate itself, of one structure."""
    table = recording.localizations
    if "stretches" in drift.notes or table.frame is None:
        return float("nan")
    clock = Clock.of(table.frame)
    if len(clock.frame) < 32:
        return float("nan")
    found = maximise_intersections([table.x, table.y], clock.rank.astype(np.uint32), len(clock.frame))
    return spread(recording.shift - found.shift[clock.rank])


def peer(recording: Recording, peers: Peers) -> tuple[float, float]:
    """Error and time of Picasso's AIM with the segment that fits best, of the frames without what was cut away."""
    table = recording.localizations
    assert table.frame is not None
    frame = table.frame - table.frame.min()
    frames = int(frame.max()) + 1
    low = np.array([table.x.min(), table.y.min()]) - 500
    near = replace(table, x=table.x - low[0], y=table.y - low[1], frame=frame)
    side = float(max(near.x.max(), near.y.max())) + 500
    peers.write(Field("", near, np.zeros((frames, 2), np.float32), side))
    best, seconds = np.inf, np.nan
    for part in PARTS_OF_FRAMES:
        shift, took, _ = peers.run("picasso aim", max(frames // part, 1))
        if shift is not None and len(shift) >= frames and (error := spread(recording.shift - shift[frame])) < best:
            best, seconds = error, took
    return best, seconds


def measure(name: str, number: int, every: int) -> pd.DataFrame:
    """All recordings of a set."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        peers = Peers(Path(folder)) if every else None
        for index, recording in enumerate(SETS[name][0](number)):
            rows.append(row(recording))
            if peers and index % every == 0:
                rows[-1]["aim_nm"], rows[-1]["aim_seconds"] = peer(recording, peers)
            print(index, rows[-1]["verdicts"], f"{rows[-1]['drift_nm']:.1f} {rows[-1]['left_nm']:.1f}", flush=True)
        if peers:
            peers.close()
    return pd.DataFrame(rows)


NUCLEI = ((11, 50), (16, 55), (30, 50), (30, 100), (157, 13), (157, 50), (157, 100))
"""Thousands of localizations and drift (RMS, nm) of fields as wide as a nucleus."""


def nuclei(seeds: int = 5) -> Iterator[str]:
    """Clustered fields of 11 µm, two localizations per emitter, precision 14 nm, 20,000 frames, smooth walks."""
    yield "| localizations | drift, RMS (nm) | estimate before the verdict | corrections applied | left |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for thousands, size in NUCLEI:
        kinds = [
            Kind("clustered", "walk", "one", thousands * 1000, 20_000, 0, 0, size, 14, 0.05, 2, 11_000, 0, seed)
            for seed in range(seeds)
        ]
        rows = pd.DataFrame([row(record(kind)) for kind in kinds])
        applied = (rows.verdict == "corrected").sum()
        yield (
            f"| {thousands} thousand | {size} | {rows.estimate_nm.median():.1f} | {applied} of {seeds} "
            f"| {rows.left_nm.median():.1f} |"
        )


def report(name: str, found: pd.DataFrame) -> Iterator[str]:
    """The tables."""
    found = found.assign(aim_nm=found.get("aim_nm", np.nan), aim_seconds=found.get("aim_seconds", np.nan))
    single = found[~found.channels.str.startswith("sequential")]
    yield from (f"### The {name} set: {len(found)} recordings", "")
    yield from rates(found, single)
    yield from by_verdict(single)
    yield from expected(found)
    yield from distances(found)
    yield from against_aim(single)


def rates(found: pd.DataFrame, single: pd.DataFrame) -> Iterator[str]:
    """False refusals, false acceptances, and how many of the right estimates are applied by the size of their error."""
    moving = single[single.drift_nm >= 15]
    cases = {
        "refused, though its error is below 15 % of a drift of 15 nm or more": (
            good := moving[moving.estimate_nm < 0.15 * moving.drift_nm],
            good.verdict != "corrected",
        ),
        "the same, error 15 to 50 %": (
            fair := moving[moving.estimate_nm.between(0.15 * moving.drift_nm, 0.5 * moving.drift_nm)],
            fair.verdict != "corrected",
        ),
        "applied, though its error is larger than the drift": (
            bad := single[single.estimate_nm > single.drift_nm],
            bad.left_nm > bad.drift_nm + 0.01,
        ),
        "moved by more than 5 nm, though nothing drifts": (still := found[found.drift == "none"], still.moved_nm > 5),
        "worse than before by more than 3 nm": (found, found.left_nm > found.drift_nm + 3),
    }
    yield "| verdict | of | number | share |"
    yield "| --- | ---: | ---: | ---: |"
    for text, (own, wrong) in cases.items():
        yield f"| {text} | {len(own)} | {wrong.sum()} | {wrong.sum() / max(len(own), 1):.1%} |"
    yield ""


def by_verdict(single: pd.DataFrame) -> Iterator[str]:
    """What each verdict was given to."""
    yield "| verdict, one structure | recordings | drift, median (nm) | error of the estimate | left |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for verdict, own in single.groupby("verdict"):
        middle = " | ".join(f"{own[name].median():.1f}" for name in ("drift_nm", "estimate_nm", "left_nm"))
        yield f"| {verdict} | {len(own)} | {middle} |"
    yield ""


def expected(found: pd.DataFrame) -> Iterator[str]:
    """How true the expected error is."""
    yield "| expected error of corrected recordings | number | expected / real: 5, 50, 95 % | within a factor of 2 |"
    yield "| --- | ---: | --- | ---: |"
    told = found[found.verdict.eq("corrected") & found.expected_nm.notna()]
    told = told.assign(ratio=told.expected_nm.astype(float).clip(lower=0.05) / told.left_nm.clip(lower=0.05))
    sequential = told.channels.str.startswith("sequential")
    groups = {"one structure": told[~sequential], "colours one after the other": told[sequential]}
    groups |= {f"one structure, {drift}": own for drift, own in told[~sequential].groupby("drift")}
    for name, own in groups.items():
        low, middle, high = np.percentile(own.ratio, [5, 50, 95]) if len(own) else (np.nan,) * 3
        within = own.ratio.between(0.5, 2).mean()
        yield f"| {name} | {len(own)} | {low:.2f}, {middle:.2f}, {high:.2f} | {within:.0%} |"
    yield ""


def distances(found: pd.DataFrame) -> Iterator[str]:
    """How far colours are apart that follow each other."""
    yield "| colours one after the other | recordings | apart before, median (nm) | after | after, 90 % |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    own = found[found.seam.ne("") & found.drift.ne("none")]
    for (seam, drift), part in own.groupby(["seam", "drift"]):
        before, after = part.distance_before_nm.median(), part.distance_after_nm
        yield f"| {seam}, {drift} | {len(part)} | {before:.1f} | {after.median():.1f} | {after.quantile(0.9):.1f} |"
    yield ""


def against_aim(single: pd.DataFrame) -> Iterator[str]:
    """Error left and time beside Picasso's AIM at its best segment."""
    both = single[single.aim_nm.notna() & single.drift.ne("none")]
    if both.empty:
        return
    yield "| beside Picasso's AIM, best segment | number | left (nm) | AIM's | at most 1.2 times | time / AIM's |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    groups = {"all": both, "corrected": both[both.verdict == "corrected"]}
    groups |= {f"corrected, {name}": own for name, own in groups["corrected"].groupby("structure")}
    groups |= {f"corrected, {name:g} per emitter": own for name, own in groups["corrected"].groupby("per_emitter")}
    groups["above 100 thousand localizations"] = both[both.localizations > 100_000]
    groups["below"] = both[both.localizations <= 100_000]
    for name, own in groups.items():
        within = (own.left_nm <= 1.2 * own.aim_nm + 0.1).mean()
        faster = (own.seconds / own.aim_seconds).median()
        middle = f"{own.left_nm.median():.2f} | {own.aim_nm.median():.2f}"
        yield f"| {name} | {len(own)} | {middle} | {within:.0%} | {faster:.2f} |"
    yield ""


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=SETS, default="first")
    parser.add_argument("--number", type=int)
    parser.add_argument("--peer", type=int, default=0, metavar="EVERY")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--nuclei", action="store_true")
    arguments = parser.parse_args()
    if arguments.nuclei:
        print("\n".join(nuclei()))
        return
    found = measure(arguments.set, arguments.number or SETS[arguments.set][1], arguments.peer)
    text = "\n".join(report(arguments.set, found))
    print(text)
    if arguments.write:
        found.round(3).to_csv(HERE / f"verdicts-{arguments.set}.tsv", sep="\t", index=False)
        (HERE / f"verdicts-{arguments.set}.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
