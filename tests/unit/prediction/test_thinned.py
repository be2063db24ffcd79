"""Nuclei held out are predicted with fewer of their localizations."""

from dataclasses import replace

import numpy as np
from spots import dataset, folds_of, model, spots, trained

from ainu.prediction.thinned import SHARES, thinned_predictions


def test_nuclei_held_out_are_predicted_with_every_share_left():
    network, _ = trained()
    data = dataset(*spots(16))
    folds = folds_of(data)
    models = [model(network, fold=fold) for fold in (0, 1)]
    table = thinned_predictions(data, folds, models, 1)
    assert sorted(table["share"].unique(), reverse=True) == list(SHARES)
    assert table.groupby("share")["nucleus"].nunique().tolist() == [16] * len(SHARES)


def test_densities_cannot_be_thinned_and_give_no_rows():
    data = replace(dataset(*spots(4)), image=np.ones((4, 1, 8, 8), np.float32))
    network, _ = trained()
    assert thinned_predictions(data, folds_of(data), [model(network)], 1).empty
