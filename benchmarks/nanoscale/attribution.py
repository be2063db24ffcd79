"""Whether attribution of single localizations finds the clusters that were altered.

    python benchmarks/nanoscale/attribution.py [--only NAME ...] [--nuclei N] [--methods M ...] [--set KEY=VALUE ...]
        [--models FOLDER] [--write]

In the sets `ALTERED` of `sets.py` a third of the Pol II clusters of one class is wider: at random, in a disc or in half
of the nucleus. The detail view is trained on one fold with the pipeline's defaults (`--set training.steps=200` changes
one); N altered nuclei that it has not seen are explained. Per nucleus: AUROC of the attribution of localizations of
altered clusters against those of others, as it is and summed over each cluster, and the completeness error; medians
over nuclei. Models are kept below FOLDER, and taken from there. Occlusion (`--methods occlusion`) takes minutes a
nucleus. Writes `attribution.md`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE)]

from sets import ALTERED, CLASSES, Spec  # noqa: E402
from views import dataset_of, design_of  # noqa: E402

from ainu.attribution.detail import explain_detail  # noqa: E402
from ainu.attribution.settings import MapSettings  # noqa: E402
from ainu.folds.assign import assign_folds  # noqa: E402
from ainu.images.sparse_grid import order_by_place  # noqa: E402
from ainu.networks.model import assembled, load_model, save_model  # noqa: E402
from ainu.prediction.ensemble import logits  # noqa: E402
from ainu.simulation.fields import field_seed, simulate  # noqa: E402
from ainu.training.cross_validation import CrossValidation, named_weights, rows_of  # noqa: E402

METHODS = ("integrated_gradients", "deep_lift", "input_x_gradient", "grad_cam", "guided_grad_cam")
SETTINGS = MapSettings(steps=8, samples=8, noise=0.1, window_nm=200.0, memory_gb=1.0)


def truth_of(spec: Spec, row: dict[str, str]) -> pd.DataFrame:
    """`cluster` (-1: none) and `altered` of the localizations of a nucleus, in the order of the dataset."""
    seed = field_seed(spec.seed, row["sample"])
    table, truth = simulate(spec.conditions[row["label"]], seed, replicate=row["replicate"], name=row["label"])
    outline = truth.nuclei[0]
    inside = np.flatnonzero(outline.radius(table.x, table.y) < 1.03)
    own = table[inside]
    position = np.stack([own.x - own.x.mean(dtype=np.float64), own.y - own.y.mean(dtype=np.float64)], 1)
    rows = inside[order_by_place(position.astype(np.float32))]
    return pd.DataFrame(
        {"cluster": truth.cluster[rows], "altered": truth.altered[rows], "channel": table.channel[rows]}
    )


def measured(
    spec: Spec, nuclei: int, methods: tuple[str, ...], changes: list[str], models: Path | None
) -> list[dict[str, Any]]:
    """A row per method: medians over nuclei."""
    design = design_of(["views.context=null", *changes])
    dataset = dataset_of(spec, 200.0)
    folds = assign_folds(dataset.table, folds=3, repeats=1, seed=1).table
    validation = CrossValidation(dataset, folds, design, 1, 1)
    kept = models / spec.name if models else None
    if kept and kept.exists():
        model = load_model(kept)
    else:
        trained, info = validation.fit(0, 0).run()
        model = assembled(info, named_weights(trained))
        if kept:
            kept.mkdir(parents=True)
            save_model(kept, named_weights(trained), info)
    held_out = rows_of(dataset, validation.held_out(0, 0)["nucleus"])
    logit = logits(model, dataset, held_out)["detail"]
    margin = (logit[:, 1] - logit[:, 0]).numpy()
    print(f"{spec.name}: AUROC of nuclei {roc_auc_score(dataset.codes(CLASSES)[held_out], margin):.3f}", flush=True)
    chosen = [int(row) for row in held_out if dataset.label[row] == CLASSES[1]][:nuclei]
    found = []
    for row in chosen:
        truth = truth_of(spec, spec.rows[row])
        clustered = ((truth["cluster"] >= 0) & (truth["channel"] == 0)).to_numpy()
        for method, own in explain_detail(model, dataset, row, 1, methods, SETTINGS, 1).items():
            table = truth[clustered].assign(value=own.values[clustered])
            summed = table.groupby("cluster").agg(value=("value", "sum"), altered=("altered", "first"))
            found.append(
                {
                    "set": spec.name,
                    "method": method,
                    "localizations": roc_auc_score(table["altered"], table["value"]),
                    "clusters": roc_auc_score(summed["altered"], summed["value"]),
                    "completeness error": own.error,
                }
            )
    return pd.DataFrame(found).groupby(["set", "method"], as_index=False).median().to_dict("records")


def write_table(table: pd.DataFrame, nuclei: int) -> None:
    """Write the figures, a row per set and method, with what they mean."""
    text = table.to_markdown(index=False)
    told = (
        "AUROC of the attribution of altered against other Pol II clusters: of single localizations, and summed over "
        f"each cluster; medians over {nuclei} nuclei that the model has not seen."
    )
    (HERE / "attribution.md").write_text(f"# Attribution of altered clusters\n\n{told}\n\n{text}\n", encoding="utf-8")


def main() -> None:
    """Measure the sets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--nuclei", type=int, default=4)
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--models", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for spec in ALTERED:
        if not given.only or spec.name in given.only:
            rows += measured(spec, given.nuclei, tuple(given.methods), given.set, given.models)
            print(pd.DataFrame(rows).round(3).to_string(), flush=True)
    if given.write:
        write_table(pd.DataFrame(rows).round(3), given.nuclei)


if __name__ == "__main__":
    main()
