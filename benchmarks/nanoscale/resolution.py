"""Does the resolution audit name the scale that is there? Its hand-made features against the oracles, set by set.

    python benchmarks/nanoscale/resolution.py [--only NAME ...] [--nuclei N] [--minutes M]

The audit is that of the pipeline: true drift is subtracted, nuclei are found, features are measured at every level of
blur, and classifiers are trained anew on the same folds (replicates kept together). No network is trained. The oracle's
scale comes from its scores in oracle.tsv by the same rule: where they have fallen halfway to chance. Each set is
appended to resolution.tsv as it is done, until the minutes are over; resolution.md is written from that.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE)]

from oracle import LIGHT, markdown  # noqa: E402
from sets import SETS, Spec  # noqa: E402

from ainu.evaluation.blurred_features import blurred_features  # noqa: E402
from ainu.evaluation.features import Window  # noqa: E402
from ainu.evaluation.resolution import ResolutionAudit, audit, classified, halfway  # noqa: E402
from ainu.images.blur import levels_of_blur  # noqa: E402
from ainu.images.dataset import Dataset  # noqa: E402
from ainu.nuclei.find import find_nuclei  # noqa: E402
from ainu.simulation.fields import field_seed, simulate  # noqa: E402

LEVELS_NM = (10, 20, 50, 100, 250)
ORACLES = {"nanoscale": "pairs", "micrometre": "share", "two-scale": "share and pairs"}
FOLDS = 3
STEP = 1
"""Levels of blur by which the two scales may differ."""
TABLE, PAGE = HERE / "resolution.tsv", HERE / "resolution.md"
ORDER = (
    *(f"tune-{number:02d}-{kind}" for number, kind in ((1, "nanoscale"), (3, "two-scale"), (2, "micrometre"))),
    *(f"only-{kind}" for kind in ("nanoscale", "none", "micrometre", "two-scale")),
    *(spec.name for family in ("tune", "show") for spec in SETS[family]),
)


def measured(spec: Spec) -> tuple[dict[str, pd.DataFrame], Dataset, pd.DataFrame]:
    """Features by level, and the nuclei and folds of a set."""
    rows: dict[str, list[dict[str, float]]] = {}
    for row in spec.rows:
        seed = field_seed(spec.seed, row["sample"])
        condition = spec.conditions[row["label"]]
        table, truth = simulate(condition, seed, replicate=row["replicate"], name=row["label"])
        drift = truth.drift[table.frame, :2].astype(np.float32)
        table = replace(table, x=table.x - drift[:, 0], y=table.y - drift[:, 1])
        nuclei = find_nuclei(table)
        own = int(np.bincount(nuclei.label[nuclei.label > 0]).argmax())
        for level, blur in enumerate(levels_of_blur(LEVELS_NM)):
            rng = np.random.default_rng([seed, level])
            found = blurred_features(table[nuclei.label == own], Window.of(nuclei, own), blur, rng)
            rows.setdefault(blur.name, []).append(found)
    return {name: pd.DataFrame(own) for name, own in rows.items()}, *_as_dataset(spec)


def _as_dataset(spec: Spec) -> tuple[Dataset, pd.DataFrame]:
    """Names and labels of the nuclei as a dataset without images, and their folds."""
    table = pd.DataFrame(spec.rows)[["sample", "replicate", "label"]]
    table["nucleus"] = table["sample"] + "/1"
    text = {name: table[name].to_numpy(str) for name in ("nucleus", "sample", "replicate", "label")}
    n = len(table)
    dataset = Dataset(
        image=np.zeros((n, 1, 1, 1), np.uint16),
        **text,
        localizations=np.zeros((n, 1), np.uint32),
        area_um2=np.ones(n, np.float32),
        origin_nm=np.zeros((n, 2)),
        angle_rad=np.zeros(n),
        channels=("PolII",),
        voxel_size_nm=100.0,
    )
    fold = table["replicate"].str[1:].astype(int) % FOLDS
    return dataset, table.assign(repeat=0, fold=fold)


def audited(spec: Spec) -> ResolutionAudit:
    """The audit of a set by its features."""
    values, dataset, folds = measured(spec)
    classes = list(spec.conditions)
    return audit(classified(values, dataset, folds, classes, seed=0), classes, seed=0)


def oracle_scale(spec: Spec) -> tuple[float | None, float, float]:
    """Where the score of the oracle has fallen halfway to chance (nm), its score without blur, and by light."""
    scores = pd.read_csv(HERE / "oracle.tsv", sep="\t", dtype={"level": str})
    own = scores[(scores["set"] == spec.name) & (scores["statistic"] == ORACLES[spec.kind])].set_index("level")["auroc"]
    return halfway([(nm, own[f"{nm:g}"]) for nm in (0.0, *LEVELS_NM)]), float(own["0"]), float(own[LIGHT])


def rank(scale: float | None) -> float:
    """A scale in levels; beyond the last one where the score never falls so far."""
    levels = (0.0, *LEVELS_NM)
    return len(levels) if scale is None else float(np.interp(scale, levels, range(len(levels))))


def compared(spec: Spec) -> dict[str, object]:
    """A row of the table."""
    found = audited(spec)
    scores = {point.level: point.auroc["value"] for point in found.features.points}
    row: dict[str, object] = {"set": spec.name, "nuclei": 2 * spec.nuclei_per_class, "verdict": found.finding.verdict}
    row |= {f"auroc_{level}": round(value, 4) for level, value in scores.items()} | {"scale_nm": found.finding.scale_nm}
    if spec.kind not in ORACLES:
        return row | {"oracle_nm": None, "oracle_0": None, "oracle_light": None, "levels_apart": None}
    scale, sharp, light = oracle_scale(spec)
    apart = abs(rank(found.finding.scale_nm) - rank(scale))
    return row | {"oracle_nm": scale, "oracle_0": sharp, "oracle_light": light, "levels_apart": apart}


def page(table: pd.DataFrame) -> str:
    """The text of resolution.md."""

    def nm(value: float) -> str:
        return "> 250 nm" if np.isnan(value) else f"{value:.0f} nm"

    rows = []
    for row in table.to_dict("records"):
        judged = not np.isnan(row["levels_apart"])
        scores = {level: f"{row[f'auroc_{level}']:.2f}" for level in ("0", *(f"{x:g}" for x in LEVELS_NM), LIGHT)}
        rows.append(
            {"set": row["set"], "nuclei": str(row["nuclei"])}
            | scores
            | {"verdict": row["verdict"], "scale": nm(row["scale_nm"]) if judged else ""}
            | {
                "oracle": nm(row["oracle_nm"]) if judged else "",
                "light, oracle": f"{row['oracle_light']:.2f}" if judged else "",
            }
            | {"levels apart": f"{row['levels_apart']:.1f}" if judged else ""}
        )
    judged = table[table["levels_apart"].notna()]
    near = int((judged["levels_apart"] <= STEP).sum())
    return f"{PREFACE}\n\n{markdown(rows)}\n\nWithin one level: {near} of {len(judged)} sets.\n"


PREFACE = """# The resolution audit against the oracles

