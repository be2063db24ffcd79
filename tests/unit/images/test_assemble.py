"""The images of an experiment in one file."""

import numpy as np
import pytest

from ainu import AinuError
from ainu.hdf5 import new_file, write_array
from ainu.images.assemble import assemble
from ainu.images.dataset import read, read_labels


def write_voxels(path, nuclei: dict[str, int], clipped: int = 0) -> None:
    """Voxels of some samples, image values tell sample and nucleus; of channel c so many localizations are cut off."""
    with new_file(path) as file:
        for s, (sample, n) in enumerate(nuclei.items(), start=1):
            group = file.create_group(sample)
            image = np.zeros((n, 3, 4, 4), np.uint16)
            image += np.arange(n, dtype=np.uint16)[:, None, None, None] + np.uint16(10 * s)
            image += np.array([0, 100, 200], np.uint16)[None, :, None, None]
            write_array(group, "image", image)
            write_array(group, "nucleus", np.array([f"{sample}/{k + 1}" for k in range(n)], dtype=object))
            write_array(group, "localizations", image[:, :, 0, 0].astype(np.uint32))
            write_array(group, "clipped", np.array([[0, 0, clipped]] * n, np.int64).reshape(-1, 3))
            write_array(group, "area_um2", np.ones(n, np.float32))
            write_array(group, "origin_nm", np.zeros((n, 2)))
            write_array(group, "angle_rad", np.zeros(n))
            group.attrs.update(channels=["a", "b", "c"], voxel_size_nm=50.0)


def rows(*samples):
    return [{"sample": s, "shard": "s1", "replicate": f"r{s}", "label": "x"} for s in samples]


def test_nuclei_come_in_the_order_of_the_samples_with_the_asked_channels(tmp_path):
    write_voxels(tmp_path / "s1.h5", {"A": 2, "B": 0, "C": 1})
    n = assemble({"s1": tmp_path / "s1.h5"}, rows("C", "B", "A"), ["c", "a"], tmp_path / "dataset.h5")
    dataset = read(tmp_path / "dataset.h5")
    assert n == len(dataset) == 3
    assert dataset.nucleus.tolist() == ["C/1", "A/1", "A/2"]
    assert dataset.replicate.tolist() == ["rC", "rA", "rA"]
    assert dataset.image[:, :, 0, 0].tolist() == [[230, 30], [210, 10], [211, 11]]
    assert dataset.localizations.tolist() == [[230, 30], [210, 10], [211, 11]]
    assert (dataset.channels, dataset.voxel_size_nm) == (("c", "a"), 50.0)
    assert read_labels(tmp_path / "dataset.h5")["nucleus"].tolist() == dataset.nucleus.tolist()


def test_batches_are_kept_where_the_sheet_names_them(tmp_path):
    write_voxels(tmp_path / "s1.h5", {"A": 2, "B": 1})
    given = [row | {"batch": batch} for row, batch in zip(rows("A", "B"), ("mon", ""), strict=True)]
    assemble({"s1": tmp_path / "s1.h5"}, given, ["a"], tmp_path / "known.h5")
    assemble({"s1": tmp_path / "s1.h5"}, rows("A", "B"), ["a"], tmp_path / "unknown.h5")
    assert read(tmp_path / "known.h5")[np.array([2, 0])].batch.tolist() == ["", "mon"]
    assert read_labels(tmp_path / "known.h5")["batch"].tolist() == ["mon", "mon", ""]
    assert read(tmp_path / "known.h5").table["batch"].tolist() == ["mon", "mon", ""]
    assert "batch" not in read_labels(tmp_path / "unknown.h5")
    assert "batch" not in read(tmp_path / "unknown.h5")[np.array([0])].table


def test_the_same_voxels_give_the_same_bytes(tmp_path):
    write_voxels(tmp_path / "s1.h5", {"A": 2, "C": 1})
    for name in ("one", "two"):
        assemble({"s1": tmp_path / "s1.h5"}, rows("A", "C"), ["a"], tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_no_nucleus_at_all_is_an_error(tmp_path):
    write_voxels(tmp_path / "s1.h5", {"A": 0})
    with pytest.raises(AinuError, match="no nucleus found in any sample"):
        assemble({"s1": tmp_path / "s1.h5"}, rows("A"), ["a"], tmp_path / "dataset.h5")
    assert not (tmp_path / "dataset.h5").exists()


def test_labels_become_codes_in_the_order_of_the_classes(tmp_path):
    write_voxels(tmp_path / "s1.h5", {"A": 1, "B": 1})
    given = [row | {"label": label} for row, label in zip(rows("A", "B"), ("hiPSC", "somatic"), strict=True)]
    assemble({"s1": tmp_path / "s1.h5"}, given, ["a"], tmp_path / "d.h5")
    assert read(tmp_path / "d.h5").codes(["somatic", "hiPSC"]).tolist() == [1, 0]
    assert read(tmp_path / "d.h5").codes(["somatic"]).tolist() == [-1, 0]


def test_another_hdf5_file_is_refused(tmp_path):
    with new_file(tmp_path / "other.h5") as file:
        file.create_group("x")
    with pytest.raises(AinuError, match="not a dataset of schema"):
        read(tmp_path / "other.h5")


@pytest.mark.parametrize(("channels", "share", "fails"), [("ac", 0.05, True), ("ac", 0.1, False), ("a", 0, False)])
def test_a_canvas_that_cuts_off_more_than_is_allowed_is_an_error_before_any_training(tmp_path, channels, share, fails):
    """Of nucleus A/2 20 of 211 localizations of channel c are cut off, of A/1 20 of 210."""
    write_voxels(tmp_path / "s1.h5", {"A": 2}, clipped=20)
    given = ({"s1": tmp_path / "s1.h5"}, rows("A"), list(channels), tmp_path / "d.h5")
    if fails:
        with pytest.raises(
            AinuError, match=r"9% of the local.*of nucleus A/1 9%; clipped_share allows 5%: .*canvas_nm"
        ):
            assemble(*given, clipped_share=share)
        assert not (tmp_path / "d.h5").exists()
    else:
        assert assemble(*given, clipped_share=share) == 2
