"""What each view sees of simulated sets: AUROC of nuclei held out, by detail, context and both, with their cost.

    python benchmarks/nanoscale/views.py [--family tune|show|confounded] [--only NAME ...] [--fold K] [--per N]
        [--set KEY=VALUE ...] [--write FILE]

trains one fold of each set as the pipeline does, with its defaults (`--set training.steps=200` changes one), on nuclei
without drift, and compares with the oracle's AUROC of `oracle.tsv`. A row per set is added to FILE as it is measured;
CPU seconds are those of this process, on one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE)]

from sets import CLASSES, SETS, Spec  # noqa: E402

from ainu.folds.assign import assign_folds  # noqa: E402
from ainu.images.augmentation import Augmentation  # noqa: E402
from ainu.images.binning import bin_counts  # noqa: E402
from ainu.images.dataset import Dataset, Points  # noqa: E402
from ainu.images.sparse_grid import order_by_place  # noqa: E402
from ainu.networks.model import assembled  # noqa: E402
from ainu.networks.view_settings import ViewSettings  # noqa: E402
from ainu.prediction.ensemble import logits  # noqa: E402
from ainu.settings.defaults import section, with_defaults  # noqa: E402
from ainu.simulation.fields import field_seed, simulate  # noqa: E402
from ainu.simulation.microscope import CHANNELS  # noqa: E402
from ainu.training.cross_validation import CrossValidation, named_weights, rows_of  # noqa: E402
from ainu.training.learning_study import few  # noqa: E402
from ainu.training.recipe import Design, Recipe, Transfer  # noqa: E402
from ainu.typed import typed  # noqa: E402

Nucleus = tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32], float]


def nucleus_of(spec: Spec, row: dict[str, str]) -> Nucleus:
    """Positions from the middle (nm), channels, precisions (nm) and area (µm²) of a simulated nucleus."""
    seed = field_seed(spec.seed, row["sample"])
    table, truth = simulate(spec.conditions[row["label"]], seed, replicate=row["replicate"], name=row["label"])
    outline = truth.nuclei[0]
    own = table[outline.radius(table.x, table.y) < 1.03]
    position = np.stack([own.x - own.x.mean(dtype=np.float64), own.y - own.y.mean(dtype=np.float64)], 1)
    order = order_by_place(position.astype(np.float32))
    assert own.precision is not None
    area = float(np.pi * outline.a * outline.b / 1e6)
    return position.astype(np.float32)[order], own.channel[order], own.precision[order], area


def dataset_of(spec: Spec, voxel_nm: float) -> Dataset:
    """The nuclei of a set, as `assemble` would gather them."""
    nuclei = [nucleus_of(spec, row) for row in spec.rows]
    reach = max(float(np.abs(position).max()) for position, *_ in nuclei)
    n, c = int(np.ceil(2 * reach / voxel_nm + 1e-3)), len(CHANNELS)
    text = {key: np.array([row[key] for row in spec.rows]) for key in ("sample", "replicate", "label")}
    start = np.concatenate([[0], np.cumsum([len(own[0]) for own in nuclei])]).astype(np.int64)
    return Dataset(
        image=np.stack([bin_counts(own[0], own[1], (c, n, n), voxel_nm) for own in nuclei]).astype(np.uint16),
        nucleus=np.char.add(text["sample"], "/1"),
        **text,
        localizations=np.array([np.bincount(own[1], minlength=c) for own in nuclei], np.uint32),
        area_um2=np.array([own[3] for own in nuclei], np.float32),
        origin_nm=np.zeros((len(nuclei), 2)),
        angle_rad=np.zeros(len(nuclei)),
        channels=CHANNELS,
        voxel_size_nm=voxel_nm,
        points=Points(*(np.concatenate([own[k] for own in nuclei]) for k in range(3)), start),
    )


def design_of(changes: list[str]) -> Design:
    """The defaults of the pipeline, but for `key=value` changes."""
    own: dict[str, Any] = {"classes": list(CLASSES)}
    for change in changes:
        key, _, value = change.partition("=")
        place, names = own, key.split(".")
        for name in names[:-1]:
            place = place.setdefault(name, {})
        place[names[-1]] = yaml.safe_load(value)
    filled = with_defaults({"channels": list(CHANNELS), "experiments": {"set": own}})["experiments"]["set"]
    parts = (typed(Recipe, filled["training"]), typed(Augmentation, filled["augmentation"]))
    views = typed(ViewSettings, filled["views"]) if filled["views"] else None
    transfer = typed(Transfer, section("transfer"))
    return Design(tuple(filled["classes"]), filled["network"], views, filled["intensity"], *parts, transfer)


def measured(spec: Spec, design: Design, fold: int, per: int | None) -> dict[str, Any]:
    """Train one fold of a set, and score the nuclei held out."""
    context = design.views.context if design.views else None
    dataset = dataset_of(spec, context.voxel_nm if context else 200.0)
    folds = assign_folds(dataset.table, folds=3, repeats=1, seed=1).table
    validation = CrossValidation(dataset, folds, design, 1, 1)
    fit = validation.fit(0, fold)
    fit = few(fit, per, 0) if per else fit
    started = time.process_time()
    trained, info = fit.run()
    cost = time.process_time() - started
    rows = rows_of(dataset, validation.held_out(0, fold)["nucleus"])
    truth = dataset.codes(design.classes)[rows]
    found = logits(assembled(info, named_weights(trained)), dataset, rows)
    margins = {view: (values[:, 1] - values[:, 0]).numpy() for view, values in found.items()}
    scores = {view: roc_auc_score(truth, margin) for view, margin in margins.items()}
    return {
        "set": spec.name,
        "localizations": int(np.diff(dataset.points.start).mean()) if dataset.points else 0,
        "auroc": round(float(roc_auc_score(truth, sum(margins.values()))), 3),
        **{f"auroc_{view}": round(float(score), 3) for view, score in scores.items()},
        **{f"share_{view}": own["share"] for view, own in info["views"].items()},
        "cpu_s": round(cost),
    }


def main() -> None:
    """Measure the sets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=list(SETS), default="tune")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--per", type=int)
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    design = design_of(given.set)
    for spec in SETS[given.family]:
        if given.only and spec.name not in given.only:
            continue
        row = measured(spec, design, given.fold, given.per) | {"per": given.per or "all", "set_to": " ".join(given.set)}
        print(row, flush=True)
        if given.write:
            new = pd.DataFrame([row])
            known = pd.read_csv(given.write, sep="\t") if given.write.exists() else new.head(0)
            pd.concat([known, new] if len(known) else [new]).to_csv(given.write, sep="\t", index=False)


if __name__ == "__main__":
    main()
