"""What a file's values and columns hint at: notes, and errors that name the likely cause."""

import h5py
import numpy as np
import pytest

import ainu
from ainu.errors import AinuError
from ainu.localizations.formats.likely_columns import alike


def written(path, header, *rows):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def picasso(path, metadata):
    rows = np.array([(0, 1.0, 2.0), (3, 201.0, 150.0)], [("frame", "u4"), ("x", "f4"), ("y", "f4")])
    with h5py.File(path, "w") as file:
        file["locs"] = rows
    path.with_suffix(".yaml").write_text(metadata)
    return path


# --- channels


@pytest.mark.parametrize("channels", ["0:PolII,1:DNA", "1:PolII"])
def test_codes_for_a_file_without_a_channel_column_are_refused(tmp_path, channels):
    path = written(tmp_path / "a.csv", '"frame","x [nm]","y [nm]","sigma [nm]"', "1,5,6,100", "2,7,8,110")
    with pytest.raises(AinuError, match=r"file has no channel column .*give one name for the whole"):
        ainu.read(path, channels=channels)
    assert len(ainu.read(path, channels="0:PolII")) == len(ainu.read(path, channels="PolII")) == 2


def test_codes_for_a_picasso_file_without_channels_are_refused(tmp_path):
    with pytest.raises(AinuError, match="no channel column"):
        ainu.read(picasso(tmp_path / "a_locs.hdf5", "Pixelsize: 130\n"), channels="0:A,1:B")


# --- extent


def test_a_field_smaller_than_a_nucleus_is_noted_with_its_extent(tmp_path):
    path = written(tmp_path / "a.csv", '"frame","x [nm]","y [nm]","sigma [nm]"', "1,5,6,100", "2,205,106,110")
    assert any("cover 0.2 x 0.1 µm, less than a nucleus" in note for note in ainu.read(path).meta["notes"])


def test_z_over_tens_of_micrometres_is_noted(tmp_path):
    header = '"frame","x [nm]","y [nm]","z [nm]","sigma [nm]"'
    path = written(tmp_path / "a.csv", header, "1,5,6,-30000,100", "2,8000,9000,44000,110")
    assert any("z spans 74 µm" in note for note in ainu.read(path).meta["notes"])
    path = written(tmp_path / "b.csv", header, "1,5,6,-300,100", "2,8000,9000,400,110")
    assert "notes" not in ainu.read(path).meta


# --- columns


def test_columns_without_any_value_are_absent_and_noted(tmp_path):
    header = "id,frame,x [nm],y [nm],sigma [nm],uncertainty_xy [nm]"
    table = ainu.read(written(tmp_path / "a.csv", header, ",,5,6,,9.5", ",,8000,9000,,8.5"))
    assert (table.frame, table.sigma, table.precision.tolist()) == (None, None, [9.5, 8.5])
    assert "no value in any row, not read: frame, sigma" in table.meta["notes"]


@pytest.mark.parametrize(
    ("quantity", "name"),
    [
        ("precision", "loc_precision"),
        ("precision", "Uncertainty (a.u.)"),
        ("photons", "Brightness"),
        ("photons", "Total Photons"),
        ("background", "Baseline"),
        ("background", "bkg_mean"),
        ("sigma", "PSF width [nm]"),
        ("sigma", "FWHM"),
        ("frame", "Image-ID"),
        ("channel", "vis-probe"),
        ("channel", "Colour"),
    ],
)
def test_near_names_are_recognised(quantity, name):
    assert alike(quantity, ["id", name, "x [nm]"]) == [name]


@pytest.mark.parametrize(
    ("quantity", "name"),
    [
        ("precision", "uncertainty_z [nm]"),
        ("background", "Background variance"),
        ("background", "bkgstd [photon]"),
        ("photons", "offset [photon]"),
        ("frame", "Number Frames"),
        ("channel", "photon-count"),
        ("z", "Z Slice"),
    ],
)
def test_other_quantities_are_not_taken_for_it(quantity, name):
    assert alike(quantity, [name]) == []


# --- metadata of Picasso


