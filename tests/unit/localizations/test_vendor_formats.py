"""The readers of other programs' formats: right on real and on written files, and in step with locan."""

import json
import re

import h5py
import numpy as np
import pytest
import vendor_files as vendor

import ainu
from ainu.errors import AinuError
from ainu.localizations.formats.read import FORMATS, read, sniff
from ainu.localizations.table import COLUMNS, Localizations

WRITTEN = ["oni", "elyra", "smap", "rapidstorm", "decode", "smlm", "storm_analysis"]
CHANNELS = {"oni": "0:A,1:B", "elyra": "1:A,2:B", "smap": "0:A,1:B", "storm_analysis": "0:A,1:B"}


@pytest.mark.parametrize("name", vendor.FILES)
def test_every_format_is_found_by_its_content(tmp_path, name):
    assert sniff(vendor.written(tmp_path, name)) == name


@pytest.mark.parametrize("name", WRITTEN)
def test_what_was_written_is_read(tmp_path, name):
    table = vendor.localizations()
    back = read(vendor.written(tmp_path, name), channels=CHANNELS.get(name))
    edge = np.array([63.5, 58.5]) if name == "decode" else np.zeros(2)
    np.testing.assert_allclose(back.x - edge[0], table.x, atol=0.06)
    np.testing.assert_allclose(back.y - edge[1], table.y, atol=0.06)
    np.testing.assert_array_equal(back.frame, table.frame)
    np.testing.assert_allclose(back.photons, table.photons, rtol=1e-4)
    if name in CHANNELS:
        assert back.channels == ("A", "B")
        np.testing.assert_array_equal(back.channel, table.channel)
    assert back.meta["format"] == name


# --- ONI


def test_oni_long_files_have_precision_and_width(tmp_path):
    table = vendor.localizations()
    back = read(vendor.oni(tmp_path / "a.csv", long=True))
    np.testing.assert_allclose(back.precision, table.precision, rtol=1e-4)
    np.testing.assert_allclose(back.sigma, table.sigma, rtol=1e-3)
    assert back.meta["pixel_size_nm"] == 117
    assert read(vendor.oni(tmp_path / "b.csv")).precision is None


# --- Elyra


def test_elyra_notes_after_the_rows_are_no_rows_with_and_without_the_nul_byte(tmp_path):
    path = vendor.written(tmp_path, "elyra")
    assert len(read(path)) == vendor.N
    path.write_bytes(path.read_bytes().replace(b"\0", b""))
    assert len(read(path)) == vendor.N
    path.write_bytes(path.read_bytes().partition(b"VoxelSize")[0])
    assert len(read(path)) == vendor.N


def test_real_elyra_width_is_a_standard_deviation_by_the_files_own_precision(shared_data):
    path = shared_data / "formats/zeiss_elyra/Elyra_dstorm_data.txt"
    table = read(path, keep=["Background variance"])
    spread = table.sigma**2 + 100**2 / 12
    background = 8 * np.pi * table.sigma**4 * table.extra["Background variance"] / (100 * table.photons) ** 2
    thompson = np.sqrt(2) * np.sqrt(spread / table.photons + background)
    assert np.median(table.precision / thompson) == pytest.approx(1, abs=0.05)


# --- SMAP


def test_smap_older_matlab_files_give_the_same(tmp_path):
    new = read(vendor.smap(tmp_path / "a_sml.mat"))
    old = read(vendor.smap_v5(tmp_path / "b_sml.mat"))
    assert old.columns().keys() == new.columns().keys()
    for name, values in new.columns().items():
        np.testing.assert_array_equal(old.columns()[name], values)


def test_smap_width_that_was_not_fitted_is_absent(shared_data):
    table = read(shared_data / "formats/smap/smap_dstorm_data.mat")
    assert table.sigma is None
    assert (len(table), table.z is not None, int(table.frame.min())) == (4884, True, 0)


# --- rapidSTORM


