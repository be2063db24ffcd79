"""Text in any dialect: read as the plain file is, told in a note, or refused where it could be read in two ways."""

import numpy as np
import pytest
import vendor_files as vendor

import ainu
from ainu.errors import AinuError
from ainu.localizations.formats import delimited_text, dialect
from ainu.localizations.formats.column_names import named_columns, parts

HEADER = ["id", "frame", "x [nm]", "y [nm]", "sigma [nm]", "intensity [photon]", "uncertainty_xy [nm]"]
ROWS = [
    ["1", "8", "6500.25", "7800.5", "141.18", "1603.2", "11.726"],
    ["2", "35", "23594.803", "18829.12", "124.29", "3379.3", "10.556"],
    ["3", "44", "20751.045", "19728.936", "133.95", "2964.7", "13.325"],
]


def text(separator=",", header=HEADER, rows=ROWS, end="\n", decimal=".", quoted=False):
    """A table as text; numbers with another decimal sign, names in quotation marks."""
    names = [f'"{name}"' for name in header] if quoted else header
    cells = [[cell.replace(".", decimal) for cell in row] for row in rows]
    return end.join([separator.join(names), *map(separator.join, cells)]) + end


def read(folder, content, **options):
    path = folder / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ainu.read(path, **options)


DIALECTS = {
    "semicolons": text(";"),
    "tabs": text("\t"),
    "semicolons and decimal commas": text(";", decimal=","),
    "tabs and decimal commas": text("\t", decimal=","),
    "quoted decimal commas": text(",", rows=[[f'"{cell}"' for cell in row] for row in ROWS], decimal=","),
    "blanks after commas": text(", ", quoted=True),
    "blanks before quotes in rows": text(", ", rows=[[f'"{cell}"' for cell in row] for row in ROWS], quoted=True),
    "upper case": text(header=[name.upper().replace("[NM]", "[nm]") for name in HEADER]),
    "trailing commas in rows": text().replace("\n", ",\n").replace("],\n", "]\n", 1),
    "trailing commas": text().replace("\n", ",\n"),
    "a comment": "# exported by a script\n" + text(),
    "several lines before": "Exported by a program\n\n% of a lab, on Tuesday\n" + text(),
    "a comment below the header": text().replace("\n", "\n# all in nm\n\n", 1),
    "a header that is a comment": "# " + text("\t"),
    "UTF-8 with BOM": b"\xef\xbb\xbf" + text().encode(),
    "UTF-16": text().encode("utf-16"),
    "UTF-16 without BOM": text().encode("utf-16-le"),
    "UTF-16, semicolons, decimal commas, CR LF": text(";", end="\r\n", decimal=",").encode("utf-16"),
    "bare CR": text(end="\r"),
    "empty lines": text().replace("\n", "\n\n", 1),
    "an index column": text(header=["", *HEADER], rows=[[str(n), *row] for n, row in enumerate(ROWS)]),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_is_read_as_the_plain_file(tmp_path, name):
    plain, back = read(tmp_path, text()), read(tmp_path, DIALECTS[name])
    assert back.meta["format"] == "thunderstorm"
    for column, values in plain.columns().items():
        np.testing.assert_array_equal(back.columns()[column], values, err_msg=column)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("semicolons", "columns separated by semicolons"),
        ("tabs and decimal commas", "columns separated by tabs, decimal commas"),
        ("UTF-16", "encoded in UTF-16"),
        ("a comment", "lines skipped before the header: 1"),
        ("several lines before", "lines skipped before the header: 2"),
        ("trailing commas", "a delimiter after the last column"),
    ],
)
def test_the_dialect_is_told_in_a_note(tmp_path, name, note):
    assert read(tmp_path, DIALECTS[name]).meta["notes"] == [f"text read with: {note}"]


@pytest.mark.parametrize("name", ["blanks after commas", "upper case", "UTF-8 with BOM", "bare CR", "an index column"])
def test_small_differences_are_not_told(tmp_path, name):
    assert "notes" not in read(tmp_path, DIALECTS[name]).meta


