"""Siblings of known formats, and programs whose formats are known from public writers and readers only."""

import json

import h5py
import numpy as np
import pytest
import scipy.io
import vendor_files as vendor

import ainu
from ainu.errors import AinuError
from ainu.localizations.formats.read import read, sniff

FURTHER = ["vutara", "leica_gsd", "gdsc", "malk", "micro_manager", "minflux", "pyme", "visp"]
CHANNELS = {"vutara": "0:A,1:B", "micro_manager": "1:A,2:B"}
WITH = {
    "vutara": ("background", "precision", "sigma"),
    "gdsc": ("background", "precision", "sigma"),
    "micro_manager": ("background", "precision"),
    "pyme": ("precision", "sigma"),
}


def written(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", FURTHER)
def test_what_the_program_writes_is_read(tmp_path, name):
    table, path = vendor.localizations(), vendor.written(tmp_path, name)
    assert sniff(path) == name
    back = read(path, channels=CHANNELS.get(name), pixel_size_nm=vendor.PIXEL if name == "leica_gsd" else None)
    np.testing.assert_allclose(back.x, table.x, atol=0.06)
    np.testing.assert_allclose(back.y, table.y, atol=0.06)
    if name == "pyme":
        assert back.photons is None
    else:
        np.testing.assert_allclose(back.photons, table.photons, rtol=1e-4, atol=1)
    for column in WITH.get(name, ()):
        np.testing.assert_allclose(getattr(back, column), getattr(table, column), rtol=1e-4)
    assert back.z is None
    if name == "minflux":
        assert back.frame is None
    else:
        np.testing.assert_array_equal(back.frame, table.frame)
    if name in CHANNELS:
        np.testing.assert_array_equal(back.channel, table.channel)


# --- Vutara


def test_vutara_rows_that_are_not_valid_are_dropped_and_counted(tmp_path):
    path = vendor.written(tmp_path, "vutara")
    lines = path.read_text().splitlines()
    cells = lines[3].split(",")
    cells[vendor.VUTARA.split(",").index("valid")] = "0"
    cells[vendor.VUTARA.split(",").index("cycle")] = "1"
    lines[3] = ",".join(cells)
    table = read(written(path, *lines))
    assert table.meta["dropped"] == {"not valid": 1}
    assert "holds several of cycle, whose frames may overlap" in table.meta["notes"]


# --- Leica, GDSC, Micro-Manager: pixels


def test_leica_positions_in_pixels_need_their_size(tmp_path):
    with pytest.raises(AinuError, match="column 'x' is in camera pixels: set pixel_size_nm"):
        read(vendor.written(tmp_path, "leica_gsd"))


@pytest.mark.parametrize("calibration", ['{ "nmPerPixel": 117.5 }', "<c><nmPerPixel>117.5</nmPerPixel></c>"])
def test_gdsc_pixel_size_is_the_calibrations_and_the_sheets_overrides_it(tmp_path, calibration):
    path = vendor.written(tmp_path, "gdsc")
    lines = path.read_text().splitlines()
    written(path, *(f"#Calibration {calibration}" if line.startswith("#Cal") else line for line in lines))
    x = vendor.localizations().x / vendor.PIXEL
    table = read(path)
    np.testing.assert_allclose(table.x, x * 117.5, rtol=1e-4)
    given = read(path, pixel_size_nm=130)
    np.testing.assert_allclose(given.x, x * 130, rtol=1e-4)
    assert "the file's calibration says 117.5 nm per pixel; 130 nm were given and used" in given.meta["notes"]


def test_gdsc_without_a_calibration_asks_for_the_pixel_size(tmp_path):
    path = vendor.written(tmp_path, "gdsc")
    written(path, *(line for line in path.read_text().splitlines() if not line.startswith("#Cal")))
    with pytest.raises(AinuError, match="no nmPerPixel in the file; x, y are in camera pixels: set pixel_size_nm"):
        read(path)


def test_micro_manager_units_are_those_of_its_first_line(tmp_path):
    table = vendor.localizations()
    np.testing.assert_allclose(read(vendor.micro_manager(tmp_path / "a.txt", units="PIXELS")).x, table.x, rtol=1e-4)
    with pytest.raises(AinuError, match="location_units is 'INCH'; known are: NM, UM, PIXELS"):
        read(vendor.micro_manager(tmp_path / "b.txt", units="INCH"))


# --- MINFLUX


def test_minflux_takes_valid_localizations_and_their_last_iteration(tmp_path):
    path = vendor.written(tmp_path, "minflux")
    rows = np.load(path)
    rows["vld"][4], rows["itr"]["loc"][:, 0] = False, 5.0
    np.save(path, rows)
    table = read(path, keep=["tid", "tim"])
    assert (len(table), table.meta["dropped"]) == (vendor.N - 1, {"not valid": 1})
    assert table.extra["tid"].tolist() == [tid for tid in range(vendor.N) if tid != 4]


def test_minflux_of_the_newer_layout_takes_final_iterations(tmp_path):
    rows = np.zeros(4, [("vld", "?"), ("fnl", "?"), ("itr", "i4"), ("loc", "f8", (3,)), ("eco", "i4")])
    rows["vld"], rows["fnl"] = [True, True, True, False], [False, True, True, True]
    rows["loc"], rows["eco"] = [[1e-6, 2e-6, 3e-8], [4e-6, 5e-6, 6e-8], [7e-6, 8e-6, 9e-8], [1, 1, 1]], [5, 6, 7, 8]
    np.save(tmp_path / "a.npy", rows)
    table = read(tmp_path / "a.npy")
    assert (table.x.tolist(), table.y.tolist(), table.photons.tolist()) == ([4000, 7000], [5000, 8000], [6, 7])
    np.testing.assert_allclose(table.z, [60, 90], rtol=1e-6)
    assert table.meta["dropped"] == {"not valid": 1, "not the final iteration": 1}
    assert any("refractive" in note for note in table.meta["notes"])


@pytest.mark.parametrize("compressed", [False, True])
def test_minflux_of_matlab_gives_the_same(tmp_path, compressed):
    rows = np.load(vendor.written(tmp_path, "minflux"))
    nested = {name: rows["itr"][name] for name in rows["itr"].dtype.names}
    variables = {"itr": nested, "vld": rows["vld"][None], "tid": rows["tid"][None], "tim": rows["tim"][None]}
    scipy.io.savemat(tmp_path / "a.mat", variables, do_compression=compressed)
    table, other = read(tmp_path / "mfx.npy", keep=["tid"]), read(tmp_path / "a.mat", keep=["tid"])
    assert other.meta["format"] == "minflux"
    for name, values in table.columns().items():
        np.testing.assert_array_equal(other.columns()[name], values)


def test_minflux_with_python_objects_is_refused_and_runs_nothing(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    rows = np.zeros(2, [("vld", "?"), ("loc", "f8", (3,)), ("own", object)])
    rows["own"] = Bomb()
    np.save(tmp_path / "a.npy", rows, allow_pickle=True)
    with pytest.raises(AinuError, match=r"a\.npy"):
        read(tmp_path / "a.npy")
    assert not (tmp_path / "ran").exists()


# --- PYME, ViSP


def test_pyme_errors_that_were_not_estimated_are_missing(tmp_path):
    path = vendor.written(tmp_path, "pyme")
    with h5py.File(path, "r+") as file:
        rows = file["FitResults"][()]
        rows["fitError"]["x0"][3] = -5000
        file["FitResults"][...] = rows
    table = read(path, keep=["fitResults_A"])
    assert np.flatnonzero(np.isnan(table.precision)).tolist() == [3]
    assert table.extra["fitResults_A"].tolist() == [7] * vendor.N


@pytest.mark.parametrize(
    ("ending", "row", "z"), [("2d", "5 6 900 7", None), ("3d", "5 6 30 900 7", 30), ("3dlp", "5 6 30 1 1 2 900 7", 30)]
)
def test_visp_columns_are_those_of_the_ending(tmp_path, ending, row, z):
    path = written(tmp_path / f"a.{ending}", row.replace(" ", "\t"), row.replace(" ", "\t").replace("5", "50", 1))
    table = read(path)
    assert (table.meta["format"], table.x.tolist(), table.y[0], table.photons[0]) == ("visp", [5, 50], 6, 900)
    assert (table.frame[0], None if table.z is None else table.z[0]) == (7, z)
    assert any("dx, dy are not read" in note for note in table.meta["notes"]) == (ending == "3dlp")


def test_visp_with_other_columns_than_the_ending_says_is_refused(tmp_path):
    with pytest.raises(AinuError, match=r"4 columns and the ending '\.3d'; ViSP's files have no header and"):
        read(written(tmp_path / "a.3d", "5 6 900 7", "50 60 900 8"), "visp")


# --- siblings


def test_insight3_lists_as_text_are_read_as_the_binary_ones(tmp_path):
    header = "Cas2\tX\tY\tXc\tYc\tHeight\tArea\tWidth\tPhi\tAx\tBG\tI\tFrame\tLength\tLink\tValid\tZ\tZc"
    row = "{}\t51.0\t61.0\t51.5\t61.0\t200\t1600\t280\t0\t1\t10\t1600\t8\t1\t-1\t1\t0\t0"
    path = written(tmp_path / "list.txt", header, row.format(1), row.format(2))
    table = read(path, pixel_size_nm=100, channels="1:A,2:B")
    assert (table.x[0], table.y[0], table.frame[0]) == (5050, 6050, 7)
    assert (table.photons[0], table.background[0], table.sigma[0], table.channel.tolist()) == (1600, 10, 140, [0, 1])
    assert "drift correction (Xc, Yc, Zc; 50 nm rms)" in table.meta["notes"][0]
    assert read(path, pixel_size_nm=100, use_corrected=True).x[0] == 5100
    with pytest.raises(AinuError, match="camera pixels: set pixel_size_nm"):
        read(path)


def test_nstorm_lists_need_nothing_but_x_y_and_frame(tmp_path):
    path = written(tmp_path / "a.txt", "Channel Name\tX\tY\tFrame", "647\t5000\t6000\t8", "561\t7000\t8000\t9")
    table = read(path, channels="647:A,561:B")
    assert (table.x.tolist(), table.frame.tolist(), table.channel.tolist()) == ([5000, 7000], [7, 8], [0, 1])
    assert set(table.columns()) == {"x", "y", "frame", "channel"}


def test_nstorm_of_version_5_is_recognised_and_its_counts_are_noted(tmp_path):
    header = (
        "ID\tX\tY\tZ\tLateral Localization Accuracy\tChannel\tFrame\tColor\tI\tWidth\tBG\tLength\tHeight\tArea\tPhi"
    )
    row = "1\t6500\t7800\t0\t11.5\t561\t8\tRed\t1600\t280\t10\t1\t200\t1603\t0"
    table = read(written(tmp_path / "a.txt", header, row, row.replace("561", "647")), channels="561:A,647:B")
    assert table.meta["format"] == "nstorm"
    assert (table.x[0], table.precision[0], table.sigma[0], table.frame[0]) == (6500, 11.5, 140, 7)
    assert (table.photons[0], table.channel.tolist(), table.z) == (1603, [0, 1], None)
    assert "no photons: Area (camera counts) is read" in table.meta["notes"]


def test_picasso_lists_for_nis_are_not_taken_for_nikons(tmp_path):
    header = "X\tY\tChannel\tWidth\tBG\tLength\tArea\tFrame"
    table = read(written(tmp_path / "a.txt", header, "6500.00\t7800.00\t1\t141.18\t10\t1\t1603\t8"))
    assert table.meta["format"] == "picasso"
    assert (table.sigma[0], table.photons[0], table.frame[0]) == (np.float32(141.18), 1603, 7)


def test_picasso_csv_is_in_pixels(tmp_path):
    header = ",frame,x,y,photons,sx,sy,bg,lpx,lpy"
    path = written(tmp_path / "a.csv", header, "0,7,50,60,1603,1.25,1.25,10,0.0625,0.0625")
    with pytest.raises(AinuError, match="Picasso's, with x, y in camera pixels: set pixel_size_nm"):
        read(path)
    table = read(path, pixel_size_nm=128)
    values = (table.x[0], table.y[0], table.precision[0], table.sigma[0], table.background[0], table.frame[0])
    assert values == (6400, 7680, 8, 160, 10, 7)


def test_picasso_tables_in_the_form_of_thunderstorm_count_frames_from_0(tmp_path):
    header = "id,frame,x [nm],y [nm],sigma [nm],intensity [photon]"
    table = read(written(tmp_path / "a.csv", header, "0,7,5,6,100,900", "1,9,7,8,100,900"))
    assert table.frame.tolist() == [7, 9]
    assert "ids begin with 0" in table.meta["notes"][0]
    assert read(written(tmp_path / "b.csv", header, "1,7,5,6,100,900", "2,9,7,8,100,900")).frame.tolist() == [6, 8]


def test_decode_csv_obeys_its_unit(tmp_path):
    header = "x,y,z,phot,frame_ix,bg,x_sig,y_sig,xy_unit"
    row = "50.0,60.0,124.5,1603,7,10,0.0625,0.0625,{}"
    path = written(tmp_path / "a.csv", header, row.format("px"))
    with pytest.raises(AinuError, match="no px_size in the file"):
        read(path)
    table = read(path, pixel_size_nm=128)
    assert (table.x[0], table.y[0], table.frame[0], table.precision[0]) == (6464, 7744, 7, 8)
    table = read(written(tmp_path / "b.csv", header, row.format("nm")))
    assert (table.x[0], table.precision[0]) == (50, 0.0625)
    with pytest.raises(AinuError, match="xy_unit is 'inch'"):
        read(written(tmp_path / "c.csv", header, row.format("inch")))


def test_decode_csv_takes_unit_and_pixels_from_its_comments(tmp_path):
    told = json.dumps({"xy_unit": "px", "px_size": [100.0, 200.0]})
    path = written(tmp_path / "a.csv", "# {}", f"# {told}", "# {}", "x,y,z,phot,frame_ix", "1.5,2.5,0,900,7")
    table = read(path)
    assert (table.x[0], table.y[0], table.meta["format"]) == (200, 600, "decode")


def test_smap_csv_counts_frames_from_1(tmp_path):
    path = written(tmp_path / "a.csv", "ID,frame,xnm,ynm,znm,phot,bg,locprecnm ", "1,8,6500,7800,124.5,1603,10,11.5")
    table = read(path)
    assert (table.meta["format"], table.x[0], table.z[0], table.frame[0]) == ("smap", 6500, 124.5, 7)
    assert (table.photons[0], table.background[0], table.precision[0]) == (1603, 10, 11.5)


def test_oni_codi_precision_comes_from_variances(tmp_path):
    header = "x-nm,y-nm,frame,channel,var-x-nm2,var-y-nm2,bg-mean-photons,sigma-x-mean-nm,sigma-y-mean"
    header += ",intensity-mean-photons"
    rows = ["6500,7800,7,0,90,110,10,100,144,1603", "8500,9800,8,1,1,1,1,1,1,1"]
    table = read(written(tmp_path / "a.csv", header, *rows))
    assert (table.meta["format"], table.x[0], table.frame[0]) == ("oni", 6500, 7)
    assert (table.precision[0], table.sigma[0], table.photons[0], table.background[0]) == (10, 120, 1603, 10)


def test_rapidstorm_tracks_are_read_as_molecules(tmp_path):
    fields = [("Position-0-0", "nanometer"), ("Position-1-0", "nanometer"), ("ImageNumber-0-0", "frame")]
    described = "".join(f'<field identifier="{name}" unit="{unit}" />' for name, unit in fields)
    inner = f'<localizations insequence="true">{described}</localizations>'
    rows = ["6500 7800 7 6500 7800 7", "8500 9800 8 8500 9800 8 8501 9801 9"]
    table = read(written(tmp_path / "a.txt", f"# <localizations>{described}{inner}</localizations>", *rows))
    assert (table.x.tolist(), table.y.tolist(), table.frame.tolist()) == ([6500, 8500], [7800, 9800], [7, 8])
    assert "tracks: one row per molecule" in table.meta["notes"][0]


def test_rapidstorm_widths_are_full_widths_at_half_maximum(tmp_path):
    fields = ["Position-0-0", "Position-1-0", "PSFWidth-0-0", "PSFWidth-1-0"]
    described = "".join(f'<field identifier="{name}" unit="nanometer" />' for name in fields)
    described += '<field identifier="ImageNumber-0-0" unit="frame" />'
    row = "6500 7800 235.48200450309493 235.48200450309493 7"
    table = read(written(tmp_path / "a.txt", f"# <localizations>{described}</localizations>", row))
    assert table.sigma[0] == pytest.approx(100, rel=1e-6)


def test_elyra_width_of_unknown_meaning_is_noted_and_not_read(tmp_path):
    path = vendor.written(tmp_path, "elyra")
    path.write_bytes(path.read_bytes().replace(b"PSF half width", b"PSF width"))
    table = read(path)
    assert table.sigma is None
    assert "no sigma is read; columns that look like it are not read: PSF width [nm]" in table.meta["notes"]


def test_elyra_with_decimal_commas_is_read(tmp_path):
    path = vendor.written(tmp_path, "elyra")
    expected = read(path)
    path.write_bytes(path.read_bytes().replace(b".", b","))
    np.testing.assert_array_equal(read(path).x, expected.x)


# --- the dialects folder, read in place

PIXEL = {"pixel_size_nm": 130}
OPTIONS = {
    "picasso_hdf2csv.csv": PIXEL,
    "decode_unit_column.csv": PIXEL,
    "insight3_list.txt": PIXEL,
    "picasso_no_yaml_locs.hdf5": PIXEL,
}
RIGHT = {
    "frame": 7,
    "photons": 1603.2,
    "background": 10.08,
    "precision": 11.726,
    "sigma": 141.18,
}


def test_every_file_of_the_dialects_is_read_rightly(shared_data):
    folder = shared_data / "dialects"
    if not folder.is_dir():
        pytest.skip(f"absent: {folder}")
    paths = [path for path in sorted(folder.iterdir()) if path.suffix not in (".md", ".yaml")]
    for path in paths:
        table, half = ainu.read(path, **OPTIONS.get(path.name, {})), 65 if path.name.startswith("decode") else 0
        assert (len(table), table.x[0], table.y[0]) == (60, 6500 + half, 7800 + half), path.name
        there = {name: float(getattr(table, name)[0]) for name in RIGHT if getattr(table, name) is not None}
        for name, value in there.items():
            whole = path.name in ("nis_picasso_export.txt", "picasso_ts_z_times_pixel.csv", "minflux.npy")
            assert value == pytest.approx(RIGHT[name], abs=0.5 if whole else RIGHT[name] * 5e-4), (path.name, name)


@pytest.mark.parametrize("name", ["picasso_hdf2csv.csv", "picasso_no_yaml_locs.hdf5", "insight3_list.txt"])
def test_files_of_the_dialects_in_pixels_ask_for_their_size(shared_data, name):
    path = shared_data / "dialects" / name
    if not path.exists():
        pytest.skip(f"absent: {path}")
    with pytest.raises(AinuError, match="camera pixels: set pixel_size_nm"):
        ainu.read(path)
