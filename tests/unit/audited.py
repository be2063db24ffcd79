"""Predictions, datasets and folds with planted effects, for tests of the evaluation."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ainu.evaluation.evidence import Evidence
from ainu.images.dataset import Dataset

CLASSES = ["somatic", "hiPSC"]


def predictions(p, label, replicate, repeat=0) -> pd.DataFrame:
    n = len(p)
    names = [f"s{k}/1" for k in range(n)]
    table = pd.DataFrame({"nucleus": names, "sample": names, "replicate": replicate, "label": label, "repeat": repeat})
    table["fold"] = [int(str(name)[1:]) % 3 for name in replicate]
    return table.assign(p_somatic=1 - np.asarray(p), p_hiPSC=p)


def informative(n=120, seed=0, strength=2.0, follow=False):
    """Probability of the second class, label and replicate of n nuclei; labels may follow replicates."""
    rng = np.random.default_rng(seed)
    replicate = np.array([f"r{k % 6}" for k in range(n)])
    code = np.array([int(r[1]) % 2 for r in replicate]) if follow else rng.integers(0, 2, n)
    return _probabilities(code, strength, rng), np.array(CLASSES)[code], replicate


def _probabilities(code, strength: float, rng) -> np.ndarray:
    return 1 / (1 + np.exp(-(rng.normal(0, 1, len(code)) + strength * (2 * code - 1))))


def evidence(
    *,
    n=96,
    strength=2.0,
    counts=0.0,
    feature=0.0,
    signature=0.0,
    follow=False,
    controls: dict | None = None,
    seed=0,
) -> Evidence:
    """Evidence of n nuclei in 6 replicates.

    `strength` is how well the network distinguishes the classes, `counts` the relative difference of their
    localizations, `feature` their difference in a feature in units of its spread, `signature` the spread of another
    feature between replicates, and `controls` the strength of the control networks.
    """
    rng = np.random.default_rng(seed)
    p, label, replicate = informative(n, seed, strength, follow)
    table = predictions(p, label, replicate)
    code = (label == CLASSES[1]).astype(int)
    known = table[["nucleus", "sample", "replicate", "label"]].to_numpy(dtype=str).T
    image = rng.poisson(np.repeat(20 * (1 + counts * code)[:, None], 2, 1)[:, :, None, None], (n, 2, 8, 8))
    dataset = Dataset(
        image=image.astype(np.uint16),
        **dict(zip(("nucleus", "sample", "replicate", "label"), known, strict=True)),
        localizations=image.sum(axis=(2, 3)).astype(np.uint32),
        area_um2=rng.normal(70, 5, n).astype(np.float32),
        origin_nm=np.zeros((n, 2)),
        angle_rad=np.zeros(n),
        channels=("PolII", "DNA"),
        voxel_size_nm=100.0,
    )
    of_replicate = signature * rng.normal(0, 1, 6)[[int(name[1:]) for name in replicate]]
    values = {f"PolII: noise {k}": rng.normal(0, 1, n) for k in range(4)}
    values |= {"PolII: clustering": rng.normal(feature * code, 1), "DNA: staining": rng.normal(of_replicate, 1)}
    parts = [
        table.assign(control=name)
        if own == "same"
        else predictions(_probabilities(code, own, np.random.default_rng([seed, k])), label, replicate).assign(
            control=name
        )
        for k, (name, own) in enumerate((controls or {}).items())
    ]
    background = {"background of PolII": rng.normal(20, 1, n), "acquisition length": np.full(n, np.nan)}
    return Evidence(
        predictions=table,
        dataset=dataset,
        folds=table[["nucleus", "sample", "replicate", "label", "repeat", "fold"]],
        features=pd.DataFrame(values),
        acquisition=pd.DataFrame(background),
        controls=pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"control": []}),
        classes=CLASSES,
        network="densenet121",
        control_network="ainu-small",
        seed=1,
    )


def relabelled(made: Evidence, labels: np.ndarray) -> Evidence:
    """The same nuclei with other labels."""
    tables = {name: getattr(made, name).assign(label=labels) for name in ("predictions", "folds")}
    return replace(made, dataset=replace(made.dataset, label=labels.astype(str)), **tables)