LONG = [ROWS[n % len(ROWS)] for n in range(5000)]


@pytest.mark.parametrize("line", ["# pause", "% 1,2,3,4,5,6,7,8,9,10,11", "//"])
@pytest.mark.parametrize("row", [4, 4900])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_comment_among_the_rows_is_told_and_never_read_as_a_row(tmp_path, line, row, end):
    lines = text(rows=LONG).splitlines()
    width = lines[0].count(",") + 1
    comment = line if "1" not in line else "% " + ",".join(map(str, range(width)))
    lines.insert(row - 1, comment)
    with pytest.raises(AinuError) as error:
        read(tmp_path, end.join(lines))
    assert f"row {row} is a comment ({comment!r}); allowed: comments before the header only" in str(error.value)


def test_a_comment_across_two_blocks_of_reading_is_found(tmp_path, monkeypatch):
    content = text().removesuffix("\n") + "\n// x\n" + text(header=ROWS[0])
    for size in range(60, 140):  # the comment ends a block, begins one, or lies on either side
        monkeypatch.setattr(delimited_text, "BLOCK_BYTES", size)
        with pytest.raises(AinuError, match=r"row 5 is a comment \('// x'\)"):
            read(tmp_path, content)


def test_a_header_that_comes_twice_is_told(tmp_path):
    content = text(rows=LONG) + text()
    with pytest.raises(AinuError, match="row 5002 repeats the header; allowed: one table in a file"):
        read(tmp_path, content)


@pytest.mark.parametrize("row", [2, 4900])
def test_decimal_commas_between_commas_are_told_as_what_they_are(tmp_path, row):
    lines = text(rows=LONG).splitlines()
    rest = slice(1, None) if row == 2 else slice(row - 1, row)
    lines[rest] = [line.replace(".", ",") for line in lines[rest]]
    with pytest.raises(AinuError, match="decimal commas cannot be told from the commas between columns") as error:
        read(tmp_path, "\n".join(lines))
    assert (f"row {row} has" if row > 2 else "line 1 names") in str(error.value)


def test_columns_separated_by_runs_of_blanks(tmp_path):
    table = read(tmp_path, "  x_nm    y_nm  frame\n  1.5   2.5    0 \n3.5\t 4.5  7\n 5.5 6.5 9")
    assert (table.x.tolist(), table.y.tolist(), table.frame.tolist()) == ([1.5, 3.5, 5.5], [2.5, 4.5, 6.5], [0, 7, 9])


def test_a_large_file_is_rewritten_without_a_gap(tmp_path):
    """Longer than the blocks in which it is read, with characters of several bytes at their ends."""
    rows = "".join(f"{i},5;{i * 7 % 1000},25;é{i % 3}\r\n" for i in range(40_000))
    table = read(tmp_path, ("x [nm];y [nm];channel\r\n" + rows).encode("utf-16"), channels="é0:A,é1:B,é2:C")
    assert (len(table), table.channels) == (40_000, ("A", "B", "C"))
    np.testing.assert_array_equal(table.x, np.arange(40_000) + np.float32(0.5))
    np.testing.assert_array_equal(table.channel, np.arange(40_000) % 3)


def test_positions_of_a_file_without_a_header_are_named_by_number(tmp_path):
    content = "1;6500,5;7800\n2;8000;9100,25\n"
    table = read(tmp_path, content, columns="frame=#1,x=#2,y=#3")
    assert (table.x.tolist(), table.y.tolist(), table.frame.tolist()) == ([6500.5, 8000], [7800, 9100.25], [1, 2])
    with pytest.raises(AinuError, match="content of no known format"):
        read(tmp_path, content)


def test_a_mapping_takes_every_dialect(tmp_path):
    for content in ("a;b\n1,5;2,5\n3,0;4,0\n", "# lab\na\tb\n1.5\t2.5\n3\t4\n", "a,b\n1.5,2.5,\n3,4,\n"):
        assert read(tmp_path, content, columns="x=a[um],y=b[um]").x.tolist() == [1500, 3000]


