"""What trained models say of nuclei that they have not seen, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ainu.errors import AinuError
from ainu.folds.table import test_rows, training_rows
from ainu.images.dataset import Dataset
from ainu.images.views import Indices, augmentation_of, trained_views, views_of
from ainu.networks.model import Model, features, first_filters
from ainu.prediction.calibration import Calibration, OutOfFold, calibrate
from ainu.prediction.out_of_distribution import Reference
from ainu.prediction.out_of_fold import pooled_truth, with_probabilities

BATCH = 32
UNLIKE, UNDECIDED = "unlike training", "undecided"
"""What is called of a nucleus that has no single class."""


def check_match(model: Model, dataset: Dataset) -> None:
    """Refuse images that the model was not made for."""
    shape = list(dataset.image.shape[2:])
    for key, found in (
        ("channels", list(dataset.channels)),
        ("voxel_size_nm", dataset.voxel_size_nm),
        ("shape", shape),
    ):
        if model.info[key] != found:
            raise AinuError(f"the model was trained on {key} {model.info[key]}, the images have {found}")


@torch.inference_mode()
def probabilities(model: Model, dataset: Dataset, rows: Indices) -> NDArray[np.float64]:
    """(n, k) probability of each class for nuclei of a dataset; the mean over augmented copies if so set."""
    augmentation = augmentation_of(model.info)
    views = views_of(dataset, model.info["network"], model.info["intensity"], augmentation.of_copies)
    total = np.zeros((len(rows), len(model.classes)))
    draws: list[np.random.Generator | None] = [None]
    if augmentation.test_time:
        draws = [np.random.default_rng([model.info["seed"], draw]) for draw in range(augmentation.test_time)]
    for start in range(0, len(rows), BATCH):
        part = slice(start, start + BATCH)
        for rng in draws:
            logits = model.network(views.batch(rows[part], rng))
            total[part] += logits.double().softmax(1).numpy() / len(draws)
    return total


def out_of_fold(dataset: Dataset, folds: pd.DataFrame, models: Iterable[Model]) -> pd.DataFrame:
    """Predict every nucleus by the models that held its replicate out.

    Returns
    -------
    DataFrame
        The rows of `folds` with `predicted` and a column `p_{class}` per class.

    Raises
    ------
    AinuError
        When a model has seen a replicate that it is to predict.
    """
    places = pd.Series(np.arange(len(dataset)), index=dataset.nucleus)
    parts = []
    for model in models:
        check_match(model, dataset)
        repeat, fold = model.info["repeat"], model.info["fold"]
        chosen = folds[(folds["repeat"] == repeat) & (folds["fold"] == fold)]
        seen = set(model.info["training_replicates"]) & set(chosen["replicate"])
        if seen:
            raise AinuError(f"model of repeat {repeat}, fold {fold} was trained on test replicates: {sorted(seen)}")
        rows = places[chosen["nucleus"]].to_numpy()
        parts.append(with_probabilities(chosen, probabilities(model, dataset, rows), model.classes))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


@dataclass(frozen=True)
class Ensemble:
    """All models of an experiment, and what their predictions are judged by.

    Attributes
    ----------
    models : tuple of Model
    references : tuple of Reference
        Where the training nuclei of each model lie.
    calibration : Calibration
        Temperature and conformal threshold.
    ood_threshold : float
        Distance beyond which a nucleus is unlike the training set.
    """

    models: tuple[Model, ...]
    references: tuple[Reference, ...]
    calibration: Calibration
    ood_threshold: float

    def predict(self, dataset: Dataset) -> pd.DataFrame:
        """Predict nuclei that no model has seen, by all models together.

        Returns
        -------
        DataFrame
            `nucleus sample replicate label repeat predicted p_{class}... prediction_set ood unlike_training call`: the
            repeats that voted, the likeliest class, scaled probabilities, the classes of the conformal set joined by
            "|", the distance from the training nuclei (1: usual for nuclei held out), whether that is beyond the
            threshold, and what may be said of the nucleus: its class where it is like the training nuclei and the set
            holds one class only, else "unlike training" or "undecided".

        Raises
        ------
        AinuError
            When the images have other channels, voxels or canvas than the models were trained on.
        """
        for model in self.models:
            check_match(model, dataset)
        rows, classes = np.arange(len(dataset)), self.models[0].classes
        raw = np.mean([probabilities(model, dataset, rows) for model in self.models], axis=0)
        values = self.calibration.probabilities(raw)
        sets = self.calibration.sets(values, classes)
        distance = np.mean([ref.score(feature_table(model, dataset, rows)) for model, ref in self.pairs], axis=0)
        strange = distance > self.ood_threshold
        table = dataset.table.assign(repeat=len({model.info["repeat"] for model in self.models}))
        return with_probabilities(table, values, classes).assign(
            prediction_set=["|".join(members) for members in sets],
            ood=distance,
            unlike_training=strange,
            call=[call(members, unlike) for members, unlike in zip(sets, strange, strict=True)],
        )

    @property
    def pairs(self) -> list[tuple[Model, Reference]]:
        """Each model with its reference."""
        return list(zip(self.models, self.references, strict=True))


def call(members: Sequence[str], unlike: bool) -> str:
    """What may be said of a nucleus with this prediction set; one unlike the training nuclei has no class."""
    if unlike:
        return UNLIKE
    return members[0] if len(members) == 1 else UNDECIDED


def fit_ensemble(
    models: Sequence[Model],
    training: Dataset,
    folds: pd.DataFrame,
    known: OutOfFold,
    coverage: float,
    ood_quantile: float,
) -> Ensemble:
    """Judge the models of an experiment by the nuclei that each of them held out.

    Parameters
    ----------
    models, training, folds : sequence of Model, Dataset, DataFrame
        All models, the nuclei they were trained on, and who was held out when.
    known : OutOfFold
        What the models said of these nuclei out of fold.
    coverage : float
        Of the prediction sets.
    ood_quantile : float
        Share of the training nuclei, each scored by the models that held it out, that are to pass as usual.
    """
    places = pd.Series(np.arange(len(training)), index=training.nucleus)
    total, times, references = np.zeros(len(training)), np.zeros(len(training)), []
    for model in models:
        repeat, fold = model.info["repeat"], model.info["fold"]
        held_out = places[test_rows(folds, repeat, fold)].to_numpy()
        seen = places[training_rows(folds, repeat, fold)].to_numpy()
        unseen = feature_table(model, training, held_out)
        references.append(Reference.fit(feature_table(model, training, seen), training.label[seen], unseen))
        total[held_out] += references[-1].score(unseen)
        times[held_out] += 1
    scores = (total / np.maximum(times, 1))[times > 0]
    limit = float(np.quantile(scores, ood_quantile))
    return Ensemble(tuple(models), tuple(references), calibrate(known, coverage), limit)


def truth_of(predictions: pd.DataFrame, classes: Sequence[str]) -> OutOfFold:
    """What a calibration needs of a table of out-of-fold predictions."""
    rows, truth, values = pooled_truth(predictions, classes)
    return OutOfFold(values, truth, rows["replicate"].to_numpy())


@torch.inference_mode()
def feature_table(model: Model, dataset: Dataset, rows: Indices) -> NDArray[np.float64]:
    """(n, d) features of nuclei of a dataset, in which nuclei of another kind lie apart.

    Mean and standard deviation, over the image, of the rectified response to each of the network's first filters. The
    features before the last layer would not do: they hold what tells the classes apart and little else, so that
    nuclei of another kind fall among the known ones (docs/prediction.md has the figures). They serve for networks
    without filters, which read localizations.
    """
    views, filters = trained_views(dataset, model.info), first_filters(model.network)
    parts = [views.batch(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]
    if filters is None:
        return torch.cat([features(model.network, part) for part in parts]).double().numpy()
    filtered = model.network.get_submodule(filters.removesuffix(".weight"))
    return torch.cat([moments(filtered(part).relu()) for part in parts]).double().numpy()


def moments(maps: Tensor) -> Tensor:
    """(N, 2 d) mean and standard deviation of each of the (N, d, ...) maps."""
    flat = maps.flatten(2)
    return torch.cat([flat.mean(2), flat.std(2)], 1)
