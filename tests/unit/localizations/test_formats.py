"""Every reader: chosen by content, true to what was written, right on real files, clear about what is wrong."""

import hashlib
import json
import re
import struct

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ainu.errors import AinuError
from ainu.localizations.formats import channel_codes, column_mapping
from ainu.localizations.formats.insight3_layout import RECORD
from ainu.localizations.formats.read import FORMATS, read, sniff
from ainu.localizations.formats.writers import WRITERS, write
from ainu.localizations.table import Localizations

PIXEL = 117.0
TOLERANCE_NM = {"insight3": 0.01, "nstorm": 0.005, "thunderstorm": 0.005, "picasso": 0.01}
CODES = {
    "insight3": "1:PolII,2:DNA",
    "nstorm": "PolII:PolII,DNA:DNA",
    "thunderstorm": "0:PolII,1:DNA",
    "picasso": "0:PolII,1:DNA",
}


def localizations(n=500, seed=0, z=True, channels=("PolII", "DNA")):
    rng = np.random.default_rng(seed)
    return Localizations(
        x=rng.uniform(0, 40_000, n),
        y=rng.uniform(0, 40_000, n),
        z=rng.uniform(-400, 400, n) if z else None,
        frame=rng.integers(0, 20_000, n),
        photons=rng.gamma(3, 800, n),
        background=rng.uniform(5, 90, n),
        precision=rng.uniform(4, 30, n),
        sigma=rng.uniform(110, 190, n),
        channel=rng.integers(0, len(channels), n),
        channels=channels,
    )


def written(folder, name, table):
    path = folder / f"file{WRITERS[name].ending}"
    write(table, path, pixel_size_nm=PIXEL)
    return path


@pytest.fixture(params=WRITERS)
def name(request):
    return request.param


def read_back(path, name, **options):
    return read(path, pixel_size_nm=PIXEL if name == "insight3" else None, **options)


# --- round trips


@pytest.mark.parametrize("z", [False, True])
def test_a_written_file_reads_back_the_same(tmp_path, name, z):
    table = localizations(z=z)
    back = read_back(written(tmp_path, name, table), name, channels=CODES[name])
    assert back.channels == table.channels
    np.testing.assert_array_equal(back.frame, table.frame)
    np.testing.assert_array_equal(back.channel, table.channel)
    for column in ("x", "y", "z") if z else ("x", "y"):
        np.testing.assert_allclose(getattr(back, column), getattr(table, column), atol=TOLERANCE_NM[name], rtol=0)
    for column in ("photons", "background", "sigma"):
        np.testing.assert_allclose(getattr(back, column), getattr(table, column), rtol=1e-4)
    assert (back.z is None) == (not z)


def test_the_precision_survives_where_the_format_has_it(tmp_path, name):
    table = localizations()
    back = read_back(written(tmp_path, name, table), name)
    if name == "insight3":
        assert back.precision is None
    else:
        np.testing.assert_allclose(back.precision, table.precision, atol=1e-3)


def test_columns_that_were_not_measured_stay_absent(tmp_path, name):
    table = localizations()
    bare = Localizations(x=table.x, y=table.y, frame=table.frame, channel=table.channel, channels=table.channels)
    back = read_back(written(tmp_path, name, bare), name)
    assert set(back.columns()) == {"x", "y", "frame", "channel"}


def test_writing_twice_gives_the_same_bytes_and_leaves_no_other_file(tmp_path, name):
    first = written(tmp_path / "a", name, localizations())
    second = written(tmp_path / "b", name, localizations())
    assert first.read_bytes() == second.read_bytes()
    extra = {"file.yaml"} if name == "picasso" else set()
    assert {path.name for path in first.parent.iterdir()} == {first.name} | extra


def test_a_file_of_one_channel_takes_the_name_from_the_sheet(tmp_path, name):
    path = written(tmp_path, name, localizations(channels=("anything",)))
    back = read_back(path, name, channels="H3")
    assert back.channels == ("H3",)
    assert len(back) == 500


# --- telling formats apart


