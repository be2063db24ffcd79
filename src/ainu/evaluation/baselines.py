"""Cheap classifiers on the same folds: if they are as good, the network may use a shortcut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ainu.evaluation.recording import RESOLUTION
from ainu.folds.table import test_rows, training_rows
from ainu.images.dataset import Dataset
from ainu.prediction.table import with_probabilities

TREES = 100
MakeModel = Callable[[int], Any]


def confounders(dataset: Dataset, acquisition: pd.DataFrame | None = None) -> pd.DataFrame:
    """Values that do not describe the arrangement: log counts, area, densities, and properties of the recording.

    Parameters
    ----------
    dataset : Dataset
        Of N nuclei.
    acquisition : DataFrame, optional
        As `feature_table.read_features` gives it, a row per nucleus of the dataset.

    Returns
    -------
    DataFrame
        (N, f); what was not measured is NaN. Without the FRC resolution (`resolutions`).
    """
    counts = np.log1p(dataset.localizations.astype(np.float64))
    area = np.log(np.maximum(dataset.area_um2.astype(np.float64), 1e-9))
    columns = {f"localizations of {name}": counts[:, k] for k, name in enumerate(dataset.channels)}
    columns |= {"area": area}
    columns |= {f"density of {name}": counts[:, k] - area for k, name in enumerate(dataset.channels)}
    recorded = {} if acquisition is None else {str(name): own.to_numpy() for name, own in acquisition.items()}
    followed = {name for name in recorded if name.startswith(RESOLUTION)}
    return pd.DataFrame(columns | {name: own for name, own in recorded.items() if name not in followed})


def resolutions(acquisition: pd.DataFrame) -> pd.DataFrame:
    """The (N, c) FRC resolution of each channel, nm, which follows the structure as well as the recording."""
    return acquisition.loc[:, [str(name).startswith(RESOLUTION) for name in acquisition]]


def logistic_regression(seed: int) -> Any:
    """Class-weighted logistic regression of standardised values; unknown ones are replaced by the median."""
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )


def random_forest(seed: int) -> Any:
    """Class-weighted random forest."""
    forest = RandomForestClassifier(TREES, class_weight="balanced", random_state=seed, max_features="sqrt")
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), forest)


MODELS: dict[str, MakeModel] = {"logistic regression": logistic_regression, "random forest": random_forest}


def cross_validated(
    make: MakeModel,
    values: NDArray[np.float64],
    dataset: Dataset,
    folds: pd.DataFrame,
    classes: Sequence[str],
    seed: int,
) -> pd.DataFrame:
    """Out-of-fold predictions of a cheap classifier.

    Parameters
    ----------
    make : callable
        Makes the classifier from a seed.
    values : (N, f) float64
        Features of all nuclei of the dataset.
    dataset : Dataset
        Gives names and labels of the nuclei.
    folds : DataFrame
        As `folds.table.read_folds` reads it.
    classes : sequence of str
        In the order of the columns.
    seed : int
        Of the classifier.

    Returns
    -------
    DataFrame
        As `prediction.out_of_fold.out_of_fold` gives them.
    """
    truth = dataset.codes(classes)
    parts = []
    for rows, train, test in splits(dataset.nucleus, folds):
        model = make(seed).fit(values[train], truth[train])
        parts.append(with_probabilities(rows, model.predict_proba(values[test]), classes))
    return pd.concat(parts, ignore_index=True)


def splits(
    nuclei: NDArray[np.str_], folds: pd.DataFrame
) -> Iterator[tuple[pd.DataFrame, NDArray[np.intp], NDArray[np.intp]]]:
    """Training and test nuclei of every fold of every repeat.

    Parameters
    ----------
    nuclei : (N,) str
        In the order of the values that are classified.
    folds : DataFrame
        `nucleus`, `repeat` and `fold`.

    Yields
    ------
    rows : DataFrame
        Of the test nuclei, from `folds`.
    train, test : (n,) intp
        Indices of nuclei.
    """
    places = pd.Series(np.arange(len(nuclei)), index=nuclei)
    for repeat, fold in folds[["repeat", "fold"]].drop_duplicates().itertuples(index=False):
        train = places[training_rows(folds, repeat, fold)].to_numpy()
        test = places[test_rows(folds, repeat, fold)].to_numpy()
        chosen = folds[(folds["repeat"] == repeat) & (folds["fold"] == fold)].set_index("nucleus", drop=False)
        yield chosen.loc[nuclei[test]].reset_index(drop=True), train, test


def ridge_calls(
    values: NDArray[np.float64], labels: NDArray[np.int64], nuclei: NDArray[np.str_], folds: pd.DataFrame
) -> NDArray[np.int64]:
    """Out-of-fold predictions of a ridge classifier, for many permutations of the labels at once.

    What depends on the values alone is computed once per fold, so that a thousand permutations cost as much as one.

    Parameters
    ----------
    values : (N, f) float64
        NaN where unknown.
    labels : (D, N) int64
        Index of the class of each nucleus, in D permutations.
    nuclei : (N,) str
        In the order of the values.
    folds : DataFrame
        `nucleus`, `repeat` and `fold`, of one repeat.

    Returns
    -------
    (D, N) int64
        Index of the predicted class.
    """
    predicted, kinds = np.zeros_like(labels), int(labels.max()) + 1
    for _, train, test in splits(nuclei, folds):
        own, other = _standardized(values, train, test)
        gram = own @ own.T + max(own.shape[1], 1) * np.eye(len(train))
        hat = np.concatenate([own, other]) @ np.linalg.solve(gram, own).T
        predicted[:, test] = _nearest(hat, labels[:, train], kinds)
    return predicted


def _standardized(
    values: NDArray[np.float64], train: NDArray[np.intp], test: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    own = np.where(np.isnan(values[train]).all(axis=0), 0.0, values[train])
    middle = np.nanmedian(own, axis=0)
    own, other = (np.where(np.isnan(part), middle, part) for part in (own, values[test]))
    mean, spread = own.mean(axis=0), own.std(axis=0)
    return tuple((part - mean) / np.where(spread > 0, spread, 1) for part in (own, other))  # type: ignore[return-value]


def _nearest(hat: NDArray[np.float64], labels: NDArray[np.int64], kinds: int) -> NDArray[np.int64]:
    """Predicted classes by the hat matrix of a ridge regression.

    Every class weighs the same; the predicted class is the one whose score is farthest beyond the midpoint between its
    own training nuclei and the others.

    Parameters
    ----------
    hat : (m + n, m) float64
        Training nuclei first.
    labels : (D, m) int64
        Classes of the training nuclei.
    kinds : int
        Number of classes.

    Returns
    -------
    (D, n) int64
    """
    target = np.eye(kinds)[labels]
    number = np.maximum(target.sum(axis=1, keepdims=True), 1)
    score = np.einsum("tm,dmk->dtk", hat, target / number - 1 / labels.shape[1])
    trained = score[:, : labels.shape[1]]
    inside = (trained * target).sum(axis=1) / number[:, 0]
    outside = (trained * (1 - target)).sum(axis=1) / np.maximum((1 - target).sum(axis=1), 1)
    return (score[:, labels.shape[1] :] - ((inside + outside) / 2)[:, None]).argmax(axis=2)
