"""Predictions of trained models for nuclei that they have not seen."""

from dataclasses import replace

import numpy as np
import pytest
from spots import CLASSES, both, clustered, dataset, folds_of, model, spots, trained

from ainu import AinuError
from ainu.networks.model import make_network
from ainu.prediction.ensemble import (
    Ensemble,
    calibration_set,
    call,
    check_match,
    fit_ensemble,
    ood_features,
    probabilities,
)
from ainu.prediction.out_of_fold import out_of_fold


def test_test_time_augmentation_averages_over_copies_and_is_the_same_every_time():
    network, _ = trained()
    data, rows = dataset(*spots(8)), np.arange(8)
    once = probabilities(model(network, augmentation={"test_time": 4}), data, rows)
    assert np.array_equal(once, probabilities(model(network, augmentation={"test_time": 4}), data, rows))
    assert np.allclose(once.sum(axis=1), 1)
    assert not np.array_equal(once, probabilities(model(network), data, rows))


def test_out_of_fold_predictions_cover_every_nucleus_once():
    network, _ = trained()
    data = dataset(*spots())
    table = out_of_fold(data, folds_of(data), [model(network, fold=0), model(network, fold=1)])
    assert table["nucleus"].tolist() == data.nucleus.tolist()
    assert np.allclose(table[["p_dim", "p_bright"]].sum(axis=1), 1)
    assert (table["predicted"] == table["label"]).mean() > 0.9


def test_a_model_that_saw_a_test_replicate_is_refused():
    network, _ = trained()
    data = dataset(*spots())
    with pytest.raises(AinuError, match=r"trained on test replicates: \['r1'\]"):
        out_of_fold(data, folds_of(data), [model(network, training_replicates=["r1", "r3"])])


def test_images_of_other_channels_voxels_or_canvas_are_refused():
    network, _ = trained()
    with pytest.raises(AinuError, match=r"trained on channels \['H3'\], the images have \['DNA'\]"):
        check_match(model(network, channels=["H3"]), dataset(*spots(4)))
    wanted = r"trained on images of 16 x 16 voxels of 50 nm, the images have 16 x 16 voxels of 100 nm"
    with pytest.raises(AinuError, match=wanted):
        check_match(model(network, voxel_nm=50), dataset(*spots(4)))
    with pytest.raises(AinuError, match=r"32 x 32 voxels of 100 nm, the images have 16 x 16 voxels of 100 nm"):
        check_match(model(network, shape=[32, 32]), dataset(*spots(4)))


def test_crops_fit_whole_images_of_any_size():
    network, _ = trained()
    check_match(model(network, view="detail", shape=[32, 32], voxel_nm=20.0), dataset(*spots(4)))


def ensemble_of(*folds: int) -> Ensemble:
    network, _ = trained()
    data = dataset(*spots())
    models = [model(network, fold=fold) for fold in folds]
    known = calibration_set(out_of_fold(data, folds_of(data), models), CLASSES)
    return fit_ensemble(models, data, folds_of(data), known, coverage=0.9, ood_quantile=0.95)


def test_the_ensemble_flags_nuclei_out_of_distribution_and_gives_them_no_class():
    strange = np.random.default_rng(1).poisson(2.0, (6, 1, 16, 16)).astype(np.uint16)
    strange[:, :, ::2] = 0
    new = dataset(np.concatenate([spots(6, seed=5)[0], strange]), np.zeros(12, int))
    table = ensemble_of(0, 1).predict(new)
    assert table["unlike_training"].tolist() == [False] * 6 + [True] * 6
    assert table["ood"][6:].min() > table["ood"][:6].max()
    assert table["predicted"][:6].tolist() == ["dim", "bright"] * 3
    assert set(table["predicted"][6:]) <= set(CLASSES)
    assert table["call"][6:].tolist() == ["unlike training"] * 6
    assert all(set(cell.split("|")) <= set(CLASSES) for cell in table["prediction_set"] if cell)


def test_features_of_both_views_tell_nuclei_out_of_distribution_and_follow_no_share():
    """A nucleus may be of another kind in the one view or in the other, whichever tells the classes."""
    data, rows = clustered(6), np.arange(6)
    parts = [
        model(make_network("ainu-small", 1, 2, shape, 1).eval(), view=view, share=share, network="ainu-small", **own)
        for view, shape, share, own in (
            ("detail", (32, 32), 0.0, {"shape": [32, 32], "voxel_nm": 20.0}),
            ("context", (16, 16), 1.0, {}),
        )
    ]
    found = ood_features(both(*parts), data, rows)
    assert np.array_equal(found, np.concatenate([ood_features(part, data, rows) for part in parts], axis=1))
    assert np.isfinite(found).all()
    assert found[:, : found.shape[1] // 2].std(axis=0).max() > 0


def test_as_many_held_out_training_nuclei_are_flagged_as_the_quantile_says():
    ensemble, data = ensemble_of(0, 1), dataset(*spots())
    folds, scores = folds_of(data), np.zeros(len(data))
    for own, reference in ensemble.pairs:
        held_out = np.flatnonzero(folds["fold"] == own.info["fold"])
        scores[held_out] = reference.score(ood_features(own, data, held_out))
    assert (scores > ensemble.ood_threshold).mean() == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    ("members", "outside", "said"),
    [
        (["dim"], False, "dim"),
        (["dim", "bright"], False, "undecided"),
        ([], False, "undecided"),
        (["dim"], True, "unlike training"),
    ],
)
def test_a_nucleus_has_a_class_only_where_one_is_left_and_it_is_not_out_of_distribution(members, outside, said):
    assert call(members, outside) == said


def test_the_temperature_changes_the_probabilities_of_the_ensemble_but_not_its_choice():
    ensemble, new = ensemble_of(0, 1), dataset(*spots(8, seed=3))
    hot = replace(ensemble, calibration=replace(ensemble.calibration, temperature=5.0))
    one, other = ensemble.predict(new), hot.predict(new)
    assert one["predicted"].tolist() == other["predicted"].tolist()
    assert other[["p_dim", "p_bright"]].max(axis=1).max() < one[["p_dim", "p_bright"]].max(axis=1).min()
