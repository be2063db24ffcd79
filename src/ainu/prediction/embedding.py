"""Embedding of nuclei: activations before the last layer, in a form that different networks have in common.

Each nucleus is described by the model of the first repeat that held it out. The axes of different networks mean
different things, so a nucleus is described by its similarity to the same anchor nuclei (cosine of the centred
activations, both by the same model), which is comparable between models (Moschella et al., ICLR 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.folds.table import test_rows
from ainu.hdf5 import new_file, write_array
from ainu.images.dataset import Dataset
from ainu.images.views import Indices
from ainu.networks.model import Model, features
from ainu.prediction.ensemble import augmentation_of
from ainu.prediction.pooling import pooled, views_of

ANCHORS = 128
"""Nuclei to which all are compared."""


def activations(model: Model, dataset: Dataset, rows: Indices) -> NDArray[np.float64]:
    """Activations before the last layer of each view's network, pooled over its tiles, as large as the view's share.

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
    augmentation = augmentation_of(model.info)
    parts = [
        encoder.share
        * pooled(partial(features, encoder.network), views_of(encoder, dataset, augmentation), rows).numpy()
        for encoder in model.encoders
    ]
    return np.concatenate(parts, axis=1)


def relative_features(dataset: Dataset, folds: pd.DataFrame, models: Sequence[Model], seed: int) -> NDArray[np.float64]:
    """Similarity of each nucleus to the anchors, by the model of the first repeat that held it out.

    Parameters
    ----------
    dataset : Dataset
        All nuclei of the folds.
    folds : DataFrame
        As `folds.table.read_folds` gives them.
    models : sequence of Model
        One for each fold of each repeat.
    seed : int
        Draws the anchors.

    Returns
    -------
    (N, a) float64
        Cosines, -1 to 1.
    """
    places = pd.Series(np.arange(len(dataset)), index=dataset.nucleus)
    rng = np.random.default_rng([seed, len(dataset)])
    anchors = np.sort(rng.permutation(len(dataset))[:ANCHORS])
    found = np.zeros((len(dataset), len(anchors)))
    for model in models:
        if model.info["repeat"] == 0:
            held_out = places[test_rows(folds, 0, model.info["fold"])].to_numpy()
            others = activations(model, dataset, anchors)
            own, middle = activations(model, dataset, held_out), others.mean(axis=0)
            found[held_out] = _directions(own - middle) @ _directions(others - middle).T
    return found


def _directions(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def write_relative(path: str | Path, dataset: Dataset, values: NDArray[np.float64]) -> None:
    """Write similarities as `relative`, beside `nucleus`, to HDF5.

    Parameters
    ----------
    path : path
        The file to write.
    dataset : Dataset
        Gives the names of the nuclei.
    values : (N, a) float64
        As `relative_features` returns them; stored as float32.
    """
    with new_file(path) as file:
        write_array(file, "nucleus", dataset.nucleus)
        write_array(file, "relative", values.astype(np.float32))
