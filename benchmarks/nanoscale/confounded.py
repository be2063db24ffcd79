"""Do the audits warn where classes differ in nothing but the recording, and keep quiet where the structure differs?

    python benchmarks/nanoscale/confounded.py [--only NAME ...] [--nuclei N] [--steps N] [--bare] [--minutes M]

Each set is prepared by the stages of the pipeline, in one process: files, drift, quality, nuclei, features, dataset,
folds. Networks and their controls are trained on the same folds with detail, context and both. What warns is appended
to confounded.tsv as a set is done, until the minutes are over; confounded.md is written from that. `--bare` trains no
network: only the classifiers of counts, area and recording are asked, set by set.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE)]

from oracle import markdown  # noqa: E402
from sets import CLASSES, SETS, Spec, write_project  # noqa: E402

from ainu.drift.correction import correct_shard  # noqa: E402
from ainu.evaluation.audits import Audit, all_audits, confounder_audit, replicate_audit  # noqa: E402
from ainu.evaluation.evidence import MAIN, Evidence  # noqa: E402
from ainu.evaluation.feature_table import read_features  # noqa: E402
from ainu.evaluation.features import measure_shard  # noqa: E402
from ainu.folds.assign import assign_folds  # noqa: E402
from ainu.images.assemble import assemble_files  # noqa: E402
from ainu.images.dataset import Dataset, read  # noqa: E402
from ainu.images.render import fit_canvas, grid_shard, voxelize_shard  # noqa: E402
from ainu.intervals import Interval  # noqa: E402
from ainu.localizations.ingest import ingest_shard  # noqa: E402
from ainu.localizations.settings import ReadingSettings  # noqa: E402
from ainu.networks.model import assembled  # noqa: E402
from ainu.nuclei.find import find_shard  # noqa: E402
from ainu.nuclei.settings import SearchSettings  # noqa: E402
from ainu.prediction.ensemble import probabilities  # noqa: E402
from ainu.prediction.table import with_probabilities  # noqa: E402
from ainu.quality.filters import filter_shard  # noqa: E402
from ainu.settings.check import check  # noqa: E402
from ainu.settings.plan import Plan  # noqa: E402
from ainu.training.controls import EQUAL_COUNTS, MERGED_BLINKS, OUTLINE, control_dataset, control_design  # noqa: E402
from ainu.training.cross_validation import CrossValidation, named_weights, rows_of  # noqa: E402
from ainu.training.recipe import Design  # noqa: E402
from ainu.typed import typed  # noqa: E402

EXPERIMENT = "both"
SEEN = {"detail": ("detail",), "context": ("context",), EXPERIMENT: ("detail", "context")}
"""What an experiment sees -> its views. The networks of one view are the same, alone or beside the other."""
CONFOUNDERS = ("precision", "blinks", "drift", "counts", "area")
"""Pairs in which a warning is due; none is in the others."""
ORDER = tuple(f"only-{kind}" for kind in ("nanoscale", "micrometre", *CONFOUNDERS, "none"))
CONTROLS = ("unchanged", EQUAL_COUNTS, MERGED_BLINKS, OUTLINE)
COLUMNS = ("network", "confounders", "equal_counts", "merged_blinks", "outline")
TABLE, PAGE = HERE / "confounded.tsv", HERE / "confounded.md"


@dataclass(frozen=True)
class Prepared:
    """What the stages before training made of a set."""

    plan: Plan
    dataset: Dataset
    folds: pd.DataFrame
    features: pd.DataFrame
    acquisition: pd.DataFrame
    masks: Mapping[str, str]


@contextlib.contextmanager
def project(spec: Spec, steps: int) -> Iterator[Prepared]:
    """A set, prepared in a folder that is the working directory meanwhile."""
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        write_project(spec, folder)
        os.chdir(folder)
        try:
            config = yaml.safe_load(Path("config/config.yaml").read_text())
            training = {"steps": steps}
            seen = {"detail": {"size_nm": 1600}}
            config["experiments"] = {EXPERIMENT: {"classes": CLASSES, "views": seen, "training": training}}
            config["shard_size"] = len(spec.rows)
            yield prepared(Plan(check(config)))
        finally:
            os.chdir(home)


def prepared(plan: Plan) -> Prepared:
    """Run the stages before training, as the rules do."""
    (shard,) = plan.settings.shards
    samples, config = plan.samples_of_shard(shard), plan.config
    names = ("localizations", "drift", "quality", "nuclei", "features", "voxels/views", "fingerprints")
    paths = {name: f"results/{name}/{shard}.h5" for name in names}
    stages = {"raw": paths["localizations"]} | {name: paths[name] for name in ("drift", "quality", "nuclei")}
    raw, drift, quality, nuclei = stages.values()
    ingest_shard(
        plan.read_rows(shard),
        raw,
        typed(ReadingSettings, plan.ingest_settings()),
        plan.columns_to_keep(),
        filtered=plan.columns_to_filter(),
    )
    correct_shard(raw, drift, samples, config.drift)
    filter_shard(raw, drift, quality, samples, config.quality)
    before = {name: stages[name] for name in ("raw", "drift", "quality")}
    find_shard(before, nuclei, samples, typed(SearchSettings, plan.nuclei_settings()), {})
    measure_shard(stages, paths["features"], samples, config.seed)
    grid_shard(stages, paths["voxels/views"], samples, config.channels)
    (name,) = config.renders
    canvas, images = "results/canvas.json", f"results/voxels/{name}/{shard}.h5"
    fit_canvas([nuclei], config.renders[name], canvas)
    voxelize_shard(stages | {"canvas": canvas}, images, samples, config.renders[name], config.channels)
    files = {"voxels": [images], "grids": [paths["voxels/views"]], "fingerprints": []}
    assemble_files(
        files, plan.dataset_rows(samples), config.channels, "results/dataset.h5", on_bad_file="fail", clipped_share=1.0
    )
    dataset = read("results/dataset.h5")
    folds = assign_folds(dataset.table, folds=3, repeats=1, seed=config.seed).table
    values = (
        read_features([paths["features"]], dataset.nucleus.tolist(), dataset.channels, kind)
        for kind in ("arrangement", "acquisition")
    )
    return Prepared(plan, dataset, folds, *values, plan.shard_file_of("nuclei", samples))


def evidence(own: Prepared, experiment: str, controls: pd.DataFrame) -> Evidence:
    """What the audits of an experiment are made from; without controls, the classifiers stand alone."""
    settings = own.plan.experiment(EXPERIMENT)
    unchanged = controls[controls["control"] == "unchanged"]
    return Evidence(
        predictions=unchanged if len(unchanged) else own.folds.assign(p_first=0.5, p_second=0.5),
        dataset=own.dataset,
        folds=own.folds,
        features=own.features,
        acquisition=own.acquisition,
        controls=controls,
        classes=CLASSES,
        network=settings.network_name,
        control_network=settings.network_name,
        seed=own.plan.config.seed,
        views=SEEN[experiment],
    )


def trained(own: Prepared, control: str) -> pd.DataFrame:
    """Out-of-fold predictions of a control network, with a column `experiment`; outlines are the same in each."""
    seed, design = own.plan.config.seed, typed(Design, own.plan.design(EXPERIMENT))
    dataset, own_design = control_dataset(own.dataset, control, own.masks, seed), control_design(design, control)
    validation = CrossValidation(dataset, own.folds, own_design, seed, 1)
    tables = []
    for fold in validation.first_folds:
        fit, rows = validation.fit(0, fold), validation.held_out(0, fold)
        found, info = fit.run()
        for experiment, views in SEEN.items():
            seen = info if control == OUTLINE else info | {"views": _alone(info["views"], views)}
            kept = {view: found[view] for view in seen["views"]}
            model = assembled(seen, named_weights(kept))
            said = probabilities(model, dataset, rows_of(dataset, rows["nucleus"]))
            predicted = with_probabilities(rows, said, model.classes)
            tables.append(predicted.assign(control=control, experiment=experiment))
    return pd.concat(tables, ignore_index=True)


def _alone(info: Mapping[str, dict[str, Any]], views: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """What the model says of some of its views; one alone has all of the share."""
    own = {view: info[view] for view in views}
    return own if len(own) > 1 else {view: said | {"share": 1.0} for view, said in own.items()}


def row_of(spec: Spec, view: str, found: Evidence | None, audits: list[Audit], cpu_s: float) -> dict[str, Any]:
    """A row of the table."""
    row: dict[str, Any] = {"set": spec.name, "nuclei": 2 * spec.nuclei_per_class, "view": view}
    scores = {audit["audit"]: audit["scores"] for audit in audits}
    if found is not None:
        scores["network"] = found.scored(found.predictions)
    row |= {name: str(Interval.of(scores[name][MAIN])) for name in COLUMNS if scores.get(name)}
    warns = [audit["audit"] for audit in audits if audit["warning"]]
    return row | {"warns": ", ".join(warns) or "none", "cpu_s": round(cpu_s)}


def measured(spec: Spec, steps: int) -> Iterator[dict[str, Any]]:
    """A row for detail, context and both."""
    started = time.process_time()
    with project(spec, steps) as own:
        tables = pd.concat([trained(own, control) for control in CONTROLS], ignore_index=True)
        for experiment in SEEN:
            controls = tables[tables["experiment"] == experiment].drop(columns="experiment")
            found = evidence(own, experiment, controls)
            yield row_of(spec, experiment, found, all_audits(found), time.process_time() - started) | {"steps": steps}


def bare(spec: Spec) -> Iterator[dict[str, Any]]:
    """A row without networks."""
    started = time.process_time()
    with project(spec, 2) as own:
        found = evidence(own, EXPERIMENT, pd.DataFrame({"control": []}))
        audits = [confounder_audit(found), replicate_audit(found)]
        yield row_of(spec, "no network", None, audits, time.process_time() - started)


def due(name: str) -> bool:
    """Whether the classes of a set differ in a confounder."""
    return name.removeprefix("only-") in CONFOUNDERS


def page(table: pd.DataFrame) -> str:
    """The text of confounded.md."""
    shown = table.fillna("").drop(columns="cpu_s").astype(str)
    shown = shown.rename(columns={name: name.replace("_", " ") for name in shown})
    right = [(row["warns"] != "none") == due(row["set"]) for row in table.to_dict("records")]
    text = markdown(shown.to_dict("records")).replace("95 % interval ", "")
    return f"{PREFACE}\n\n{text}\n\nAs it is to be: {sum(right)} of {len(right)} rows.\n"


PREFACE = """# Warnings of the audits where classes differ in nothing but one thing