def test_the_format_is_found_by_content_whatever_the_file_is_called(tmp_path, name):
    path = written(tmp_path, name, localizations()).rename(tmp_path / "misleading.csv")
    assert sniff(path) == name


def test_unknown_content_is_refused_with_the_known_formats(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"\x89PNG and so on")
    with pytest.raises(AinuError, match=r"insight3, nstorm, thunderstorm, picasso, .*, table"):
        read(path)


def test_a_compressed_file_is_named_as_such(tmp_path):
    path = tmp_path / "locs.csv"
    path.write_bytes(b"\x1f\x8b\x08\x00rest")
    with pytest.raises(AinuError, match="gzip"):
        read(path)


@pytest.mark.parametrize("format", [None, *FORMATS])
def test_an_empty_file_is_refused(tmp_path, format):
    (tmp_path / "empty").touch()
    with pytest.raises(AinuError, match="empty"):
        read(tmp_path / "empty", format)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(AinuError, match="cannot be opened"):
            read(path)


def test_an_unknown_format_name_is_refused(tmp_path):
    path = written(tmp_path, "thunderstorm", localizations())
    with pytest.raises(AinuError, match=r"'palm' is not known; known are: insight3"):
        read(path, "palm")


@pytest.mark.parametrize("format", WRITERS)
def test_a_file_that_is_not_what_the_sheet_says_is_refused(tmp_path, format):
    other = "nstorm" if format != "nstorm" else "insight3"
    path = written(tmp_path, other, localizations())
    with pytest.raises(AinuError, match=re.escape(str(path))):
        read(path, format, pixel_size_nm=PIXEL)


# --- channels


def test_pairs_are_split_at_the_last_colon():
    assert channel_codes.parse("Alexa405/Alexa647:PolII, a:b:DNA") == {"Alexa405/Alexa647": "PolII", "a:b": "DNA"}


@pytest.mark.parametrize("text", ["", "Pol II", "PolII,DNA", "1:PolII,DNA", ":PolII", "1:A,1:B", "1:A,2:A", "1:"])
def test_a_channels_text_that_says_no_clear_thing_is_refused(text):
    with pytest.raises(AinuError, match="channels"):
        channel_codes.parse(text)


def test_without_names_each_code_is_a_channel_in_the_order_of_numbers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y,channel\n1,1,10\n2,2,2.0\n3,3,2\n")
    table = read(path)
    assert table.channels == ("2", "10")
    assert table.channel.tolist() == [1, 0, 0]


def test_the_sheet_gives_the_order_of_channels(tmp_path):
    path = written(tmp_path, "insight3", localizations())
    swapped = read_back(path, "insight3", channels="2:DNA,1:PolII")
    assert swapped.channels == ("DNA", "PolII")
    np.testing.assert_array_equal(swapped.channel, 1 - localizations().channel)


def test_rows_of_codes_that_are_not_named_are_dropped_and_counted(tmp_path):
    table = localizations()
    back = read_back(written(tmp_path, "nstorm", table), "nstorm", channels="DNA:DNA,Alexa405/Alexa647:none")
    assert back.channels == ("DNA", "none")
    assert len(back) == (table.channel == 1).sum()
    assert back.meta["dropped"] == {"other channels": int((table.channel == 0).sum())}
    assert back.meta["rows"] == 500


def test_naming_only_codes_that_are_not_there_lists_those_that_are(tmp_path):
    path = written(tmp_path, "nstorm", localizations())
    with pytest.raises(AinuError, match=r"none of the codes 7, 8; it holds: (PolII, DNA|DNA, PolII)"):
        read(path, channels="7:A,8:B")


def test_rejected_rows_are_dropped_and_counted_when_one_name_is_given(tmp_path):
    path = written(tmp_path, "nstorm", localizations(channels=("Cy3/Alexa647", "Z Rejected")))
    rejected = int((localizations().channel == 1).sum())
    back = read(path, channels="PolII")
    assert back.meta["dropped"] == {"z rejected": rejected}
    assert len(back) == 500 - rejected


# --- where it comes from


