"""Whole runs of the pipeline on simulated sets, from files to metrics, with and without drift.

    python benchmarks/nanoscale/end_to_end.py [--family last] [--only NAME ...] [--drift NM ...] [--cores N]

Each set is written as a project, with a drift of so many nm in every field (0: none), and run by `snakemake` with the
defaults, but for what adds nothing to the comparison: controls, permutations, the resolution audit, attribution.
A row is added to end_to_end.tsv as a run is done; end_to_end.md is written from that. The interval of the difference is
that of the evaluation: draws of replicates.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "src"), str(HERE)]

from oracle import markdown  # noqa: E402
from sets import SETS, Spec, with_drift, write_project  # noqa: E402

from ainu.files import read_json, read_table  # noqa: E402

TABLE, PAGE = HERE / "end_to_end.tsv", HERE / "end_to_end.md"
LESS = {
    "audit": {"networks": [], "baseline_permutations": 0, "resolution": []},
    "attribution": {"methods": [], "detail_nuclei": 0, "sanity_nuclei": 0},
}


def run_of(spec: Spec, drift_nm: float, cores: int) -> dict[str, Any]:
    """What a run of a set found, and its CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        write_project(with_drift(spec, drift_nm) if drift_nm else spec, folder, cores)
        path = Path(folder) / "config" / "config.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"defaults": LESS}))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", folder, "--cores", str(cores)]
        subprocess.run([*command, "--quiet", "all"], check=True, env=os.environ | {"PYTHONPATH": str(ROOT / "src")})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cost = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"set": spec.name, "drift_nm": drift_nm} | found_in(Path(folder), spec.kind) | {"cpu_s": round(cost)}


def found_in(folder: Path, experiment: str) -> dict[str, Any]:
    """Scores of the networks and of the hand-made features, and what was left of the drift."""
    metrics = read_json(folder / "results/experiments" / experiment / "metrics.json")
    scores = {"network": metrics["metrics"], "features": metrics["baselines"]["features"]}
    quality = read_table(folder / "results/qc/summary.tsv")
    return {
        "nuclei": metrics["n"],
        **{f"auroc_{name}": round(own["auroc"]["value"], 3) for name, own in scores.items()},
        **{f"auroc_{name}_ci": " to ".join(f"{end:.2f}" for end in own["auroc"]["ci"]) for name, own in scores.items()},
        "uncorrected": int(quality["flags"].str.contains("drift not corrected").sum()),
        "left_nm": round(float(np.median(pd.to_numeric(quality["drift_residual_nm"], errors="coerce"))), 1),
    }


def write_page(table: pd.DataFrame) -> None:
    """The table, told."""
    told = (
        "# Whole runs, with and without drift\n\n"
        "Sets of `sets.py` from files to metrics by `python benchmarks/nanoscale/end_to_end.py`; three folds, 30 "
        "nuclei per class.\nAUROC out of fold of the networks and of the hand-made features, with the intervals of the "
        "evaluation (draws of replicates);\n`uncorrected`: samples flagged so, of all; `left_nm`: median expected "
        "error of the drift correction.\n\n"
    )
    PAGE.write_text(told + markdown(table.astype(str).to_dict("records")) + "\n", encoding="utf-8")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=list(SETS), default="last")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--drift", nargs="*", type=float, default=[0.0, 200.0])
    parser.add_argument("--cores", type=int, default=1)
    given = parser.parse_args()
    for spec in SETS[given.family]:
        for drift_nm in given.drift if not given.only or spec.name in given.only else []:
            new = pd.DataFrame([run_of(spec, drift_nm, given.cores)])
            print(new.to_string(index=False), flush=True)
            known = pd.read_csv(TABLE, sep="\t") if TABLE.exists() else new.head(0)
            table = pd.concat([known, new]) if len(known) else new
            table.to_csv(TABLE, sep="\t", index=False)
            write_page(table)


if __name__ == "__main__":
    main()