Written by `python benchmarks/nanoscale/resolution.py`. AUROC of the hand-made features, measured and classified anew,
by jitter in nm and by a light microscope; the verdict of the audit; the scale at which the score has fallen halfway to
chance, by the audit and by the oracle (oracle.tsv, by the same rule); how many levels of blur lie between the two."""


def main() -> None:
    """Compare sets until the minutes are over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of sets")
    parser.add_argument("--nuclei", type=int, default=30, help="per class")
    parser.add_argument("--minutes", type=float, default=10, help="no set is started later")
    options = parser.parse_args()
    specs, start = {spec.name: spec for family in SETS.values() for spec in family}, time.monotonic()
    for name in options.only or dict.fromkeys(ORDER):
        before = pd.read_csv(TABLE, sep="\t") if TABLE.exists() else pd.DataFrame({"set": []})
        if time.monotonic() - start > 60 * options.minutes or (name in set(before["set"]) and not options.only):
            continue
        row = compared(replace(specs[name], nuclei_per_class=options.nuclei))
        print(row, flush=True)
        table = pd.concat([before[before["set"] != name], pd.DataFrame([row])])
        table.to_csv(TABLE, sep="\t", index=False, float_format="%.4g")
        PAGE.write_text(page(pd.read_csv(TABLE, sep="\t")), encoding="utf-8")


if __name__ == "__main__":
    main()
