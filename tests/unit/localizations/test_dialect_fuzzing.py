"""Any dialect of any table: the right values, or the package's own error where the numbers can be read in two ways."""

from dataclasses import dataclass

import numpy as np
import pytest
import vendor_files as vendor
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import ainu
from ainu.errors import AinuError
from ainu.localizations.formats import dialect
from ainu.localizations.formats.column_names import named_columns, parts

SAME_FOLDER = [HealthCheck.function_scoped_fixture]
UNITS = {"nm": 1, "um": 1000, "µm": 1000}
NAME_FORMS = ["{} [{}]", "{} ({})", "{}_{}", "{}-{}", "{}{}", "{} {}"]
AMBIGUOUS = "a decimal comma or a separator of thousands"


def table_or_error(path, format=None, **options):
    try:
        return ainu.read(path, format, **options)
    except AinuError as error:
        return error


def check(path, result):
    """Rows with positions, or an error that names the file."""
    if isinstance(result, AinuError):
        assert str(path) in str(result)
    else:
        assert len(result) > 0
        assert np.isfinite(result.positions).all()


@dataclass(frozen=True)
class Written:
    """A table as text, and what it says."""

    content: bytes
    x: list[float]
    y: list[float]
    frame: list[int]
    photons: list[float]


@st.composite
def tables(draw):
    """A small table in any dialect that can be told."""
    decimals = draw(st.integers(0, 4))
    numbers = st.integers(0, 4000 * 10**decimals).map(lambda value: f"{value / 10**decimals:.{decimals}f}")
    n = draw(st.integers(2, 12))
    cells = {name: draw(st.lists(numbers, min_size=n, max_size=n)) for name in ("x", "y", "photons")}
    frames = draw(st.lists(st.integers(1, 5000), min_size=n, max_size=n))
    unit, form = draw(st.sampled_from(sorted(UNITS))), draw(st.sampled_from(NAME_FORMS))
    names = [form.format("x", unit), form.format("y", unit), "frame", "photons"]
    case = draw(st.sampled_from([str, str.upper, str.capitalize]))
    names = [name.replace(name[0], case(name[0]), 1) for name in names]
    delimiter = draw(st.sampled_from([",", ";", "\t", "  "]))
    assume(delimiter != "  " or not any(" " in name for name in names))
    decimal = draw(st.sampled_from([".", ","])) if delimiter != "," else "."
    quotes = draw(st.booleans()) and delimiter != "  "
    rows = [
        [x.replace(".", decimal), y.replace(".", decimal), str(frame), photons.replace(".", decimal)]
        for x, y, photons, frame in zip(*cells.values(), frames, strict=True)
    ]
    lines = [delimiter.join(f'"{name}"' if quotes else name for name in names), *map(delimiter.join, rows)]
    trailing = delimiter if draw(st.booleans()) and delimiter != "  " else ""
    before = draw(st.lists(st.sampled_from(["# by a script", "% of a lab", "", "Exported on Tuesday"]), max_size=3))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = end.join([*before, lines[0], *(line + trailing for line in lines[1:])]) + end
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"]))
    scale = UNITS[unit]
    x, y = ([float(value) * scale for value in cells[name]] for name in ("x", "y"))
    return Written(text.encode(encoding), x, y, frames, [float(value) for value in cells["photons"]])


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=SAME_FOLDER)
@given(written=tables())
def test_a_table_in_any_dialect_is_read_rightly_or_named_ambiguous(tmp_path, written):
    path = tmp_path / "a.csv"
    path.write_bytes(written.content)
    table = table_or_error(path)
    if isinstance(table, AinuError):
        assert AMBIGUOUS in str(table), written.content[:300]
        return
    rows = dict.fromkeys(zip(written.x, written.y, written.frame, written.photons, strict=True))
    base = 1 if table.meta["format"] == "thunderstorm" else 0
    for column, values in zip(("x", "y", "frame", "photons"), zip(*rows, strict=True), strict=True):
        expected = np.asarray(values) - (base if column == "frame" else 0)
        found = table.absolute(column) if column in "xy" else getattr(table, column)
        coarse = 0.01 if any(table.offset_nm) else 0
        np.testing.assert_allclose(found, expected, rtol=3e-7, atol=coarse, err_msg=column)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(head=st.one_of(st.binary(max_size=400), st.text(max_size=200).map(str.encode)))
