"""The files of a finished experiment, small and made up, for tests of its report."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from defaults import report_settings, reported_experiment

from ainu.evaluation.confusion import confusion
from ainu.evaluation.training_curves import training_curves
from ainu.figures.saving import save
from ainu.hdf5 import new_file, write_array
from ainu.report.sources import ReportSources

CHANNELS = ["PolII", "DNA"]
METHODS = ["grad_cam", "integrated_gradients"]
SHAPE = (2, 16, 16)


def write_json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def score(value: float, low: float, high: float) -> dict[str, object]:
    return {"value": value, "ci": [low, high]}


def metrics_of(classes: list[str], n: int) -> dict[str, object]:
    names = ("auroc", "mcc", "brier", "ece")
    return {
        "n": n,
        "classes": classes,
        "metrics": {"balanced_accuracy": score(0.93, 0.88, 0.97)} | {name: score(0.9, 0.8, 0.95) for name in names},
        "per_fold": [{"repeat": 0, "fold": k, "n": 6, "balanced_accuracy": 0.9, "auroc": None} for k in range(2)],
        "per_replicate": [{"replicate": f"r{k}", "n": 3, "balanced_accuracy": 1.0} for k in range(4)],
        "audits": [audit("confounders", "Counts, area and recording alone", 0.61)],
        "confusion": [[6, 0], [1, 5]],
        "warnings": [],
    }


def make_sources(
    folder: Path, *, classes: tuple[str, ...] = ("somatic", "hiPSC"), tag: str = "s", n: int = 12, shape: tuple = SHAPE
) -> ReportSources:
    """A finished experiment of n nuclei in 4 replicates; nucleus 0 is misclassified."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(3)
    labels = np.array([classes[k % len(classes)] for k in range(n)])
    table = pd.DataFrame(
        {
            "nucleus": [f"{tag}{k}/0" for k in range(n)],
            "sample": [f"{tag}{k}" for k in range(n)],
            "replicate": [f"{tag}rep{k // 2 % 4}" for k in range(n)],
            "label": labels,
            "repeat": 0,
            "fold": [k // 2 % 2 for k in range(n)],
        }
    )
    table.to_csv(folder / "folds.tsv", sep="\t", index=False)
    sure = 0.6 + 0.39 * random.random(n)
    for name in classes:
        table[f"p_{name}"] = np.where(labels == name, sure, (1 - sure) / (len(classes) - 1))
    scores = [f"p_{name}" for name in classes]
    table.loc[0, scores] = table.loc[0, scores].to_numpy()[::-1]
    table["predicted"] = "unused"
    table.to_csv(folder / "predictions.tsv", sep="\t", index=False)
    with new_file(folder / "dataset.h5") as file:
        for name in ("nucleus", "sample", "replicate", "label"):
            write_array(file, name, table[name].to_numpy(dtype=object))
        write_array(file, "image", random.poisson(3, (n, *shape)).astype(np.uint16))
        write_array(file, "localizations", random.integers(1000, 9000, (n, 2)).astype(np.uint32))
        write_array(file, "area_um2", random.uniform(60, 120, n).astype(np.float32))
        file.attrs.update({"channels": CHANNELS, "voxel_size_nm": 200.0, "schema": 1})
    with new_file(folder / "maps.h5") as file:
        write_array(file, "nucleus", table["nucleus"].to_numpy(dtype=object))
        for method in METHODS:
            write_array(file, method, random.normal(size=(n, *shape)).astype(np.float32))
    qc = pd.DataFrame({"sample": table["sample"], "localizations_in": 9000, "drift_max_nm": random.uniform(10, 90, n)})
    qc.to_csv(folder / "summary.tsv", sep="\t", index=False)
    models = []
    for fold in range(2):
        models.append(folder / f"repeat0-fold{fold}")
        models[-1].mkdir(exist_ok=True)
        steps = pd.DataFrame({"step": range(5), "view": "image", "train_loss": 0.5, "validation_loss": 0.6})
        steps = steps.assign(validation_balanced_accuracy=0.8, learning_rate=0.001)
        steps.to_csv(models[-1] / "history.tsv", sep="\t", index=False)
        seen = {"network": "ainu-small", "share": 1.0, "step": 3, "precision": "float32", "initial": None}
        write_json(models[-1] / "model.json", {"views": {"image": seen}, "classes": list(classes)})
    save(confusion(np.eye(len(classes), dtype=int), classes), folder / "confusion.svg")
    save(training_curves({"repeat0-fold0": steps}), folder / "training.svg")
    return ReportSources(
        name="an-experiment",
        metrics=write_json(folder / "metrics.json", metrics_of(list(classes), n)),
        predictions=folder / "predictions.tsv",
        dataset=folder / "dataset.h5",
        folds=folder / "folds.tsv",
        qc=folder / "summary.tsv",
        models=tuple(models),
        figures=(folder / "confusion.svg", folder / "training.svg"),
        maps=folder / "maps.h5",
        scorecard=write_json(
            folder / "scorecard.json", {"methods": [{"name": "grad_cam", "agreement": 0.7}], "compartments": []}
        ),
        truth=write_json(folder / "truth.json", {"enrichment": {"grad_cam": {"PolII": 3.25, "DNA": 0.5}}}),
    )


SETTINGS = report_settings(quality={"photons": [300, None]}, drift={"method": "rcc"})
EXPERIMENT = reported_experiment(
    network="densenet121", training={"steps": 5, "batch_size": 8}, augmentation={"flip": True, "rotate": "any"}
)


HOSTILE = [
    "<script>alert(1)</script>",
    '"\' onmouseover="alert(1)',
    "</script></style><img src=x onerror=alert(1)>",
    "🧬 nucléus",
    "\u202eevil \u05e9\u05dc\u05d5\u05dd",
    "{{ 7 * 7 }}",
    "$x_1$ & co",
]
"""Names that are to be shown as the text they are."""


def audit(name: str, title: str, value: float, *, warning: bool = False) -> dict[str, object]:
    return {
        "audit": name,
        "title": title,
        "says": f"{title} reach {value:.2f}.",
        "warning": warning,
        "scores": {"balanced_accuracy": score(value, value - 0.1, value + 0.08)},
    }


def with_everything(sources: ReportSources) -> ReportSources:
    """The same experiment after every audit, check of the attribution and prediction that there is."""
    folder = sources.metrics.parent
    metrics = json.loads(sources.metrics.read_text())
    classes = metrics["classes"]
    metrics |= {
        "audits": [
            audit("confounders", "Counts, area and recording alone", 0.61),
            audit("features", "Hand-made spatial features", 0.8)
            | {"difference": {"balanced_accuracy": score(0.1, -0.1, 0.3)}},
            audit("outline", "Network on the outline alone", 0.7, warning=True),
            audit("replicate", "Replicate within a class", 0.5),
            {
                "audit": "equal_counts",
                "title": "Network on equal counts",
                "says": "Not done: no counts.",
                "warning": False,
                "scores": {},
            },
        ],
        "per_class": [
            {
                "class": name,
                "n": 6,
                "recall": score(0.9, 0.8, 1),
                "precision": score(0.9, 0.8, 1),
                "f1": score(0.9, 0.8, 1),
            }
            for name in classes
        ],
        "permutation": {"p": 0.004, "null": [0.5, 0.6], "what": "labels permuted between replicates"},
        "score_by_count": {
            "title": "Score against localizations left",
            "what": "nuclei thinned at random",
            "points": [{"share": 1.0, "localizations": 9000, "value": 0.93, "ci": [0.88, 0.97]}],
        },
        "test": {
            "n": 8,
            "looks": 1,
            "says": "The held-out test set gives 0.88.",
            "metrics": {"balanced_accuracy": score(0.88, 0.7, 0.95)},
        },
    }
    write_json(sources.metrics, metrics)
    fails = {
        "rank": 2,
        "verdict": "fails",
        "reasons": ["the map hardly changes when weights are randomised"],
        "randomisation": 0.93,
    }
    scorecard = {
        "best": "integrated_gradients",
        "methods": [
            {"method": "grad_cam", "agreement": 0.7, "deletion": 0.4} | fails,
            {
                "method": "integrated_gradients",
                "rank": 1,
                "verdict": "passes",
                "reasons": [],
                "completeness_error": 0.01,
            },
        ],
    }
    rows = [
        {"compartment": "nucleolus", "channel": channel, "label": name, "method": "integrated_gradients", "p": 0.01}
        | score(2.5, 1.9, 3.1)
        for channel in CHANNELS
        for name in classes
    ]
    new = pd.DataFrame(
        {"nucleus": [f"new{k}/1" for k in range(4)], "sample": "a-new-sample", "replicate": "r9", "label": ""}
    )
    new = new.assign(repeat=1, predicted=classes[0], **{f"p_{name}": 1 / len(classes) for name in classes})
    new = new.assign(prediction_set="|".join(classes), ood=1.5, unlike_training=False, call="undecided")
    new.to_csv(folder / "new.tsv", sep="\t", index=False)
    return replace(
        sources,
        scorecard=write_json(folder / "judged.json", scorecard),
        compartments=write_json(folder / "compartments.json", {"enrichment": rows}),
        new_predictions=folder / "new.tsv",
    )
