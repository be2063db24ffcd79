"""Control networks see what they are to see, and their trainings go on after a kill."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from defaults import design
from spots import CLASSES, cross_validation, dataset, folds_of, spots

from ainu import Render, find_nuclei, simulate, voxelize
from ainu.files import read_table
from ainu.hdf5 import new_file, write_array
from ainu.images.dataset import Dataset
from ainu.nuclei.table import Nuclei
from ainu.training.controls import control_dataset, train_controls
from ainu.training.cross_validation import CrossValidation
from ainu.training.permuted import train_permuted

TRAINING = {
    "steps": 12,
    "batch_size": 8,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "patience": 2,
    "validation_fraction": 0,
    "device": "cpu",
}


VIEWS = {"detail": {"voxel_nm": 20, "size_nm": 640}, "context": {"voxel_nm": 100}}


def validation(data: Dataset, views: dict | None = None, **augmentation) -> CrossValidation:
    """A short training whose nuclei are changed localization by localization."""
    sections = {"training": TRAINING, "augmentation": {"jitter": 0.5} | augmentation}
    return cross_validation(design(CLASSES, **sections, **({"views": views} if views else {})), data)


def write_nuclei(path, found: Nuclei) -> None:
    with new_file(path) as file:
        group = file.create_group("field")
        write_array(group, "label", found.label)
        write_array(group, "mask", found.mask)
        group["mask"].attrs.update(x_nm=found.grid.x_nm, y_nm=found.grid.y_nm, pixel_nm=found.grid.pixel_nm)
        columns = group.create_group("table")
        for name, values in found.table.items():
            write_array(columns, str(name), values.to_numpy())


@pytest.mark.parametrize("align", ["none", "long_axis"])
def test_an_outline_is_the_filled_mask_of_the_nucleus_where_its_localizations_lie(tmp_path, align):
    table, _ = simulate("hiPSC", 3)
    found = find_nuclei(table)
    write_nuclei(tmp_path / "nuclei.h5", found)
    own, render = table[found.label == 1], Render(200, 12800, align=align)
    pose, half = render.pose(own), 6400
    c, s = np.cos(pose.angle_rad), np.sin(pose.angle_rad)
    image = voxelize(own, render)[None]
    data = Dataset(
        image=image,
        nucleus=np.array(["field/1"]),
        sample=np.array(["field"]),
        replicate=np.array(["r"]),
        label=np.array(["hiPSC"]),
        localizations=image.sum(axis=(2, 3)).astype(np.uint32),
        area_um2=np.ones(1, np.float32),
        origin_nm=np.array([[pose.x_nm - half * (c - s), pose.y_nm - half * (s + c)]]),
        angle_rad=np.array([pose.angle_rad]),
        channels=("PolII", "DNA"),
        voxel_size_nm=200.0,
    )
    made = control_dataset(data, "outline", {"field": tmp_path / "nuclei.h5"}, seed=1)
    mask = made.image[0, 0]
    assert (made.channels, made.points, set(np.unique(mask))) == (("outline",), None, {0, 1})
    assert mask.sum() * 0.04 == pytest.approx(found.table["area_um2"].iloc[0], rel=0.03)
    assert image[0].sum(axis=0)[mask > 0].sum() > 0.97 * image.sum()


@pytest.mark.parametrize("views", [None, VIEWS], ids=["image", "views"])
def test_controls_are_trained_without_the_fold_and_predict_it(tmp_path, views):
    data = dataset(*spots(16))
    folds = folds_of(data)
    output = tmp_path / "fold1.tsv"
    given = {"masks": {}, "fold": 1}
    settings = (validation(data, views), ["unchanged", "equal_counts"])
    train_controls(*settings, output=output, **given)
    table = read_table(output)
    assert set(table["nucleus"]) == set(folds.loc[folds["fold"] == 1, "nucleus"])
    assert table["control"].value_counts().to_dict() == {"unchanged": 8, "equal_counts": 8}
    assert [path.name for path in tmp_path.iterdir()] == ["fold1.tsv"]
    train_controls(*settings, output=tmp_path / "again.tsv", **given)
    assert (tmp_path / "again.tsv").read_bytes() == output.read_bytes()


@pytest.mark.parametrize("views", [None, VIEWS], ids=["image", "views"])
def test_outlines_are_seen_whole_and_turned_as_images_whatever_the_views(tmp_path, views):
    table, _ = simulate("hiPSC", 3)
    found = find_nuclei(table)
    write_nuclei(tmp_path / "nuclei.h5", found)
    data = dataset(*spots(16))
    where = {"sample": np.full(16, "field"), "nucleus": np.array([f"field/{k + 1}" for k in range(16)])}
    data = replace(data, **where, voxel_size_nm=800.0)
    masks = {"field": tmp_path / "nuclei.h5"}
    own = validation(data, views, thin=0.5, test_time=2)
    train_controls(own, ["unchanged", "outline"], masks, fold=1, output=tmp_path / "fold1.tsv")
    assert read_table(tmp_path / "fold1.tsv")["control"].value_counts().to_dict() == {"unchanged": 8, "outline": 8}


def test_a_job_that_died_goes_on_from_what_it_had_trained(tmp_path, monkeypatch):
    from ainu.training import controls

    given = {"masks": {}, "fold": 0}
    settings = (validation(dataset(*spots(16))), ["unchanged", "equal_counts"])
    train_controls(*settings, output=tmp_path / "calm.tsv", **given)
    whole = controls.write_table
    with monkeypatch.context() as patch:
        patch.setattr(controls, "write_table", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train_controls(*settings, output=tmp_path / "killed.tsv", **given)
    assert controls.write_table is whole
    assert len(list(tmp_path.glob("killed.*.resume.*.pt"))) == 2
    train_controls(*settings, output=tmp_path / "killed.tsv", **given)
    assert (tmp_path / "killed.tsv").read_bytes() == (tmp_path / "calm.tsv").read_bytes()


def test_networks_on_permuted_labels_are_judged_by_these(tmp_path):
    data = dataset(*spots(16))
    train_permuted(validation(data), draw=3, output=tmp_path / "draw3.tsv")
    table = read_table(tmp_path / "draw3.tsv")
    assert sorted(table["nucleus"]) == sorted(data.nucleus)
    true = pd.Series(data.label, index=data.nucleus)[table["nucleus"]].to_numpy()
    assert (table["label"] != true).any()
    assert table["label"].value_counts().to_dict() == pd.Series(data.label).value_counts().to_dict()