def test_any_bytes_have_a_dialect_or_none_and_raise_nothing(head):
    found = dialect.of(head)
    assert found is None or (found.names and len(found.delimiter) == 1)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(names=st.lists(st.text(max_size=12), max_size=8))
def test_any_names_are_told_apart_without_an_error(names):
    found = named_columns(names)
    assert found.used() <= set(names)
    assert all(parts(name)[0] == parts(name)[0].lower() for name in names)


HEADERS = ["x [nm],y [nm],frame", "x;y;frame", "# x_um\ty_um", "x y frame intensity", "Cas9\tX\tY\tFrame"]
CELLS = st.one_of(
    st.floats(-1e5, 1e5).map(lambda value: f"{value:.3f}"),
    st.integers(0, 10**4).map(str),
    st.sampled_from(["", "nan", "inf", "oops", "1,5", "1.234,5", '"7"', "1e999", "#3", "  4 "]),
)


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=SAME_FOLDER)
@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=5), min_size=1, max_size=15),
    header=st.sampled_from(HEADERS),
    delimiter=st.sampled_from([",", ";", "\t", " "]),
)
def test_tables_with_mistakes_are_read_or_refused_by_the_packages_own_error(tmp_path, rows, header, delimiter):
    path = tmp_path / "a.csv"
    path.write_text("\n".join([header, *map(delimiter.join, rows)]))
    check(path, table_or_error(path, pixel_size_nm=100))


FURTHER = {
    "insight3 text": ["Cas2\tX\tY\tArea\tWidth\tBG\tFrame", "1\t50\t60\t900\t280\t9\t8", "2\t51\t61\t901\t281\t8\t9"],
    "picasso csv": [",frame,x,y,photons,sx,sy,bg", "0,7,5,6,160,1,1,10", "1,8,50,60,161,1,1,10"],
    "decode csv": ['# {"xy_unit": "px", "px_size": [100, 100]}', "x,y,z,phot,frame_ix", "5,6,0,900,7", "50,60,1,901,8"],
    "smap csv": ["ID,frame,xnm,ynm,znm,phot,bg,locprecnm ", "1,8,65,78,124,16,10,11", "2,9,75,88,125,16,10,11"],
    "oni codi": ["x-nm,y-nm,frame,channel,var-x-nm2,bg-mean-photons", "65,78,7,0,9,10", "85,98,8,1,1,1"],
    "picasso nis": [
        "X\tY\tChannel\tWidth\tBG\tLength\tArea\tFrame",
        "6\t7\t1\t1\t1\t1\t1\t8",
        "8\t9\t1\t1\t9\t1\t7\t9",
    ],
}
DAMAGE = st.one_of(
    st.binary(min_size=1, max_size=8), st.sampled_from([b"\n", b",", b"\t", b'"', b";", b"#", b"\0" * 2])
)


def damaged(data, kind, place, value):
    place = int(place * len(data))
    rest = {"truncate": b"", "insert": value + data[place:], "overwrite": value + data[place + len(value) :]}
    return data[:place] + rest[kind]


@pytest.mark.parametrize("name", FURTHER)
@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=SAME_FOLDER)
@given(kind=st.sampled_from(["truncate", "overwrite", "insert"]), place=st.floats(0, 1), value=DAMAGE)
def test_damaged_siblings_are_read_or_refused(tmp_path, name, kind, place, value):
    path = tmp_path / "a.csv"
    path.write_bytes(damaged("\n".join([*FURTHER[name], ""]).encode(), kind, place, value))
    check(path, table_or_error(path, pixel_size_nm=100))


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=SAME_FOLDER)
@given(
    kind=st.sampled_from(["truncate", "overwrite", "insert"]),
    place=st.floats(0, 1),
    value=st.binary(min_size=1, max_size=8),
    compressed=st.booleans(),
)
def test_damaged_matlab_files_of_minflux_are_read_or_refused(tmp_path, kind, place, value, compressed):
    path = tmp_path / "a.mat"
    path.write_bytes(damaged(vendor.minflux_matlab(compressed), kind, place, value))
    check(path, table_or_error(path, "minflux"))