def test_rapidstorm_units_come_from_the_first_line(tmp_path):
    table = vendor.localizations()
    path = vendor.rapidstorm(tmp_path / "a.txt", unit="pixel")
    with pytest.raises(AinuError, match="column 'x' is in camera pixels"):
        read(path)
    np.testing.assert_allclose(read(path, pixel_size_nm=100).absolute("x"), 100 * table.x, rtol=1e-4)


# --- DECODE


def test_decode_in_nm_needs_no_pixel_and_in_pixels_takes_the_files_or_the_sheets(tmp_path):
    table = vendor.localizations()
    in_nm = read(vendor.decode(tmp_path / "a.h5", unit="nm"))
    np.testing.assert_allclose(in_nm.x, table.x / 127 + 63.5, rtol=1e-5)
    given = read(vendor.decode(tmp_path / "b.h5"), pixel_size_nm=100)
    np.testing.assert_allclose(given.x, (table.x / 127 + 0.5) * 100, rtol=1e-5)
    np.testing.assert_allclose(given.precision, 10, rtol=1e-5)


def test_decode_without_emitters_is_refused(tmp_path, shared_data):
    for path in (shared_data / "formats/decode/decode_dstorm_data_empty.h5", vendor.decode(tmp_path / "a.h5", n=0)):
        with pytest.raises(AinuError, match="no rows"):
            read(path)


def test_decode_arrays_that_do_not_fit_each_other_are_refused(tmp_path):
    path = vendor.written(tmp_path, "decode")
    with h5py.File(path, "r+") as file:
        del file["data/phot"]
        file["data/phot"] = np.zeros(3, "f4")
    with pytest.raises(AinuError, match=r"'phot' is of shape \(3,\), expected \(20,\)"):
        read(path)


# --- SMLM


def test_smlm_text_tables_are_read_as_binary_ones(tmp_path):
    binary = read(vendor.smlm(tmp_path / "a.smlm"))
    text = read(vendor.smlm(tmp_path / "b.smlm", text=True, member="t.csv"))
    np.testing.assert_allclose(text.x, binary.x)
    assert binary.channels == text.channels == ("red",)


def test_smlm_manifest_that_says_no_clear_thing_is_refused(tmp_path):
    for manifest in (
        "",
        "[]",
        "{}",
        json.dumps({"formats": {}, "files": []}),
        json.dumps({"formats": {}, "files": [7]}),
    ):
        with pytest.raises(AinuError, match=r"manifest\.json"):
            read(vendor.smlm(tmp_path / "a.smlm", manifest=manifest))


# --- storm-analysis


def test_storm_analysis_own_drift_correction_is_used_only_if_asked(tmp_path):
    table = vendor.localizations()
    path = vendor.storm_analysis(tmp_path / "a.hdf5", drift={"dx": 0.5, "dy": -0.25})
    raw, corrected = read(path), read(path, use_corrected=True)
    np.testing.assert_allclose(raw.x, table.x, atol=0.01)
    np.testing.assert_allclose(corrected.x, table.x + 50, atol=0.01)
    np.testing.assert_allclose(corrected.y, table.y - 25, atol=0.01)
    record = {"columns": "dx, dy", "rms_nm": 55.902, "max_nm": 55.902}
    assert raw.meta["own_correction"] == record | {"used": False}
    assert corrected.meta["own_correction"] == record | {"used": True}


def test_storm_analysis_without_a_pixel_size_needs_the_sheets(tmp_path):
    path = vendor.storm_analysis(tmp_path / "a.hdf5", pixel_size=None)
    with pytest.raises(AinuError, match="has no pixel_size"):
        read(path)
    assert len(read(path, pixel_size_nm=100)) == vendor.N


def test_storm_analysis_and_insight3_put_a_spot_at_the_same_place(tmp_path):
    table = vendor.localizations()
    from_hdf5 = read(vendor.storm_analysis(tmp_path / "a.hdf5"))
    from_bin = read(vendor.FILES["insight3"][1](tmp_path / "a.bin"), pixel_size_nm=vendor.PIXEL)
    np.testing.assert_allclose(from_hdf5.x, from_bin.x, atol=0.02)
    np.testing.assert_allclose(from_hdf5.sigma, table.sigma, rtol=1e-4)


