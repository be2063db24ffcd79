"""What an evaluation is made from: predictions, dataset, folds, features and controls of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ainu.evaluation.bootstrap import differences, with_intervals
from ainu.evaluation.scores import scores
from ainu.images.dataset import Dataset
from ainu.networks.seen import IMAGE
from ainu.prediction.table import pooled_truth

MAIN = "balanced_accuracy"
"""The score that audits and permutation tests compare."""


@dataclass(frozen=True)
class Evidence:
    """Predictions and measurements from which an experiment is evaluated.

    Attributes
    ----------
    predictions : DataFrame
        Out of fold, of the experiment's networks.
    dataset : Dataset
        The nuclei.
    folds : DataFrame
        `nucleus sample replicate label repeat fold`.
    features, acquisition : DataFrame
        As `feature_table.read_features` gives them, a row per nucleus of the dataset.
    controls : DataFrame
        Out-of-fold predictions of the control networks, with a column `control`; of the first repeat.
    classes : sequence of str
        In the order of the probabilities.
    network, control_network : str
        Architectures, of the experiment and of its controls.
    seed : int
        Of all that is drawn.
    views : sequence of str
        What the networks see (`networks.seen`).
    """

    predictions: pd.DataFrame
    dataset: Dataset
    folds: pd.DataFrame
    features: pd.DataFrame
    acquisition: pd.DataFrame
    controls: pd.DataFrame
    classes: Sequence[str]
    network: str
    control_network: str
    seed: int
    views: Sequence[str] = (IMAGE,)

    @property
    def chance(self) -> float:
        """Balanced accuracy of guessing."""
        return 1 / len(self.classes)

    @property
    def first_folds(self) -> pd.DataFrame:
        """Folds of the first repeat."""
        return self.folds[self.folds["repeat"] == 0]

    def scored(self, table: pd.DataFrame) -> dict[str, dict[str, Any]]:
        """Scores of a table of predictions, with intervals."""
        rows, truth, values = pooled_truth(table, self.classes)
        return with_intervals(truth, values, rows["replicate"].to_numpy(), seed=self.seed)

    def gain(self, table: pd.DataFrame, other: pd.DataFrame) -> dict[str, dict[str, Any]]:
        """Scores of one table of predictions minus those of another, over the same draws of replicates."""
        rows, truth, values = pooled_truth(table.sort_values(["nucleus", "repeat"]), self.classes)
        _, _, others = pooled_truth(other.sort_values(["nucleus", "repeat"]), self.classes)
        return differences(truth, values, others, rows["replicate"].to_numpy(), seed=self.seed)

    def balanced_accuracy(self, table: pd.DataFrame) -> float:
        """Balanced accuracy of a table of predictions, without an interval."""
        _, truth, values = pooled_truth(table, self.classes)
        return scores(truth, values)[MAIN]

    def of_control(self, control: str) -> pd.DataFrame:
        """Predictions of one kind of control network; an empty table where it was not trained."""
        return self.controls[self.controls["control"] == control]