# --- refused, since there are two readings or none


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x [nm];y [nm];frame\n1,5;2.5;1\n3,5;4.5;2\n", "do not have the same decimal sign"),
        ("x [nm];y [nm];frame\n1,234;2,345;1\n3,456;4,567;2\n", "a decimal comma or a separator of thousands"),
        ("x [nm];y [nm];frame\n1,234,567;2,345;1\n3,456;4,567;2\n", "separators of thousands"),
        ("x [nm],y [nm]\n6500,5,7800,5\n6501,5,7801,5\n", "line 1 names 2 columns, the rows below have 4"),
        ("x [nm],y [nm],frame\n1,2,3,4\n5,6,7,8\n", "line 1 names 3 columns, the rows below have 4"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(tmp_path, content, message):
    with pytest.raises(AinuError, match=message):
        read(tmp_path, content, columns="x=x [nm],y=y [nm]")


def test_a_decimal_comma_after_the_sample_is_an_error_with_its_row(tmp_path):
    rows = [[str(n), str(n), "1.5", "2.5", "100.5", "9.5", "8.5"] for n in range(1, 5000)]
    rows[4000][2] = "1,5"
    with pytest.raises(AinuError, match=r"row 4002 \(the header is row 1\), column 'x \[nm\]': '1,5' is not a number"):
        read(tmp_path, text(";", rows=rows))


def test_a_mistake_below_lines_before_the_header_names_its_row_in_the_file(tmp_path):
    rows = [*ROWS, ["4", "50", "oops", "1", "2", "3", "4"]]
    with pytest.raises(AinuError, match=r"row 6 \(the header is row 2\), column 'x \[nm\]': 'oops' is not a number"):
        read(tmp_path, "# lab\n" + text(rows=rows))


def test_binary_content_is_no_text():
    assert dialect.of(b"\x89HDF\r\n\x1a\n" + bytes(64)) is None
    assert dialect.of(b"M425" + bytes(range(256))) is None


# --- names of columns


@pytest.mark.parametrize(
    "name", ["x [nm]", "X (nm)", "xnm", "x_nm", "x-nm", "X nm", "Xnm", "x..nm.", "Position X [nm]"]
)
def test_units_are_told_from_names(name):
    assert parts(name)[1] == "nm"
    assert named_columns([name]).single == {"x": name}


@pytest.mark.parametrize(
    ("name", "unit"), [("X (µm)", "µm"), ("x_um", "um"), ("x [pixels]", "px"), ("x [Micrometer]", "um"), ("y_px", "px")]
)
def test_other_units_are_told_from_names(name, unit):
    assert parts(name)[1] == unit


@pytest.mark.parametrize("name", ["sum", "num", "column", "maximum", "spectrum", "snm"])
def test_ends_of_other_words_are_no_units(name):
    assert parts(name) == (name, "")


def test_positions_in_nm_go_before_those_in_pixels():
    assert named_columns(["x [px]", "y [px]", "x [nm]", "y [nm]"]).single == {"x": "x [nm]", "y": "y [nm]"}


def test_units_in_names_are_honoured_with_and_without_a_mapping(tmp_path):
    content = "Frame number,X (µm),Y (µm),Photons\n7,6.5,7.8,1603\n8,7.5,8.8,1604\n"
    for options in ({}, {"columns": "x=X (µm),y=Y (µm),frame=Frame number,photons=Photons"}):
        table = read(tmp_path, content, **options)
        assert (table.x.tolist(), table.y[0], table.frame.tolist()) == ([6500, 7500], np.float32(7800), [7, 8])
        assert table.photons.tolist() == [1603, 1604]


def test_a_mapping_that_contradicts_a_name_is_obeyed_and_noted(tmp_path):
    table = read(tmp_path, "x_um,y_um\n6500,7800\n9500,9800\n", columns="x=x_um[nm],y=y_um[nm]")
    assert table.x.tolist() == [6500, 9500]
    assert "column 'x_um' is read in nm, as `columns` says, not in um" in table.meta["notes"]


def test_a_unit_that_is_guessed_is_noted_and_so_is_a_pixel_size_that_is_not_used(tmp_path):
    table = read(tmp_path, "x,y\n6500,7800\n9500,9800\n", pixel_size_nm=130)
    assert table.x.tolist() == [6500, 9500]
    assert table.meta["notes"][0] == "no unit in the file, taken for nm: x, y"
    assert table.meta["notes"][1].startswith("pixel_size_nm 130 is not used; if x, y are in camera pixels")


@pytest.mark.parametrize("name", ["probe", "vis-probe", "Probe", "channelIndex", "Channel Name"])
def test_channel_columns_of_other_names_are_read(tmp_path, name):
    table = read(tmp_path, f"x [nm],y [nm],{name}\n6500,7800,0\n9500,9800,1\n", channels="0:PolII,1:DNA")
    assert np.bincount(table.channel).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        (["uncertainty_x [nm]", "uncertainty_y [nm]"], ["3", "5"]),
        (["crlbX", "crlbY"], ["3", "5"]),
        (["lpx", "lpy"], ["3", "5"]),
        (["precisionx", "precisiony"], ["3", "5"]),
    ],
)
def test_precisions_along_both_axes_become_their_root_mean_square(tmp_path, columns, values):
    table = read(tmp_path, f"id,frame,x [nm],y [nm],{','.join(columns)}\n1,1,10,20,{','.join(values)}\n")
    assert table.precision[0] == np.float32(np.sqrt(17))


