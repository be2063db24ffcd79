"""Predictions of new nuclei by the calibrated ensemble of an experiment's models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ainu.errors import AinuError
from ainu.files import read_table
from ainu.folds.table import read_folds, test_rows, training_rows
from ainu.images.augmentation import Augmentation
from ainu.images.dataset import Dataset, read
from ainu.images.views import Indices
from ainu.networks.model import Model, first_filters, load_model
from ainu.prediction.calibration import Calibration, CalibrationSet, calibrate
from ainu.prediction.out_of_distribution import Reference
from ainu.prediction.pooling import logits_by_view, pooled, views_of
from ainu.prediction.table import pooled_truth, with_probabilities
from ainu.typed import typed

UNLIKE, UNDECIDED = "unlike training", "undecided"
"""In the column `call`: out of distribution, and a prediction set without a single class."""


def check_match(model: Model, dataset: Dataset) -> None:
    """Refuse images of another kind than the model was trained on.

    Parameters
    ----------
    model : Model
        Trained.
    dataset : Dataset
        The images.

    Raises
    ------
    AinuError
        They have other channels, voxels or canvas.
    """
    if model.info["channels"] != list(dataset.channels):
        raise AinuError(
            f"the model was trained on channels {model.info['channels']}, the images have {list(dataset.channels)}"
        )
    if model.whole:
        seen = model.whole.seen
        wanted, found = (seen.shape, seen.voxel_nm), (dataset.image.shape[2:], dataset.voxel_size_nm)
        if wanted != found:
            raise AinuError(f"the model was trained on images of {_shown(*wanted)}, the images have {_shown(*found)}")


def _shown(shape: Sequence[int], voxel_nm: float) -> str:
    return f"{' x '.join(map(str, shape))} voxels of {voxel_nm:g} nm"


def logits(model: Model, dataset: Dataset, rows: Indices) -> dict[str, Tensor]:
    """What each view adds to the logits of nuclei; the mean over augmented copies if so set.

    Parameters
    ----------
    model : Model
        Trained.
    dataset : Dataset
        Of images like those it was trained on.
    rows : (n,) int
        Indices of the nuclei.

    Returns
    -------
    dict of str to (n, k) float64 Tensor
        By view.
    """
    augmentation = augmentation_of(model.info)
    copies: list[list[int] | None] = [[model.info["seed"], draw] for draw in range(augmentation.test_time)] or [None]
    parts = [logits_by_view(model, dataset, rows, augmentation, copy) for copy in copies]
    return {view: torch.stack([part[view] for part in parts]).mean(0) for view in parts[0]}


def probabilities(model: Model, dataset: Dataset, rows: Indices) -> NDArray[np.float64]:
    """(n, k) float64 probability of each class for nuclei of a dataset: of the sum of the views' logits.

    Parameters
    ----------
    model : Model
        Trained.
    dataset : Dataset
        Of images like those it was trained on.
    rows : (n,) int
        Indices of the nuclei.

    Returns
    -------
    (n, k) float64
    """
    return class_probabilities(logits(model, dataset, rows))


def class_probabilities(by_view: Mapping[str, Tensor]) -> NDArray[np.float64]:
    """(n, k) float64 probabilities from the (n, k) logits that each view adds."""
    return torch.stack([*by_view.values()]).sum(0).softmax(1).numpy()


def augmentation_of(info: Mapping[str, Any]) -> Augmentation:
    """How the training nuclei of a model were augmented, from its `model.json`."""
    return typed(Augmentation, info["settings"]["augmentation"])


@dataclass(frozen=True)
class Ensemble:
    """All models of an experiment, with the calibration of their mean and what is out of distribution.

    Attributes
    ----------
    models : tuple of Model
    references : tuple of Reference
        Where the training nuclei of each model lie in its feature space.
    calibration : Calibration
        Temperature and conformal threshold.
    ood_threshold : float
        Distance beyond which a nucleus is out of distribution.
    """

    models: tuple[Model, ...]
    references: tuple[Reference, ...]
    calibration: Calibration
    ood_threshold: float

    def predict(self, dataset: Dataset) -> pd.DataFrame:
        """Predict nuclei that no model has seen by the ensemble mean; images are checked by `check_match`.

        Parameters
        ----------
        dataset : Dataset
            The nuclei.

        Returns
        -------
        DataFrame
            `nucleus sample replicate label repeat predicted p_{class}... prediction_set ood unlike_training call`:
            number of repeats in the ensemble, likeliest class, calibrated probabilities, classes of the conformal set
            joined by "|", distance from the training nuclei (1: the median of held-out nuclei), whether that is beyond
            the threshold, and the conclusion: the class where the set holds one class only, else "undecided", or
            "unlike training" where the nucleus is out of distribution.
        """
        for model in self.models:
            check_match(model, dataset)
        rows, classes = np.arange(len(dataset)), self.models[0].classes
        raw = np.mean([probabilities(model, dataset, rows) for model in self.models], axis=0)
        values = self.calibration.probabilities(raw)
        sets = self.calibration.sets(values, classes)
        distance = np.mean([ref.score(ood_features(model, dataset, rows)) for model, ref in self.pairs], axis=0)
        outside = distance > self.ood_threshold
        table = dataset.table.assign(repeat=len({model.info["repeat"] for model in self.models}))
        return with_probabilities(table, values, classes).assign(
            prediction_set=["|".join(members) for members in sets],
            ood=distance,
            unlike_training=outside,
            call=[call(*found) for found in zip(sets, outside, strict=True)],
        )

    @property
    def pairs(self) -> list[tuple[Model, Reference]]:
        """Each model with its reference."""
        return list(zip(self.models, self.references, strict=True))


def call(members: Sequence[str], outside: bool) -> str:
    """The conclusion on a nucleus from its prediction set and whether it is out of distribution."""
    if outside:
        return UNLIKE
    return members[0] if len(members) == 1 else UNDECIDED


def fit_ensemble(
    models: Sequence[Model],
    training: Dataset,
    folds: pd.DataFrame,
    known: CalibrationSet,
    coverage: float,
    ood_quantile: float,
) -> Ensemble:
    """Make the ensemble of an experiment, calibrated by the nuclei that each of its models held out.

    Parameters
    ----------
    models : sequence of Model
        One for each fold of each repeat.
    training : Dataset
        The nuclei that they were trained on.
    folds : DataFrame
        As `folds.table.read_folds` gives them.
    known : CalibrationSet
        The models' out-of-fold predictions of these nuclei.
    coverage : float
        Of the prediction sets.
    ood_quantile : float
        Share of the training nuclei, each scored by the models that held it out, that are within the threshold.

    Returns
    -------
    Ensemble
    """
    places = pd.Series(np.arange(len(training)), index=training.nucleus)
    total, times, references = np.zeros(len(training)), np.zeros(len(training)), []
    for model in models:
        repeat, fold = model.info["repeat"], model.info["fold"]
        held_out = places[test_rows(folds, repeat, fold)].to_numpy()
        seen = places[training_rows(folds, repeat, fold)].to_numpy()
        unseen = ood_features(model, training, held_out)
        references.append(Reference.fit(ood_features(model, training, seen), training.label[seen], unseen))
        total[held_out] += references[-1].score(unseen)
        times[held_out] += 1
    scores = (total / np.maximum(times, 1))[times > 0]
    limit = float(np.quantile(scores, ood_quantile))
    return Ensemble(tuple(models), tuple(references), calibrate(known, coverage), limit)


def read_ensemble(
    models: Sequence[str | Path], files: Mapping[str, str | Path], coverage: float, ood_quantile: float
) -> Ensemble:
    """Make the ensemble of an experiment from its files, as `fit_ensemble` does.

    Parameters
    ----------
    models : sequence of path
        The folders of all its models.
    files : mapping of str to path
        `dataset`, `folds` and `predictions`: `dataset.h5`, `folds.tsv` and the out-of-fold predictions.
    coverage, ood_quantile : float
        As for `fit_ensemble`.

    Returns
    -------
    Ensemble
    """
    loaded = [load_model(folder) for folder in models]
    known = calibration_set(read_table(files["predictions"]), loaded[0].classes)
    return fit_ensemble(loaded, read(files["dataset"]), read_folds(files["folds"]), known, coverage, ood_quantile)


def calibration_set(predictions: pd.DataFrame, classes: Sequence[str]) -> CalibrationSet:
    """The calibration set from a table of out-of-fold predictions."""
    rows, truth, values = pooled_truth(predictions, classes)
    return CalibrationSet(values, truth, rows["replicate"].to_numpy())


@torch.inference_mode()
def ood_features(model: Model, dataset: Dataset, rows: Indices) -> NDArray[np.float64]:
    """Features of nuclei in which nuclei out of distribution lie apart.

    Mean and standard deviation of the rectified response to each of the first filters of every view's network, over
    all that it is shown of the nucleus. The features before the last layer do not serve: they hold what distinguishes
    the classes and little else, so that nuclei of another kind lie among the known ones (docs/prediction.md has the
    figures).

    Parameters
    ----------
    model : Model
        Trained.
    dataset : Dataset
        Of images like those it was trained on.
    rows : (n,) int
        Indices of the nuclei.

    Returns
    -------
    (n, d) float64
    """
    parts = []
    for encoder in model.encoders:
        names = first_filters(encoder.network)
        first = encoder.network.get_submodule(names[0].removesuffix(".weight")) if names else encoder.network
        views = views_of(encoder, dataset, augmentation_of(model.info))
        moments = pooled(partial(_moments, first), views, rows).numpy()
        mean, square = np.split(moments, 2, axis=1)
        parts += [mean, np.sqrt(np.maximum(square - mean**2, 0))]
    return np.concatenate(parts, axis=1)


def _moments(first: nn.Module, seen: Tensor) -> Tensor:
    """(b, 2 d) mean and mean square of the rectified response of d filters to each of the (b, C, ...) inputs."""
    flat = first(seen).relu().flatten(2).double() if seen.ndim > 2 else first(seen)[..., None].double()
    return torch.cat([flat.mean(2), (flat**2).mean(2)], 1)
