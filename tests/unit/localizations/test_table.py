"""The table type and its HDF5 form."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ainu import AinuError, Localizations
from ainu.hdf5 import new_file, write_array
from ainu.localizations.joining import WITHOUT_FRAMES, WITHOUT_Z, merge
from ainu.localizations.table import load, shift_at


def table(n: int = 6, **columns) -> Localizations:
    x = np.arange(n, dtype=np.float32)
    given = {"frame": np.arange(n), "meta": {"acquisition": [0, 0]}} | columns
    return Localizations(x=x, y=x * 2, channel=np.arange(n) % 2, channels=("PolII", "DNA"), **given)


def test_a_saved_table_comes_back_with_all_its_columns(tmp_path):
    saved = table(photons=np.full(6, 7.0), z=np.zeros(6), extra={"cell": np.arange(6)}, meta={"source": "a.bin"})
    saved.save(tmp_path / "a.h5")
    loaded = Localizations.load(tmp_path / "a.h5")
    assert loaded.channels == saved.channels
    assert loaded.meta == saved.meta
    assert {k: v.tolist() for k, v in loaded.columns().items()} == {k: v.tolist() for k, v in saved.columns().items()}


def test_what_was_not_measured_is_absent_in_the_file(tmp_path):
    table().save(tmp_path / "a.h5", "s")
    with h5py.File(tmp_path / "a.h5") as file:
        assert set(file["s"]) == {"x", "y", "frame", "channel"}
    assert Localizations.load(tmp_path / "a.h5").photons is None


def test_the_same_table_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        table(photons=np.ones(6)).save(tmp_path / name, "s")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_interrupted_write_leaves_no_file(tmp_path):
    def interrupted():
        with new_file(tmp_path / "a.h5") as file:
            file.create_group("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(AinuError, match="different lengths"):
        table(photons=np.ones(5))


def test_a_missing_sample_is_named_together_with_those_that_exist(tmp_path):
    table().save(tmp_path / "a.h5", "here")
    with pytest.raises(AinuError, match=r"no sample 'there'.*here"):
        Localizations.load(tmp_path / "a.h5", "there")


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_mask_chooses_the_same_rows_of_every_column(mask):
    chosen = table(photons=np.arange(6), extra={"cell": np.arange(6)})[np.array(mask)]
    rows = np.flatnonzero(mask)
    assert chosen.x.tolist() == rows.tolist()
    assert chosen.photons.tolist() == chosen.extra["cell"].tolist() == rows.tolist()


def test_merging_files_keeps_every_localization_and_its_channel():
    first = Localizations(x=np.ones(3), y=np.ones(3), channel=np.zeros(3), channels=("PolII",), photons=np.ones(3))
    second = Localizations(x=np.zeros(2), y=np.zeros(2), channel=np.zeros(2), channels=("DNA",), frame=np.arange(2))
    merged = merge([first, second])
    assert len(merged) == 5
    assert (len(merged.of_channel("PolII")), len(merged.of_channel("DNA"))) == (3, 2)
    assert merged.photons[:3].tolist() == [1, 1, 1]
    assert np.isnan(merged.photons[3:]).all()
    assert merged.frame is None
    assert merged.meta["acquisition"] == [0, 1]


def test_a_column_is_kept_where_a_file_has_it_and_channels_without_it_lack_it():
    whole = np.arange(3, dtype=np.int32)
    first = table(
        z=np.arange(6),
        precision=np.full(6, 9),
        extra={"chi2": np.arange(6), "cell": np.arange(6), "t": whole.repeat(2)},
    )
    second = Localizations(
        x=np.zeros(3),
        y=np.zeros(3),
        channel=np.zeros(3),
        channels=("other",),
        extra={"t": whole},
        sigma=np.full(3, 120),
    )
    merged = merge([first, second])
    assert (
        merged.without(merged.z).tolist() == merged.without(merged.extra["chi2"]).tolist() == 6 * [False] + 3 * [True]
    )
    assert merged.z[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert merged.extra["t"].dtype == np.int32
    assert merged.extra["t"].tolist() == [0, 0, 1, 1, 2, 2, 0, 1, 2]
    assert merged.of_channel("other").precision is None
    assert merged.of_channel("other").sigma.tolist() == [120, 120, 120]
    assert merged.of_channel(first.channels[0]).sigma is None
    assert merged.flattened().z is None
    assert first.flattened() is first


def test_a_file_without_frames_is_noted_where_another_has_them():
    first, bare = table(), {"x": np.zeros(3), "y": np.zeros(3), "channel": np.zeros(3)}
    second = Localizations(**bare, channels=("other",), meta={"source": "b.csv", "notes": ["own"]})
    merged = merge([first, second])
    assert merged.frame is None
    assert merged.meta["files"] == [first.meta, {"source": "b.csv", "notes": ["own", WITHOUT_FRAMES]}]
    third = Localizations(**bare, channels=("third",), meta={"source": "c.csv"})
    assert merge([second, third]).meta["files"] == [second.meta, third.meta]


def test_a_file_without_z_is_noted_where_another_has_it():
    first = table(z=np.arange(6), meta={"source": "a.csv"})
    second = replace(table(meta={"source": "b.csv"}), channels=("c", "d"))
    assert merge([first, second]).meta["files"] == [first.meta, {"source": "b.csv", "notes": [WITHOUT_Z]}]
    assert merge([second, first]).meta["files"] == [{"source": "b.csv", "notes": [WITHOUT_Z]}, first.meta]
    none = second[:0]
    assert merge([first, none]).meta["files"] == [first.meta, second.meta]
    assert merge([none, replace(second, channels=first.channels)]).meta["files"] == [second.meta, second.meta]


def test_a_file_without_localizations_costs_the_others_nothing():
    first = table(z=np.arange(6), extra={"name": np.array(list("abcdef"))})
    none = Localizations(*np.zeros((3, 0)), channels=("none",), sigma=np.zeros(0), extra={"name": np.zeros(0)})
    for parts in ([first, none], [none, first]):
        merged = merge(parts)
        assert merged.frame.tolist() == first.frame.tolist()
        assert merged.flattened().z.tolist() == first.z.tolist()
        assert merged.extra["name"].tolist() == list("abcdef")
        assert merged.sigma is None
        assert set(merged.channels) == {*first.channels, "none"}


def test_a_column_that_a_file_of_the_sample_lacks_is_no_part_of_the_complete_table():
    first = table(z=np.arange(6), photons=[1, np.nan, 2, 3, 4, 5], extra={"chi2": np.ones(6), "cell": np.arange(6)})
    assert list(first.complete().columns()) == list(first.columns())
    second = replace(table(photons=np.ones(6), extra={"cell": np.arange(6)}), channels=("c", "d"))
    found = merge([first, second]).complete()
    assert list(found.columns()) == list(second.columns())


def test_merging_refuses_a_channel_that_two_files_hold():
    one = Localizations(x=np.ones(1), y=np.ones(1), channel=np.zeros(1), channels=("DNA",))
    with pytest.raises(AinuError, match="two files"):
        merge([one, one])


def write_drift(group, shift, rows):
    """What `correct_drift` writes for an acquisition whose frames are 0, 1, 2, ..."""
    write_array(group, "frame", np.arange(len(shift)))
    write_array(group, "shift", shift)
    group.attrs["rows"] = rows


def test_load_applies_drift_quality_and_nuclei(tmp_path):
    table().save(tmp_path / "raw.h5", "s")
    with new_file(tmp_path / "drift.h5") as file:
        write_drift(file.create_group("s/0"), np.stack([np.arange(6), np.ones(6)], 1), (0, 6))
    with new_file(tmp_path / "quality.h5") as file:
        write_array(file.create_group("s"), "reason", np.array([0, 0, 3, 0, 0, 1], np.uint8))
    with new_file(tmp_path / "nuclei.h5") as file:
        write_array(file.create_group("s"), "label", np.array([0, 1, 1, 1, 2, 2], np.uint16))
    stages = {name: tmp_path / f"{name}.h5" for name in ("drift", "quality", "nuclei")}
    loaded = load(tmp_path / "raw.h5", "s", **stages)
    assert loaded.x.tolist() == [0, 0, 0, 0]
    assert loaded.y.tolist() == [-1, 1, 5, 7]
    assert loaded.nucleus.tolist() == [0, 1, 1, 2]


def test_each_acquisition_is_corrected_by_its_own_drift(tmp_path):
    table(meta={"acquisition": [0, 1]}).save(tmp_path / "raw.h5", "s")
    with new_file(tmp_path / "drift.h5") as file:
        write_drift(file.create_group("s/0"), np.full((6, 2), 10.0), (0, 4))
        write_drift(file.create_group("s/1"), np.full((6, 2), 20.0), (4, 6))
    moved = load(tmp_path / "raw.h5", "s", drift=tmp_path / "drift.h5")
    assert moved.x.tolist() == [-10, -9, -8, -7, -16, -15]


def test_a_frame_whose_shift_is_not_known_lies_between_its_neighbours():
    known, shift = np.array([10, 20, 900_000_000]), np.array([[0.0, 1.0], [10.0, 1.0], [30.0, 1.0]])
    found = shift_at(known, shift, np.array([5, 10, 15, 20, 900_000_000, 900_000_001]))
    assert found[:, 0].tolist() == [0, 0, 5, 10, 30, 30]
    assert found.dtype == np.float32


def test_a_file_that_is_no_hdf5_is_refused_by_name(tmp_path):
    (tmp_path / "bad.h5").write_text("x,y\n")
    with pytest.raises(AinuError, match=r"bad\.h5: cannot be read as HDF5"):
        Localizations.load(tmp_path / "bad.h5")