@pytest.mark.parametrize(
    "name", ["lateral_uncertainty", "locprecnm", "Lateral Localization Accuracy", "uncertainty_xy"]
)
def test_near_names_of_the_precision_are_read(tmp_path, name):
    assert read(tmp_path, f"x [nm],y [nm],frame,{name}\n10,20,1,7.5\n20,40,1,8.5\n").precision.tolist() == [7.5, 8.5]


def test_full_widths_at_half_maximum_become_standard_deviations(tmp_path):
    table = read(tmp_path, "x [nm],y [nm],FWHM [nm]\n10,20,235.48200450309493\n20,40,0\n")
    assert table.sigma[0] == pytest.approx(100, rel=1e-6)


# --- `columns` on the text of every program

MAPPED = {
    "nstorm": "x=X,y=Y,frame=Frame[1]",
    "thunderstorm": "x=x [nm],y=y [nm],frame=frame[1]",
    "oni": "x=X (nm),y=Y (nm),frame=Frame",
    "elyra": "x=Position X [nm],y=Position Y [nm],frame=First Frame[1]",
    "rapidstorm": "x=Position-0-0,y=Position-1-0,frame=ImageNumber-0-0",
    "vutara": "x=x,y=y,frame=frame",
    "leica_gsd": "x=x0[px],y=y0[px],frame=frameID",
    "gdsc": "x=X (px),y=Y (px),frame=Frame[1]",
    "malk": "x=x,y=y,frame=frame",
    "micro_manager": "x=x,y=y,frame=frame[1]",
    "visp": "x=x,y=y,frame=frame",
}


@pytest.mark.parametrize("name", MAPPED)
def test_a_mapping_works_for_the_text_of_every_program(tmp_path, name):
    path = vendor.written(tmp_path, name)
    own, mapped = (
        ainu.read(path, pixel_size_nm=vendor.PIXEL, **options) for options in ({}, {"columns": MAPPED[name]})
    )
    assert mapped.meta["format"] == "table"
    np.testing.assert_allclose(mapped.x, own.x, rtol=1e-6)
    np.testing.assert_array_equal(mapped.frame, own.frame)


def test_a_pixel_size_that_a_mapping_without_a_unit_does_not_use_is_noted(tmp_path):
    for columns, noted in (("x=a,y=b", True), ("x=a[nm],y=b[nm]", False), ("x=a[px],y=b[px]", False)):
        table = read(tmp_path, "a,b\n6500,7800\n9500,9800\n", columns=columns, pixel_size_nm=130)
        assert any("pixel_size_nm 130 is not used" in note for note in table.meta.get("notes", ())) == noted