def test_meta_says_where_the_table_comes_from(tmp_path):
    path = written(tmp_path, "insight3", localizations())
    meta = read_back(path, "insight3").meta
    assert meta["source"] == str(path)
    assert meta["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (meta["format"], meta["reader"], meta["rows"]) == ("insight3", 1, 500)
    assert (meta["pixel_size_nm"], meta["units"]["x"], meta["dropped"]) == (PIXEL, "px", {})
    assert json.loads(json.dumps(meta)) == meta


def test_the_pixel_size_is_recorded_only_where_it_was_used(tmp_path):
    path = written(tmp_path, "nstorm", localizations())
    assert "pixel_size_nm" not in read(path, pixel_size_nm=PIXEL).meta


# --- Insight3


def records(n=3, **fields):
    rows = np.zeros(n, RECORD)
    y = 20.0 + np.arange(n)
    for field, values in {"x": 10.0, "y": y, "xc": 10.0, "yc": y, "c": 1, "fr": 1, **fields}.items():
        rows[field] = values
    return rows


def insight3_file(path, rows, n=None, magic=b"M425"):
    path.write_bytes(struct.pack("<4siii", magic, 1, 6, len(rows) if n is None else n) + rows.tobytes())
    return path


def test_insight3_positions_count_from_the_edge_of_the_first_pixel(tmp_path):
    path = insight3_file(tmp_path / "a.bin", records(1, x=1.0, xc=1.0, y=2.5, yc=2.5))
    table = read(path, pixel_size_nm=100)
    assert (table.x[0], table.y[0]) == (50.0, 200.0)


def test_insight3_brightness_is_the_fitted_area_and_width_is_two_standard_deviations(tmp_path):
    path = insight3_file(tmp_path / "a.bin", records(3, a=1500, i=7, w=300, bg=12))
    table = read(path, pixel_size_nm=100)
    assert (table.photons[0], table.sigma[0], table.background[0]) == (1500, 150, 12)


def test_insight3_frames_that_start_at_0_are_taken_as_they_are(tmp_path):
    for first in (0, 1):
        path = insight3_file(tmp_path / "a.bin", records(3, fr=[first, first + 1, first + 5]))
        assert read(path, pixel_size_nm=100).frame.tolist() == [0, 1, 5]


def test_insight3_own_drift_correction_is_noted_and_not_used(tmp_path):
    path = insight3_file(tmp_path / "a.bin", records(3, x=2.0, xc=[2.0, 2.1, 2.2]))
    table = read(path, pixel_size_nm=100)
    assert table.x.tolist() == [150.0] * 3
    assert "drift correction" in table.meta["notes"][0]
    assert table.meta["own_correction"] == {"columns": "xc, yc, zc", "used": False, "rms_nm": 12.91, "max_nm": 20.0}
    assert "own_correction" not in read_back(written(tmp_path, "insight3", localizations()), "insight3").meta


def test_insight3_without_a_pixel_size_says_where_to_set_it(tmp_path):
    path = insight3_file(tmp_path / "a.bin", records())
    with pytest.raises(AinuError, match=r"pixel_size_nm in the sample sheet or ingest\.pixel_size_nm"):
        read(path)
    with pytest.raises(AinuError, match="pixel_size_nm is -1"):
        read(path, pixel_size_nm=-1)


def test_insight3_truncated_says_how_many_molecules_are_left(tmp_path):
    path = insight3_file(tmp_path / "a.bin", records(3), n=10)
    with pytest.raises(AinuError, match="announces 10 molecules, 232 bytes hold 3"):
        read(path, pixel_size_nm=100)
    path.write_bytes(b"M425\x01")
    with pytest.raises(AinuError, match="ends within the header"):
        read(path, pixel_size_nm=100)


def test_insight3_with_another_magic_or_no_rows_is_refused(tmp_path):
    with pytest.raises(AinuError, match="starts with b'M999'"):
        read(insight3_file(tmp_path / "a.bin", records(), magic=b"M999"), "insight3", pixel_size_nm=100)
    with pytest.raises(AinuError, match="no rows"):
        read(insight3_file(tmp_path / "a.bin", records(0)), pixel_size_nm=100)


def test_a_few_rows_beyond_any_field_are_dropped_and_many_are_a_wrong_unit(tmp_path):
    x = np.linspace(0, 2000, 300).astype(np.float32)
    stray = x.copy()
    stray[[7, 8]] = 1e6, np.inf
    table = read(insight3_file(tmp_path / "a.bin", records(300, x=stray)), pixel_size_nm=160)
    assert table.meta["dropped"] == {"position not finite": 1, "far from all others": 1}
    assert (len(table), float(table.absolute("x").max())) == (298, 319_920)
    assert len(read(insight3_file(tmp_path / "b.bin", records(300, x=x * 15)), pixel_size_nm=160)) == 300
    with pytest.raises(AinuError, match=r"b.bin: x: 48% of .* more than 5 mm from the median.*look at the unit"):
        read(insight3_file(tmp_path / "b.bin", records(300, x=x * 60)), pixel_size_nm=160)


def test_rows_that_are_no_measurement_are_dropped_and_counted(tmp_path):
    rows = records(6, x=[1, np.nan, np.inf, 1, 1, 1], a=[1, 1, -5, -5, 1, 9], fr=[1, 1, 1, 1, -3, 1])
    table = read(insight3_file(tmp_path / "a.bin", rows), pixel_size_nm=100)
    assert table.meta["dropped"] == {"position not finite": 2, "negative photons": 1, "no valid frame": 1}
    assert table.photons.tolist() == [1, 9]


def test_a_file_without_any_usable_row_is_refused(tmp_path):
    path = insight3_file(tmp_path / "a.bin", records(3, x=np.nan))
    with pytest.raises(AinuError, match="none of its 3 rows is usable"):
        read(path, pixel_size_nm=100)


def test_a_field_can_be_kept_under_its_own_name(tmp_path):
    path = insight3_file(tmp_path / "a.bin", records(3, link=[5, 6, -1]))
    extra = read(path, pixel_size_nm=100, keep=["link"]).extra
    assert extra["link"].dtype == np.int32
    assert extra["link"].tolist() == [5, 6, -1]
    with pytest.raises(AinuError, match="column 'cell' is missing; the columns are: x, y, xc"):
        read(path, pixel_size_nm=100, keep=["cell"])


# --- text


@pytest.mark.parametrize("name", ["nstorm", "thunderstorm"])
@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_any_line_end_gives_the_same_rows(tmp_path, name, end):
    path = written(tmp_path, name, localizations())
    expected = read(path)
    path.write_bytes(re.sub(rb"\r?\n", end, path.read_bytes()))
    back = read(path)
    for column, values in expected.columns().items():
        np.testing.assert_array_equal(back.columns()[column], values)


@pytest.mark.parametrize(("name", "separator"), [("nstorm", "\t"), ("thunderstorm", ",")])
def test_text_in_a_number_is_reported_with_row_and_column(tmp_path, name, separator):
    path = written(tmp_path, name, localizations())
    lines = path.read_text().splitlines()
    position = [title.strip('"') for title in lines[0].split(separator)].index("X" if name == "nstorm" else "x [nm]")
    cells = lines[7].split(separator)
    cells[position] = "oops"
    lines[7] = separator.join(cells)
    path.write_text("\n".join(lines))
    with pytest.raises(AinuError, match=r"row 8 \(the header is row 1\), column '[xX].*': 'oops' is not a number"):
        read(path)


@pytest.mark.parametrize("name", ["nstorm", "thunderstorm"])
def test_a_row_that_ends_early_is_reported(tmp_path, name):
    path = written(tmp_path, name, localizations(n=20))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(AinuError, match=r"row 21 has \d+ cells, needed: \d+, one for each column"):
        read(path)


@pytest.mark.parametrize("name", ["nstorm", "thunderstorm"])
@pytest.mark.parametrize("end", ["", "\n", "\r"])
def test_a_header_without_rows_is_refused(tmp_path, name, end):
    path = written(tmp_path, name, localizations())
    path.write_text(path.read_text().splitlines()[0] + end)
    with pytest.raises(AinuError, match="no rows"):
        read(path)


@pytest.mark.parametrize(("name", "title"), [("nstorm", "Frame"), ("thunderstorm", "frame")])
def test_a_missing_column_is_reported_with_those_that_are_there(tmp_path, name, title):
    path = written(tmp_path, name, localizations())
    path.write_text(path.read_text().replace(title, "picture", 1))
    with pytest.raises(AinuError, match=f"column '{title}' is missing; the columns are: .*picture"):
        read(path)


@pytest.mark.parametrize("value", ["nan", "", "inf", "-inf", "1e400"])
def test_positions_that_are_no_number_are_dropped_and_counted(tmp_path, value):
    path = tmp_path / "t.csv"
    path.write_text(f'"frame","x [nm]","y [nm]","intensity [photon]"\n1,{value},5,9\n2,6,7,-1\n3,8,9,10\n')
    table = read(path)
    assert table.meta["dropped"] == {"position not finite": 1, "negative photons": 1}
    assert (table.x.tolist(), table.frame.tolist()) == ([8.0], [2])


# --- ThunderSTORM


@pytest.mark.parametrize("precision", ["uncertainty [nm]", "uncertainty_xy [nm]"])
def test_thunderstorm_headers_may_be_quoted_twice(tmp_path, precision):
    path = tmp_path / "t.csv"
    path.write_text(f'"id,""frame"",""x [nm]"",""y [nm]"",""{precision}"""\n1.0,2001.0,10.5,20.5,7.5\n')
    table = read(path)
    assert (table.frame[0], table.x[0], table.y[0], table.precision[0]) == (2000, 10.5, 20.5, 7.5)


@pytest.mark.parametrize(("unit", "nm"), [("nm", 1), ("um", 1000), ("µm", 1000), ("px", PIXEL)])
def test_thunderstorm_units_come_from_the_header(tmp_path, unit, nm):
    path = tmp_path / "t.csv"
    path.write_text(f'"frame","x [{unit}]","y [{unit}]","sigma [{unit}]"\n1,2,4,0.5\n', encoding="utf-8")
    table = read(path, pixel_size_nm=PIXEL)
    assert (table.x[0], table.y[0], table.sigma[0]) == (2 * nm, 4 * nm, 0.5 * nm)
    assert table.meta["units"]["x"] == unit


def test_thunderstorm_astigmatic_widths_become_their_geometric_mean(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('"frame","x [nm]","y [nm]","z [nm]","sigma1 [nm]","sigma2 [nm]"\n1,2,4,30,100,400\n')
    table = read(path)
    assert (table.sigma[0], table.z[0]) == (200, 30)


# --- Picasso


def picasso_file(path, **fields):
    values = {"frame": [0, 3], "x": [1.0, 2.0], "y": [3.0, 4.0]} | fields
    rows = np.zeros(2, [(field, np.asarray(array).dtype) for field, array in values.items()])
    for field, array in values.items():
        rows[field] = array
    with h5py.File(path, "w") as file:
        file["locs"] = rows
    return path


def test_picasso_takes_the_pixel_size_from_the_yaml_file_and_the_sheet_overrides_it(tmp_path):
    path = picasso_file(tmp_path / "a_locs.hdf5")
    with pytest.raises(AinuError, match=r"no Pixelsize in a YAML file beside it.*set pixel_size_nm"):
        read(path)
    (tmp_path / "a_locs.yaml").write_text("Frames: 4\n---\nGenerated by: Picasso\nPixelsize: 130\n")
    table = read(path)
    assert (table.x.tolist(), table.frame.tolist()) == ([130.0, 260.0], [0, 3])
    table = read(path, pixel_size_nm=100)
    assert table.x.tolist() == [100.0, 200.0]
    assert "130 nm per pixel; 100 nm" in table.meta["notes"][0]


@pytest.mark.parametrize("text", ["Pixelsize: wide\n", "a: [1\n", "\x00"])
def test_picasso_metadata_that_cannot_be_read_is_reported(tmp_path, text):
    path = picasso_file(tmp_path / "a_locs.hdf5")
    (tmp_path / "a_locs.yaml").write_text(text)
    with pytest.raises(AinuError, match=r"a_locs\.yaml"):
        read(path)


@pytest.mark.parametrize("link", [h5py.SoftLink("/elsewhere"), h5py.ExternalLink("other.hdf5", "/locs")])
def test_picasso_links_are_not_followed(tmp_path, link):
    picasso_file(tmp_path / "other.hdf5")
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        file["elsewhere"] = np.zeros(3, [("x", "f4"), ("y", "f4"), ("frame", "u4")])
        file["locs"] = link
    with pytest.raises(AinuError, match="link to another place"):
        read(path, pixel_size_nm=100)


def test_picasso_rows_kept_outside_the_file_are_not_read(tmp_path):
    path = tmp_path / "a.hdf5"
    (tmp_path / "secret").write_bytes(bytes(36))
    with h5py.File(path, "w") as file:
        dtype = np.dtype([("x", "f4"), ("y", "f4"), ("frame", "u4")])
        file.create_dataset("locs", (3,), dtype, external=[(str(tmp_path / "secret"), 0, 36)])
    with pytest.raises(AinuError, match="in other files"):
        read(path, pixel_size_nm=100)


def test_picasso_that_claims_more_rows_than_it_can_hold_is_refused(tmp_path):
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        dtype = np.dtype([("x", "f4"), ("y", "f4"), ("frame", "u4")])
        file.create_dataset("locs", (10**12,), dtype, chunks=(1000,))
    with pytest.raises(AinuError, match="more than the file can hold"):
        read(path, pixel_size_nm=100)


@pytest.mark.parametrize("fields", [{"x": [b"a", b"b"]}, {"x": [[1.0, 2.0], [3.0, 4.0]]}])
def test_picasso_columns_that_hold_no_numbers_are_refused(tmp_path, fields):
    path = tmp_path / "a.hdf5"
    values = {"frame": np.array([0, 3]), "y": np.array([3.0, 4.0])} | {key: np.array(v) for key, v in fields.items()}
    dtype = [(field, array.dtype, array.shape[1:]) for field, array in values.items()]
    rows = np.zeros(2, dtype)
    for field, array in values.items():
        rows[field] = array
    with h5py.File(path, "w") as file:
        file["locs"] = rows
    with pytest.raises(AinuError, match="column 'x' holds"):
        read(path, pixel_size_nm=100)


def test_picasso_without_a_column_lists_those_it_has(tmp_path):
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        file["locs"] = np.zeros(3, [("x", "f4"), ("frame", "u4")])
    with pytest.raises(AinuError, match=r"column 'y' is missing; the columns of 'locs' are: x, frame"):
        read(path, pixel_size_nm=100)


# --- tables


@pytest.fixture(params=["csv", "tsv", "parquet"])
def table_file(request, tmp_path):
    def write(columns):
        path = tmp_path / f"t.{request.param}"
        if request.param == "parquet":
            pq.write_table(pa.table(columns), path)
        else:
            separator = {"csv": ",", "tsv": "\t"}[request.param]
            lines = [columns, *zip(*columns.values(), strict=True)]
            path.write_text("\n".join(separator.join(map(str, line)) for line in lines))
        return path

    return write


def test_a_table_with_canonical_names_needs_no_mapping(table_file):
    path = table_file({"x": [1.5, 2.5], "y": [3.0, 4.0], "frame": [0.0, 7.0], "channel": [1.0, 0.0], "photons": [5, 6]})
    table = read(path, channels="0:a,1:b")
    assert (table.x.tolist(), table.frame.tolist(), table.channel.tolist()) == ([1.5, 2.5], [0, 7], [1, 0])
    assert table.photons.tolist() == [5, 6]
    assert table.meta["format"] == "table"


def test_a_mapping_renames_scales_and_shifts(table_file):
    path = table_file({"pos": [1.0, 2.0], "b[um]": [3.0, 4.0], "t": [1, 5], "dye": ["Cy3", "A647"], "cell": [7.0, 8.0]})
    columns = "x=pos[px],y=b[um],frame=t[1],channel=dye,keep=cell"
    table = read(path, columns=columns, pixel_size_nm=100, channels="A647:PolII,Cy3:DNA")
    assert (table.x.tolist(), table.y.tolist()) == ([100, 200], [3000, 4000])
    assert (table.frame.tolist(), table.channel.tolist()) == ([0, 4], [1, 0])
    assert table.extra["cell"].dtype == np.int32
    assert table.extra["cell"].tolist() == [7, 8]


def test_columns_are_kept_by_name_without_a_mapping(table_file):
    path = table_file({"x": [1.0, 2.0], "y": [3.0, 4.0], "cell": [1, 2], "score": [0.25, 0.5]})
    extra = read(path, keep=["cell", "score"]).extra
    assert (extra["cell"].dtype, extra["cell"].tolist(), extra["score"].tolist()) == (np.int32, [1, 2], [0.25, 0.5])
    with pytest.raises(AinuError, match="column 'nucleus' is missing; the columns are: x, y, cell, score"):
        read(path, keep=["nucleus"])


@pytest.mark.parametrize("column", ["x", "../up"])
def test_a_kept_column_cannot_hide_a_canonical_one_or_leave_its_group(table_file, column):
    path = table_file({"x": [1.0, 2.0], "y": [3.0, 4.0], "../up": [5, 6]})
    with pytest.raises(AinuError, match="cannot be kept under this name"):
        read(path, keep=[column])


def test_text_in_a_number_of_a_table_is_refused(table_file):
    path = table_file({"x": ["1", "two"], "y": ["3", "4"]})
    with pytest.raises(AinuError, match=r"column 'x'.*(not numbers|'two' is not a number)"):
        read(path)


def test_a_table_in_pixels_needs_their_size(table_file):
    path = table_file({"x": [1.0], "y": [3.0]})
    with pytest.raises(AinuError, match=r"column 'x' is in camera pixels: set pixel_size_nm"):
        read(path, columns="x=x[px],y=y")


def test_a_frame_before_the_first_that_the_mapping_names_is_dropped(table_file):
    path = table_file({"x": [1.0, 2.0], "y": [3.0, 4.0], "t": [0, 1]})
    table = read(path, columns="x=x,y=y,frame=t[1]")
    assert (table.frame.tolist(), table.meta["dropped"]) == ([0], {"no valid frame": 1})


@pytest.mark.parametrize(
    "text",
    ["x=a", "x=a,y", "x=a,y=b,x=c", "x=a,y=b,colour=c", "x=a[furlong],y=b", "x=a,y=b,frame=t[first]", "x=a,y=b,z="],
)
def test_a_mapping_that_says_no_clear_thing_is_refused(text):
    with pytest.raises(AinuError, match="columns"):
        column_mapping.parse(text, ["a", "b", "c", "t"])


def test_a_mapping_belongs_to_tables_only(tmp_path):
    path = written(tmp_path, "thunderstorm", localizations())
    with pytest.raises(AinuError, match="`columns` is for format 'table' only"):
        read(path, "thunderstorm", columns="x=a,y=b")


def test_an_empty_parquet_table_is_refused(tmp_path):
    pq.write_table(pa.table({"x": pa.array([], pa.float64()), "y": pa.array([], pa.float64())}), tmp_path / "t.parquet")
    with pytest.raises(AinuError, match="no rows"):
        read(tmp_path / "t.parquet")


# --- real files


def test_real_insight3_counts_frames_from_0_or_1(shared_data):
    drifting = read(shared_data / "formats/insight3/rcc_test.bin", pixel_size_nm=160)
    assert (len(drifting), drifting.channels, drifting.n_frames) == (50_000, ("1",), 300)
    assert 0 < drifting.x.min() < drifting.x.max() < 256 * 160
    assert (drifting.z, drifting.background) == (None, None)
    assert drifting.sigma[0] == 150
    listed = read(shared_data / "formats/insight3/test_300x200_olist.bin", pixel_size_nm=160)
    assert (len(listed), listed.n_frames, int(listed.frame.min())) == (1000, 10, 0)
    assert listed.x.max() < 300 * 160
    assert listed.y.max() < 200 * 160


def test_real_nstorm_24_columns(shared_data):
    table = read(shared_data / "formats/nstorm/nstormfull.txt", channels="Alexa405/Alexa647:A,Cy3/Alexa647:B")
    assert (len(table), table.channels) == (5880, ("A", "B"))
    assert np.bincount(table.channel).tolist() == [3272, 2608]
    assert (table.frame[0], table.x[0], table.precision[0]) == (1, np.float32(27417.5), np.float32(7.92396))
    assert table.z is None
    assert 100 < np.median(table.sigma) < 200
    assert any("drift correction" in note for note in table.meta["notes"])


def test_real_nstorm_widths_are_two_standard_deviations(shared_data):
    path = shared_data / "formats/nstorm/nstormfull.txt"
    table = read(path, keep=["Height", "Area", "Length"])
    single = table.extra["Length"] == 1
    pixels = np.sqrt(table.extra["Area"][single] / (2 * np.pi * table.extra["Height"][single]))
    assert np.median(table.sigma[single] / pixels) == pytest.approx(160, rel=1e-3)


def test_real_nstorm_with_bare_cr_ends_and_non_specific_activations(shared_data):
    path = shared_data / "formats/nstorm/nstorm.txt"
    assert read(path).channels == ("Alexa405/Alexa647", "Cy3/Alexa647", "Non Specific Activation")
    table = read(path, channels="PolII")
    assert (len(table), table.meta["dropped"]) == (5, {"non-specific activation": 1})
    assert table.frame[0] == 1
    assert table.photons[0] == np.float32(1188.27817)


def test_real_nstorm_26_columns(shared_data):
    table = read(shared_data / "formats/nstorm/nikontestdata.bin.txt", channels="488:DNA,647:PolII")
    assert (len(table), np.bincount(table.channel).tolist()) == (10, [5, 5])
    assert table.frame.min() == 0
    assert table.meta["units"]["background"] == "camera counts (0.49 photons each)"


def test_real_thunderstorm(shared_data):
    table = read(shared_data / "formats/thunderstorm/01_storm.csv", channels="PolII")
    assert (len(table), table.channels, int(table.frame.min())) == (29_995, ("PolII",), 0)
    assert (table.x[0], table.photons[0]) == (np.float32(7057.682), np.float32(4933.487))
    assert 0 < table.precision.min() < np.median(table.precision) < 50


def test_real_thunderstorm_with_a_doubly_quoted_header(shared_data):
    table = read(shared_data / "formats/thunderstorm/Thunderstorm_dstorm_data.csv")
    assert (len(table), int(table.frame[0])) == (19, 2000)
    assert table.precision[0] == np.float32(22.93255128689051)


def test_real_picasso(shared_data):
    table = read(shared_data / "formats/picasso/testdata_locs.hdf5")
    assert (len(table), table.channels, table.meta["pixel_size_nm"]) == (564, ("0",), 130)
    assert (table.frame[0], table.x[0]) == (11, np.float32(5.618027) * np.float32(130))
    assert (table.x.max() < 32 * 130, table.n_frames <= 1000) == (True, True)
    assert 100 < table.sigma.min() < table.sigma.max() < 125


def test_real_two_colour_table_keeps_its_segmentation(shared_data):
    path = shared_data / "c15/C15_EGFR568_EREG647_FOV1.parquet"
    table = read(path, channels="0:first,1:second", keep=["pred_label"])
    assert (len(table), table.channels) == (104_859, ("first", "second"))
    assert set(np.unique(table.channel)) == {0, 1}
    assert (table.extra["pred_label"].dtype, table.frame.max() < 10_000) == (np.int32, True)


def test_real_origami_in_pixels_without_frames(shared_data):
    path = shared_data / "origami/L_1.parquet"
    table = read(path, columns="x=x[px],y=y[px],precision=sigma[px]", pixel_size_nm=130, channels="DNA")
    assert (len(table), table.frame, table.channels) == (278, None, ("DNA",))
    assert np.abs(table.positions).max() < 200
