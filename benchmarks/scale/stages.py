"""How stages grow with voxels, localizations, field and recordings: `python benchmarks/scale/stages.py [TABLE ...]`.

Simulated fields, one process, seconds of CPU (those of the processes that a stage starts included), without the start
of Python. The exponent is that between the two largest sizes: 1 is linear. Writes `stages.md` beside it; with names of
tables (voxels, localizations, fields, recordings) only these are measured, and printed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "unit"), str(ROOT / "src")]

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from defaults import attribution, drift_settings, quality_settings, search_settings  # noqa: E402

from ainu import simulate  # noqa: E402
from ainu.attribution.maps import write_maps  # noqa: E402
from ainu.attribution.summary import summarise  # noqa: E402
from ainu.drift.correction import correct_shard  # noqa: E402
from ainu.evaluation import confident_errors  # noqa: E402
from ainu.evaluation.features import measure_shard  # noqa: E402
from ainu.folds.duplicate_recordings import similar_pairs  # noqa: E402
from ainu.folds.fingerprints import KEYS, fingerprint_shard, read_fingerprints  # noqa: E402
from ainu.hdf5 import new_file  # noqa: E402
from ainu.images.assemble import assemble  # noqa: E402
from ainu.images.dataset import read  # noqa: E402
from ainu.images.render import voxelize_shard  # noqa: E402
from ainu.images.settings import Render  # noqa: E402
from ainu.nuclei.find import find_shard  # noqa: E402
from ainu.quality.filters import filter_shard  # noqa: E402
from ainu.quality.summary import qc_shard  # noqa: E402
from ainu.report import attribution as report_maps  # noqa: E402
from ainu.report.nuclei import drawn_nuclei  # noqa: E402
from ainu.report.sources import ReportSources, read_dataset  # noqa: E402
from ainu.simulation.conditions import CONDITIONS  # noqa: E402

CLASSES = ("somatic", "hiPSC")
FIELDS = 24
VOXELS_NM = (200, 50, 20)
CANVAS_NM = 12_800
EMITTERS = (1, 4, 16)
NUCLEI = (1, 8, 64)
RECORDINGS = (5_000, 20_000, 100_000)
ROWS = {"voxels": "Voxels of", "localizations": "Localizations", "fields": "Nuclei in", "recordings": "Recordings"}

Times = dict[str, float]


def seconds(work: Callable[[], Any]) -> float:
    """CPU seconds of this process and of those that it started."""
    before = _used()
    work()
    return _used() - before


def _used() -> float:
    spent = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(own.ru_utime + own.ru_stime for own in spent)


class Shard:
    """Simulated fields up to the nuclei, each stage timed."""

    def __init__(self, folder: Path, fields: int, **changes: Any) -> None:
        self.samples = [f"s{k}" for k in range(fields)]
        self.folder = folder
        names = ("raw", "drift", "quality", "nuclei")
        self.paths = {name: str(folder / f"{name}.h5") for name in names}
        self.localizations = 0
        with new_file(self.paths["raw"]) as file:
            for k, name in enumerate(self.samples):
                condition = replace(CONDITIONS[CLASSES[k % 2]], **changes)
                table, _ = simulate(condition, k, replicate=f"r{k // 2 % 6}")
                self.localizations += len(table)
                table.write(file.create_group(name))
        raw, drift, quality, nuclei = self.paths.values()
        correct_shard(raw, drift, self.samples, drift_settings(method="none"))
        self.times = {
            "filter_quality": seconds(lambda: filter_shard(raw, drift, quality, self.samples, quality_settings())),
            "find_nuclei": seconds(lambda: find_shard(self.paths, nuclei, self.samples, search_settings(), {})),
        }

    @property
    def rows(self) -> list[dict[str, str]]:
        """Of the sheet."""
        return [
            {"sample": name, "shard": "s", "replicate": f"r{k // 2 % 6}", "label": CLASSES[k % 2]}
            for k, name in enumerate(self.samples)
        ]

    def measured(self) -> Times:
        """The stages that see localizations."""
        out, paths = self.folder, self.paths
        self.times["qc"] = seconds(lambda: qc_shard(paths, out / "qc", self.samples))
        self.times["measure_features"] = seconds(lambda: measure_shard(paths, out / "features.h5", self.samples, 0))
        self.times["fingerprint"] = seconds(lambda: fingerprint_shard(paths["raw"], out / "prints.h5", self.samples))
        return self.times


def by_voxels(folder: Path) -> Iterator[tuple[str, float, Times]]:
    """Nuclei on a canvas of one size, in finer and finer voxels."""
    shard = Shard(folder, FIELDS)
    for voxel_nm in VOXELS_NM:
        yield f"{voxel_nm} nm", (CANVAS_NM / voxel_nm) ** 2, _with_voxels(shard, voxel_nm)


def _with_voxels(shard: Shard, voxel_nm: float) -> Times:
    out = shard.folder
    voxels, path, maps = out / "voxels.h5", out / "dataset.h5", out / "maps.h5"
    render, channels = Render(voxel_nm, CANVAS_NM), ("PolII", "DNA")
    times = {
        "voxelize": seconds(lambda: voxelize_shard(shard.paths, voxels, shard.samples, render, channels)),
        "assemble": seconds(lambda: assemble({"s": voxels}, shard.rows, channels, path)),
    }
    dataset = read(path)
    names = ("class_means", "curves", "enrichment", "radial", "examples", "detail")
    paths = {name: str(out / f"{name}.svg") for name in names}
    paths |= {name: str(out / f"{name}.json") for name in ("scorecard", "compartments")}
    checks: dict[str, Any] = {"nuclei": [], "methods": {}, "orders": {}, "shares": []}

    def summed() -> None:
        summarise(dataset, maps, checks, CLASSES, attribution(), 0, paths)

    write_maps(maps, dataset, {}, {})
    times["summarise_attribution, no method"] = seconds(summed)
    values = np.random.default_rng(0).normal(size=dataset.image.shape).astype(np.float32)
    write_maps(maps, dataset, {"saliency": values}, {})
    times["summarise_attribution, a method"] = seconds(summed)
    wrong = [{"nucleus": name, "label": "a", "predicted": "b", "probability": 1.0} for name in dataset.nucleus[:6]]
    times["evaluate: pictures of errors"] = seconds(lambda: confident_errors.picture(dataset, wrong))
    times["report: pictures"] = seconds(lambda: _report(path, maps, dataset.nucleus, dataset.label))
    return times


def _report(path: Path, maps: Path, nucleus: Sequence[str], label: Sequence[str]) -> None:
    sources = ReportSources("benchmark", path, path, path, path, path, maps=maps)
    scorecard, found = report_maps.Scorecard(), read_dataset(path)
    predictions = pd.DataFrame({"nucleus": nucleus, "replicate": "r", "label": label, "predicted": CLASSES[0]})
    predictions = predictions.assign(**{f"p_{name}": 0.5 for name in CLASSES})
    report_maps.class_means(maps, ["saliency"], found, CLASSES, scorecard)
    drawn_nuclei(predictions, CLASSES, found, sources, ["saliency"])


def by_localizations(folder: Path) -> Iterator[tuple[str, float, Times]]:
    """One nucleus a field, with more and more localizations."""
    for times in EMITTERS:
        own = folder / str(times)
        own.mkdir()
        shard = Shard(own, FIELDS // 4, clutches=420 * times, clusters=240 * times)
        yield f"{shard.localizations / FIELDS * 4 / 1000:.0f} thousand", shard.localizations, shard.measured()


def by_nuclei(folder: Path) -> Iterator[tuple[str, float, Times]]:
    """Larger and larger fields, each with more nuclei."""
    for number in NUCLEI:
        own = folder / str(number)
        own.mkdir()
        shard = Shard(own, FIELDS // 4, nuclei=number)
        yield f"a field: {number}", shard.localizations, shard.measured()


def by_recordings(folder: Path) -> Iterator[tuple[str, float, Times]]:
    """Fingerprints as usual fields have them, of which unrelated ones share 0.002."""
    for number in RECORDINGS:
        rng, path = np.random.default_rng(0), folder / "prints.h5"
        samples = [f"s{k}" for k in range(number)]
        with new_file(path) as file:
            for name in samples:
                figures = np.sort(rng.integers(2**29, size=KEYS, dtype=np.uint64) * np.uint64(2**25 + 35))
                own = file.create_group(name).create_dataset("0", data=figures, track_times=False)
                own.attrs["sha256"] = name
        found: list[Any] = []
        times = {"split: reading fingerprints": seconds(lambda: found.extend(read_fingerprints([path], samples)))}  # noqa: B023
        times["split: leak check"] = seconds(lambda: similar_pairs(found))  # noqa: B023
        yield f"{number}", number, times


TABLES = {"voxels": by_voxels, "localizations": by_localizations, "fields": by_nuclei, "recordings": by_recordings}


def table(name: str, title: str) -> str:
    """Markdown: a row per stage, a column per size, and the exponent."""
    with tempfile.TemporaryDirectory() as folder:
        columns = list(TABLES[name](Path(folder)))
    heads, sizes, times = zip(*columns, strict=True)
    lines = [f"| {title} | {' | '.join(heads)} | exponent |", "|---|" + "---|" * (len(heads) + 1)]
    for stage in times[0]:
        own = [each[stage] for each in times]
        exponent = np.log(own[-1] / own[-2]) / np.log(sizes[-1] / sizes[-2])
        lines.append(f"| {stage} | {' | '.join(f'{value:.2f}' for value in own)} | {exponent:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(TABLES)
    text = "\n\n".join(table(name, ROWS[name]) for name in chosen)
    print(text)
    if not sys.argv[1:]:
        told = f"""# How stages grow

CPU seconds of one core, by `python benchmarks/scale/stages.py`; the exponent is between the two largest sizes (1:
linear).
The first table has {FIELDS} nuclei on canvases of {CANVAS_NM / 1000:g} µm, the second and third {FIELDS // 4} fields.

"""
        Path(__file__).with_suffix(".md").write_text(told + text + "\n")