# --- corrected columns, order, duplicates


def test_nstorm_corrected_positions_are_used_only_if_asked(shared_data):
    path = shared_data / "formats/nstorm/nstormfull.txt"
    raw = read(path, keep=["Xc", "Yc"])
    corrected = read(path, use_corrected=True)
    np.testing.assert_allclose(corrected.x, raw.extra["Xc"], rtol=1e-6)
    np.testing.assert_allclose(corrected.y, raw.extra["Yc"], rtol=1e-6)
    assert np.abs(corrected.x - raw.x).max() > 100
    assert (raw.meta["own_correction"]["used"], corrected.meta["own_correction"]["used"]) == (False, True)
    assert raw.meta["own_correction"]["max_nm"] == corrected.meta["own_correction"]["max_nm"] > 100


def test_frames_out_of_order_change_nothing_but_a_note(tmp_path):
    table = vendor.localizations()
    order = np.random.default_rng(0).permutation(len(table))
    back = read(vendor.oni(tmp_path / "a.csv", table[order]))
    np.testing.assert_array_equal(np.sort(back.x), np.sort(read(vendor.oni(tmp_path / "b.csv")).x))
    assert "frames are not in order" in back.meta["notes"][0]
    assert "notes" not in read(tmp_path / "b.csv").meta


@pytest.mark.parametrize("name", [name for name in vendor.FILES if name != "minflux"])  # which has no frames
def test_exact_duplicates_are_dropped_and_counted(tmp_path, name):
    table = vendor.localizations()
    again = np.concatenate([np.arange(len(table)), [3, 7, 3]])
    file, write = vendor.FILES[name]
    once = read(write(tmp_path / file), pixel_size_nm=vendor.PIXEL)
    twice = read(write(tmp_path / file, table[again]), pixel_size_nm=vendor.PIXEL)
    np.testing.assert_array_equal(twice.x, once.x)
    assert (len(twice), twice.meta["rows"]) == (vendor.N, vendor.N + 3)
    assert twice.meta["dropped"] == {"exact duplicate": 3}


def test_rows_that_differ_in_one_column_only_are_no_duplicates(tmp_path):
    (tmp_path / "t.csv").write_text("x,y,frame,photons\n1,2,3,4\n1,2,3,5\n1,2,4,4\n1,2,3,4\n")
    assert read(tmp_path / "t.csv").meta["dropped"] == {"exact duplicate": 1}