def test_picasso_pixel_sizes_that_contradict_each_other_are_noted(tmp_path):
    path = picasso(tmp_path / "a_locs.hdf5", "Camera.Pixelsize: 160\n---\nPixelsize: 130\n")
    table = ainu.read(path)
    assert table.x.tolist() == [130.0, 26130.0]
    assert table.meta["notes"] == ["the metadata name several pixel sizes: 130 nm is used, 160 nm not"]


def test_picasso_metadata_with_python_tags_are_skipped_and_run_nothing(tmp_path):
    tag = f"Structure: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\nTuple: !!python/tuple [1, 2]\n"
    table = ainu.read(picasso(tmp_path / "a_locs.hdf5", f"{tag}---\nPixelsize: 130\n"))
    assert table.x[0] == 130
    assert not (tmp_path / "made").exists()


def test_picasso_pixel_size_that_only_python_could_construct_is_asked_for(tmp_path):
    path = picasso(tmp_path / "a_locs.hdf5", "Pixelsize: !!python/object/apply:builtins.float [130]\n")
    with pytest.raises(AinuError, match="set pixel_size_nm"):
        ainu.read(path)
    assert ainu.read(path, pixel_size_nm=100).x[0] == 100


# --- pandas in HDF5


def pandas_table(path, names, kind=None):
    """Two blocks, as `DataFrame.to_hdf(format="table")` writes them."""
    rows = np.zeros(2, [("index", "i8"), ("values_block_0", "f8", (len(names),)), ("values_block_1", "i8", (1,))])
    rows["values_block_0"], rows["values_block_1"] = [[1.0, 2.0], [201.0, 150.0]], [[4], [9]]
    with h5py.File(path, "w") as file:
        file.create_group("locs").attrs["pandas_type"] = np.bytes_(b"frame_table")
        table = file.create_dataset("locs/table", data=rows)
        pickled = b"(lp0\n" + b"".join(b"V%s\np1\na" % name.encode() for name in names) + b"."
        table.attrs["values_block_0_kind"] = np.bytes_(pickled if kind is None else kind)
        table.attrs["values_block_1_kind"] = np.bytes_(b"(lp0\nVframe\np1\na.")
    return path


def test_picasso_files_that_pandas_wrote_as_a_table_are_read(tmp_path):
    table = ainu.read(pandas_table(tmp_path / "a_locs.hdf5", ["x", "y"]), pixel_size_nm=100)
    assert (table.x.tolist(), table.y.tolist(), table.frame.tolist()) == ([100, 20100], [200, 15000], [4, 9])


def test_a_pickle_that_is_no_list_of_texts_is_refused_and_not_run(tmp_path):
    bomb = b"cos\nmkdir\n(V%s\ntR." % str(tmp_path / "made").encode()
    with pytest.raises(AinuError, match="pandas"):
        ainu.read(pandas_table(tmp_path / "a_locs.hdf5", ["x", "y"], kind=bomb), pixel_size_nm=100)
    assert not (tmp_path / "made").exists()


def test_picasso_files_that_pandas_wrote_as_fixed_are_read(tmp_path):
    with h5py.File(tmp_path / "a_locs.hdf5", "w") as file:
        file.create_group("locs").attrs["pandas_type"] = np.bytes_(b"frame")
        file["locs/block0_items"], file["locs/block0_values"] = [b"x", b"y"], [[1.0, 2.0], [201.0, 150.0]]
        file["locs/block1_items"], file["locs/block1_values"] = [b"frame"], [[4], [9]]
    table = ainu.read(tmp_path / "a_locs.hdf5", pixel_size_nm=100)
    assert (table.x.tolist(), table.y.tolist(), table.frame.tolist()) == ([100, 20100], [200, 15000], [4, 9])


def test_the_likely_channel_column_is_named(tmp_path):
    path = written(tmp_path / "a.csv", '"frame","x [nm]","y [nm]","sigma [nm]","dye"', "1,5,6,100,0", "2,7,8,110,1")
    with pytest.raises(AinuError, match="is it 'dye'"):
        ainu.read(path, channels="0:PolII,1:DNA")