Written by `python benchmarks/nanoscale/confounded.py`; the sets are those of sets.md (`CONFOUNDED`), of few nuclei in 6
replicates, by networks of few steps on crops of 1.6 µm. Balanced accuracy, out of fold, with its 95 % interval, of the
networks, of the classifiers of counts, area and recording, and of the control networks; then the audits that warn. A
warning is due where the classes differ in precision, blinks, drift left, counts or area, and none where they differ in
cluster radius (nanoscale), in the nucleolar share (micrometre) or in nothing."""


def main() -> None:
    """Measure sets until the minutes are over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of sets")
    parser.add_argument("--nuclei", type=int, default=12, help="per class")
    parser.add_argument("--steps", type=int, default=150, help="of training")
    parser.add_argument("--seed", type=int, help="of the nuclei")
    parser.add_argument("--bare", action="store_true", help="no networks; nothing is written")
    parser.add_argument("--minutes", type=float, default=30, help="no set is started later")
    options = parser.parse_args()
    specs, start = {spec.name: spec for family in SETS.values() for spec in family}, time.monotonic()
    for name in options.only or ORDER:
        if time.monotonic() - start > 60 * options.minutes:
            break
        spec = replace(specs[name], nuclei_per_class=options.nuclei)
        spec = spec if options.seed is None else replace(spec, seed=options.seed)
        for row in bare(spec) if options.bare else measured(spec, options.steps):
            print(row, flush=True)
            if not options.bare:
                before = pd.read_csv(TABLE, sep="\t", keep_default_na=False) if TABLE.exists() else pd.DataFrame()
                old = before[~((before["set"] == name) & (before["view"] == row["view"]))] if len(before) else before
                pd.concat([old, pd.DataFrame([row])]).to_csv(TABLE, sep="\t", index=False)
                PAGE.write_text(page(pd.read_csv(TABLE, sep="\t", keep_default_na=False)), encoding="utf-8")


if __name__ == "__main__":
    main()