def test_without_frames_equal_rows_stay(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,2\n1,2\n")
    assert len(read(tmp_path / "t.csv")) == 2


def test_infinite_values_are_dropped_and_counted_and_missing_ones_stay(tmp_path):
    (tmp_path / "t.csv").write_text("x,y,frame,photons,precision\n1,2,3,inf,5\n1,2,3,4,1e999\n1,2,3,nan,5\n1,2,3,4,\n")
    table = read(tmp_path / "t.csv")
    assert table.meta["dropped"] == {"photons infinite": 1, "precision infinite": 1}
    assert len(table) == 2


def test_non_specific_activations_are_counted_as_such_when_pairs_are_named(shared_data):
    table = read(shared_data / "formats/nstorm/nstorm.txt", channels="Alexa405/Alexa647:A,Cy3/Alexa647:B")
    assert table.meta["dropped"] == {"non-specific activation": 1}


def test_picasso_metadata_inside_the_file_are_used_where_no_yaml_lies_beside_it(tmp_path):
    path = vendor.written(tmp_path, "picasso")
    expected = read(path).x
    path.with_suffix(".yaml").unlink()
    with pytest.raises(AinuError, match="Pixelsize"):
        read(path)
    with h5py.File(path, "r+") as file:
        file["metadata"] = json.dumps([{"Frames": 5}, {"Pixelsize": vendor.PIXEL}])
    np.testing.assert_array_equal(read(path).x, expected)


# --- in step with locan


DECODE_PIXEL, DECODE_EDGE = {"x": 127, "y": 117}, {"x": -63.5, "y": -58.5}
"""Pixel of both DECODE files, nm; their positions count from the middle of the first pixel."""
LOCAN = {
    "oni/Nanoimager_dstorm_data.csv": ("load_Nanoimager_file", {}),
    "zeiss_elyra/Elyra_dstorm_data.txt": ("load_Elyra_file", {"frame": 1}),
    "smap/smap_dstorm_data.mat": ("load_SMAP_file", {"frame": 1}),
    "rapidstorm/rapidSTORM_dstorm_data.txt": ("load_rapidSTORM_file", {}),
    "smlm/SMLM_dstorm_data.smlm": ("load_SMLM_file", {}),
    "decode/decode_dstorm_data.h5": ("load_decode_file", DECODE_EDGE),
}


def assert_as_locan(path, loader, offset, scale):
    import locan

    theirs, ours = getattr(locan, loader)(path).data, read(path)
    assert len(ours) == len(theirs)
    for name, column in (("x", "position_x"), ("y", "position_y"), ("frame", "frame"), ("photons", "intensity")):
        expected = theirs[column].to_numpy(float) * scale.get(name, 1) - offset.get(name, 0)
        np.testing.assert_allclose(getattr(ours, name), expected, rtol=1e-5, atol=2e-3)


@pytest.mark.parametrize("file", LOCAN)
def test_real_files_agree_with_locan(shared_data, file):
    loader, offset = LOCAN[file]
    assert_as_locan(shared_data / "formats" / file, loader, offset, DECODE_PIXEL if "decode" in file else {})


@pytest.mark.parametrize(
    ("name", "loader", "offset"),
    [
        ("oni", "load_Nanoimager_file", {}),
        ("elyra", "load_Elyra_file", {"frame": 1}),
        ("smap", "load_SMAP_file", {"frame": 1}),
        ("rapidstorm", "load_rapidSTORM_file", {}),
        ("smlm", "load_SMLM_file", {}),
        ("decode", "load_decode_file", DECODE_EDGE),
        ("thunderstorm", "load_thunderstorm_file", {"frame": 1}),
    ],
)
def test_written_files_agree_with_locan(tmp_path, name, loader, offset):
    assert_as_locan(vendor.written(tmp_path, name), loader, offset, DECODE_PIXEL if name == "decode" else {})


def test_reading_never_imports_locan_or_scipy_io(tmp_path):
    import subprocess
    import sys
    from pathlib import Path

    path = vendor.written(tmp_path, "oni")
    code = f"import sys, ainu; ainu.read({str(path)!r}); sys.exit('locan' in sys.modules or 'scipy.io' in sys.modules)"
    source = Path(ainu.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=source, check=False).returncode == 0


def test_tables_of_all_formats_are_localizations(tmp_path):
    for name in vendor.FILES:
        table = read(vendor.written(tmp_path, name), pixel_size_nm=vendor.PIXEL)
        assert isinstance(table, Localizations)
        assert json.loads(json.dumps(table.meta)) == table.meta


# --- columns for the quality filters


@pytest.mark.parametrize("name", [name for name in vendor.FILES if name != "table"])
def test_columns_that_the_file_has_are_kept_and_others_are_not(tmp_path, name):
    path = vendor.written(tmp_path, name)
    pixel = vendor.PIXEL if name in ("insight3", "leica_gsd") else None
    further = [column for column in FORMATS[name].names(path) if column not in COLUMNS][-1]
    table = read(path, pixel_size_nm=pixel, keep_present=[further, "no such column"])
    assert list(table.extra) == [further]
    assert len(table.extra[further]) == len(table)
    assert further in table.meta["columns"]
    with pytest.raises(AinuError, match="column 'no such column' is missing; the columns are: .*" + re.escape(further)):
        read(path, pixel_size_nm=pixel, keep=["no such column"])


def test_a_kept_column_is_found_without_its_unit(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('"frame","x [nm]","y [nm]","uncertainty_z [nm]"\n1,2,4,30\n')
    assert read(path, keep_present=["uncertainty_z"]).extra["uncertainty_z"].tolist() == [30]
