"""A control network on merged blinks sees one localization per emitter, and is left out where none are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ainu.files import read_table
from ainu.images.dataset import Dataset, Points
from ainu.images.sparse_grid import order_by_place
from ainu.images.thinning import rebinned
from ainu.images.views import view_of
from ainu.networks.seen import CONTEXT, DETAIL, Seen
from ainu.settings.defaults import section, with_defaults
from ainu.training.controls import control_dataset, train_controls
from ainu.training.cross_validation import CrossValidation
from ainu.training.recipe import Design
from ainu.typed import typed

CLASSES = ["once", "thrice"]
SEEN = {view: Seen(view, (20, 20), voxel) for view, voxel in ((DETAIL, 20.0), (CONTEXT, 100.0))}


def blinking(n: int = 8) -> Dataset:
    """Nuclei of sixty emitters each; those of the second class are seen three times, in nearby frames."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    position, emitter = [], []
    for code in labels:
        member = np.repeat(np.arange(60), 1 + 2 * code)
        own = (rng.uniform(-900, 900, (60, 2))[member] + rng.normal(0, 5, (len(member), 2))).astype(np.float32)
        order = order_by_place(own)
        position.append(own[order])
        emitter.append(member[order])
    start = np.concatenate([[0], np.cumsum([len(own) for own in position])])
    channel = np.zeros(start[-1], np.uint8)
    known = np.concatenate(emitter).astype(np.int32)
    points = Points(np.concatenate(position), channel, np.full(start[-1], 5, np.float32), start, known)
    names = np.array([f"s{k}" for k in range(n)])
    data = Dataset(
        image=np.zeros((n, 1, 20, 20), np.uint16),
        nucleus=names,
        sample=names,
        replicate=np.array([f"r{k // 2}" for k in range(n)]),
        label=np.array(CLASSES)[labels],
        localizations=points.counts(1).astype(np.uint32),
        area_um2=np.full(n, 3.24, np.float32),
        origin_nm=np.zeros((n, 2)),
        angle_rad=np.zeros(n),
        channels=("DNA",),
        voxel_size_nm=100.0,
        points=points,
    )
    return replace(data, image=rebinned(data, points))


def validation(data: Dataset) -> CrossValidation:
    """Two folds, two steps."""
    changed = {"steps": 2, "batch_size": 2, "validation_fraction": 0, "device": "cpu"}
    filled = {name: section(name) for name in ("augmentation", "transfer")}
    filled["training"] = section("training", **changed)
    given = {"detail": {"size_nm": 400}}
    views = with_defaults({"experiments": {"a": {"views": given}}})["experiments"]["a"]["views"]
    design = typed(Design, {"classes": CLASSES, "network": "ainu-small", "views": views, "intensity": "log", **filled})
    folds = data.table.assign(repeat=0, fold=[int(name[1]) % 2 for name in data.replicate])
    return CrossValidation(data, folds, design, seed=1, threads=1)


@pytest.mark.parametrize("view", [DETAIL, CONTEXT])
def test_both_views_see_one_localization_per_emitter(view):
    data = blinking()
    made = control_dataset(data, "merged_blinks", {}, seed=1)
    augmentation = validation(data).design.augmentation
    for dataset, seen in ((data, {60, 180}), (made, {60})):
        views = view_of(dataset, SEEN[view], "log", augmentation)
        tiles = [views.tiles(row).seen for row in range(len(dataset))]
        assert {round(float(own.expm1().sum())) for own in tiles} == seen


def test_controls_of_merged_blinks_are_trained_and_predict_the_fold(tmp_path):
    own = validation(blinking())
    train_controls(own, ["merged_blinks", "equal_counts"], {}, fold=1, output=tmp_path / "fold1.tsv")
    table = read_table(tmp_path / "fold1.tsv")
    assert table["control"].value_counts().to_dict() == {"merged_blinks": 4, "equal_counts": 4}
    assert set(table["replicate"]) == {"r1", "r3"}
    assert [path.name for path in tmp_path.iterdir()] == ["fold1.tsv"]


def test_where_no_emitter_is_known_nothing_is_trained(tmp_path):
    data = blinking()
    unknown = replace(data, points=replace(data.points, emitter=None))
    train_controls(validation(unknown), ["merged_blinks"], {}, fold=1, output=tmp_path / "fold1.tsv")
    table = read_table(tmp_path / "fold1.tsv")
    assert table.empty
    assert "control" in table
    other = pd.DataFrame({"control": ["outline"]})
    assert pd.concat([table, other])["control"].tolist() == ["outline"]
