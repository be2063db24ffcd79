"""How well nuclei of another kind are distinguished from new ones of the known kinds, on simulated nuclei.

    python benchmarks/prediction/out_of_distribution.py [draws]

Each draw: 72 nuclei of somatic and hiPSC in 6 replicates, imaged at 200 nm; ainu-small, three folds, ten epochs; then,
of 3 new replicates, 48 nuclei of the known kinds and 48 of each other kind. Prints the table of docs/prediction.md,
with the features that ainu uses and with those before the last layer.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from ainu.images.augmentation import Augmentation
from ainu.images.dataset import Dataset
from ainu.images.render import voxelize
from ainu.images.settings import Render
from ainu.images.views import Images
from ainu.networks.model import Model, make_network
from ainu.prediction import ensemble as prediction
from ainu.prediction.calibration import CalibrationSet
from ainu.settings.defaults import section
from ainu.simulation.conditions import Condition
from ainu.simulation.fields import simulate
from ainu.training.loop import train
from ainu.training.recipe import Recipe, Transfer
from ainu.typed import typed

RENDER = Render(voxel_nm=200, canvas_nm=12800)
KNOWN = {"somatic": {}, "hiPSC": {"nucleolar_share": 0.3}}
OTHER_KINDS = {
    "rim_excess 12, clutches larger, broader": {
        "rim_excess": 12.0,
        "clutches": 300,
        "clutch_emitters": 18.0,
        "clutch_nm": 90.0,
    },
    "rim_excess 12": {"rim_excess": 12.0},
    "few, broad clutches": {"clutches": 150, "clutch_emitters": 18.0, "clutch_nm": 90.0},
    "axes 18 to 22 % longer": {"axes_nm": (5900.0, 5000.0)},
    "rim_excess 6, clutches larger": {"rim_excess": 6.0, "clutch_emitters": 9.0},
    "Pol II in few large clusters": {"clusters": 60, "cluster_emitters": 20.0, "cluster_nm": 120.0},
    "no nucleoli": {"nucleoli": (0, 0), "nucleolar_share": 0.0},
    "clutches of 14 emitters": {"clutch_emitters": 14.0},
}
INFO = {"classes": list(KNOWN), "channels": ["PolII", "DNA"], "shape": [64, 64], "voxel_size_nm": 200.0}
INFO |= {"network": "ainu-small", "intensity": "share", "repeat": 0, "seed": 1, "settings": {"augmentation": {}}}


def images(name: str, settings: dict, n: int, first: int, replicate: int) -> np.ndarray:
    """(n, C, Y, X) counts of nuclei of one replicate."""
    condition = Condition(frames=400, **settings)
    seeds = [(replicate + 1) * 2**32 + first + k for k in range(n)]
    tables = [simulate(condition, seed, replicate=f"r{replicate}", name=name)[0] for seed in seeds]
    return np.stack([voxelize(table, RENDER) for table in tables])


def dataset(counts: np.ndarray, codes: np.ndarray, replicate: np.ndarray) -> Dataset:
    """Images as a dataset."""
    n = len(counts)
    names = np.array([f"s{k}" for k in range(n)])
    return Dataset(
        image=counts,
        nucleus=names,
        sample=names,
        replicate=replicate.astype(str),
        label=np.array(list(KNOWN))[codes],
        localizations=counts.sum(axis=(2, 3)).astype(np.uint32),
        area_um2=np.ones(n, np.float32),
        origin_nm=np.zeros((n, 2)),
        angle_rad=np.zeros(n),
        channels=("PolII", "DNA"),
        voxel_size_nm=200.0,
    )


def trained(data: Dataset, codes: np.ndarray, held_out: np.ndarray, fold: int) -> Model:
    """The model of one fold."""
    network = make_network("ainu-small", 2, 2, (64, 64), fold)
    recipe = typed(Recipe, section("training", epochs=10, learning_rate=0.003, patience=99))
    start = typed(Transfer, section("transfer"))
    rows, none, cpu = np.flatnonzero(~held_out), np.array([], int), torch.device("cpu")
    inputs = Images(data.image, "share", typed(Augmentation, section("augmentation")), 200.0)
    done = train(network, inputs, codes, rows, none, recipe, cpu, seed=fold, transfer=start)
    network.load_state_dict(done.weights)
    return Model(network.eval(), INFO | {"fold": fold})


def scores_of(draw: int) -> list[dict]:
    """AUROC and flagged shares of each other kind, by both kinds of features."""
    first, base = 10_000 * draw, 20 * draw
    parts = [images(name, KNOWN[name], 6, first, base + r) for r in range(6) for name in KNOWN]
    codes, replicate = np.tile(np.repeat([0, 1], 6), 6), np.repeat(np.arange(6), 12)
    data = dataset(np.concatenate(parts), codes, replicate)
    folds = data.table.assign(repeat=0, fold=replicate // 2)
    models = [trained(data, codes, replicate // 2 == fold, fold) for fold in range(3)]
    parts = [images(name, KNOWN[name], 8, first + 900, base + r) for r in (6, 7, 8) for name in KNOWN]
    new = {"known": np.concatenate(parts)}
    for name, settings in OTHER_KINDS.items():
        new[name] = np.concatenate([images(name, settings, 16, first + 900, base + r) for r in (6, 7, 8)])
    return [row for kind in ("first filters", "last layer") for row in judged(kind, models, data, folds, codes, new)]


def judged(kind: str, models: list[Model], data: Dataset, folds: pd.DataFrame, codes: np.ndarray, new: dict) -> list:
    """One row per other kind."""
    own = prediction.first_filters
    if kind == "last layer":
        prediction.first_filters = lambda _network: None
    try:
        no_matter = CalibrationSet(np.full((len(codes), 2), 0.5), codes, data.replicate)
        ensemble = prediction.fit_ensemble(models, data, folds, no_matter, coverage=0.9, ood_quantile=0.95)
        nothing = np.zeros(48, int)
        tables = {name: ensemble.predict(dataset(counts, nothing, nothing)) for name, counts in new.items()}
    finally:
        prediction.first_filters = own
    known, truth = tables.pop("known"), np.repeat([0, 1], 48)
    return [
        {
            "features": kind,
            "other_kind": name,
            "auroc": roc_auc_score(truth, np.concatenate([known["ood"], table["ood"]])),
            "flagged": table["unlike_training"].mean(),
            "known_flagged": known["unlike_training"].mean(),
        }
        for name, table in tables.items()
    ]


def main(draws: int) -> None:
    """Print mean, lowest and highest over the draws."""
    torch.set_num_threads(1)
    rows = pd.DataFrame([row for draw in range(draws) for row in scores_of(draw)])
    grouped = rows.groupby(["features", "other_kind"], sort=False)
    found = grouped["auroc"].agg(["mean", "min", "max"]).join(grouped[["flagged", "known_flagged"]].mean())
    print(found.round(3).to_string())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
