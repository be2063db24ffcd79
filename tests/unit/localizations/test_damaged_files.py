"""Damaged and malicious files of every format: a clear message, or rows dropped and counted; never another error."""

import gzip
import json
import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import vendor_files as vendor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ainu
from ainu.errors import AinuError


def read_file(path, format=None):
    return ainu.read(path, format, pixel_size_nm=vendor.PIXEL)


def table_or_error(path, format):
    try:
        return read_file(path, format)
    except AinuError as error:
        return error


@pytest.fixture(params=vendor.FILES)
def name(request):
    return request.param


# --- any damage at all


def damaged(data, kind, place, value):
    place = int(place * len(data))
    if kind == "truncate":
        return data[:place]
    if kind == "overwrite":
        return data[:place] + value + data[place + len(value) :]
    return data[:place] + value + data[place:]


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    files = {name: vendor.written(folder / name, name).read_bytes() for name in vendor.FILES}
    files["smlm text"] = vendor.smlm(folder / "t.smlm", text=True, member="t.csv").read_bytes()
    files["smap v5"] = vendor.smap_v5(folder / "b_sml.mat").read_bytes()
    files["oni long"] = vendor.oni(folder / "l.csv", long=True).read_bytes()
    (folder / "t.csv").write_text("x,y,frame,channel,photons\n" + "\n".join(f"{i},{i},{i},1,5" for i in range(30)))
    return files | {"table text": (folder / "t.csv").read_bytes()}


@pytest.mark.parametrize("kept", [*vendor.FILES, "smlm text", "smap v5", "oni long", "table text"])
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["truncate", "overwrite", "insert"]),
    place=st.floats(0, 1),
    value=st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 8, b"\n", b",", b'"', b"\0" * 4])),
    sniffed=st.booleans(),
)
def test_a_damaged_file_is_read_or_refused(tmp_path, whole_files, kept, kind, place, value, sniffed):
    path = tmp_path / "damaged_sml.mat"
    path.write_bytes(damaged(whole_files[kept], kind, place, value))
    result = table_or_error(path, None if sniffed else kept.split()[0])
    if isinstance(result, AinuError):
        assert str(path) in str(result)
    else:
        assert np.isfinite(result.positions).all()
        assert len(result) > 0


@pytest.mark.parametrize("format", vendor.FILES)
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=300))
def test_noise_is_refused_under_any_formats_name(tmp_path, format, data):
    (tmp_path / "noise").write_bytes(data)
    with pytest.raises(AinuError, match="noise"):
        read_file(tmp_path / "noise", format)


# --- each of the ways in which files go wrong


@pytest.mark.parametrize("share", [0.3, 0.97])
def test_a_truncated_file_is_refused_or_read_up_to_a_whole_row(tmp_path, name, share):
    path = vendor.written(tmp_path, name)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    if name == "elyra" and share == 0.97:
        assert len(read_file(path)) == vendor.N
        return
    # A cut within the last column leaves a row that looks whole.
    if (name, share) in (("leica_gsd", 0.3), ("micro_manager", 0.3)):
        table = read_file(path, name)
        np.testing.assert_array_equal(table.x, read_file(vendor.written(tmp_path / "whole", name)).x[: len(table)])
        return
    with pytest.raises(AinuError, match=path.name):
        read_file(path, name)


@pytest.mark.parametrize("name", vendor.TEXT)
def test_text_in_a_number_names_row_and_column(tmp_path, name):
    separator, column = vendor.TEXT[name]
    path = vendor.written(tmp_path, name)
    lines = path.read_bytes().split(b"\n")
    cells = lines[4].split(separator.encode())
    cells[[title.strip('"') for title in lines[0].decode().split(separator)].index(column)] = b"oops"
    lines[4] = separator.encode().join(cells)
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(AinuError, match=r"row 5 \(the header is row 1\), column '.*': 'oops' is not a number"):
        read_file(path)


def test_text_in_a_number_of_rapidstorm_names_row_and_column(tmp_path):
    path = vendor.written(tmp_path, "rapidstorm")
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace(lines[4].split(" ")[1], "oops")
    path.write_text("\n".join(lines))
    with pytest.raises(AinuError, match=r"row 5 .*column 'Position-1-0': 'oops' is not a number"):
        read_file(path)


@pytest.mark.parametrize("name", vendor.TEXT)
def test_a_missing_column_is_named(tmp_path, name):
    path = vendor.written(tmp_path, name)
    column = vendor.TEXT[name][1]
    path.write_bytes(path.read_bytes().replace(column.encode(), b"elsewhere", 1))
    with pytest.raises(AinuError, match="is missing"):
        read_file(path, name)


@pytest.mark.parametrize("name", ["smap", "decode", "storm_analysis"])
def test_a_missing_array_is_named(tmp_path, name):
    path = vendor.written(tmp_path, name)
    with h5py.File(path, "r+") as file:
        group = next(key for key in file if key.startswith("fr_")) if name == "storm_analysis" else ""
        target = f"{group}/x" if group else vendor.HDF5[name]
        del file[target]
    with pytest.raises(AinuError, match=f"has no '{target.rpartition('/')[2]}'"):
        read_file(path, name)


@pytest.mark.parametrize("name", vendor.TEXT)
def test_a_header_without_rows_is_refused(tmp_path, name):
    path = vendor.written(tmp_path, name)
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    with pytest.raises(AinuError, match="holds a header but no rows"):
        read_file(path)


@pytest.mark.parametrize("name", ["smlm", "rapidstorm"])
def test_other_files_without_rows_are_refused(tmp_path, name):
    if name == "smlm":
        path = vendor.smlm(tmp_path / "a.smlm", rows=0, data=b"")
    else:
        path = vendor.written(tmp_path, name)
        path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(AinuError, match="holds a header but no rows"):
        read_file(path)


def test_a_gzip_in_disguise_is_named_as_such(tmp_path, name):
    path = vendor.written(tmp_path, name)
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(AinuError, match="compressed with gzip; unpack it first"):
        read_file(path)
    with pytest.raises(AinuError, match=path.name):
        read_file(path, name)


@pytest.mark.parametrize("name", vendor.HDF5)
@pytest.mark.parametrize("link", [h5py.SoftLink("/elsewhere"), h5py.ExternalLink("other.h5", "/locs")])
def test_links_in_hdf5_are_not_followed(tmp_path, name, link):
    path = vendor.written(tmp_path, name)
    vendor.written(tmp_path / "other", name).rename(tmp_path / "other.h5")
    with h5py.File(path, "r+") as file:
        first = next((key for key in file if key.startswith("fr_")), "")
        target = f"{first}/x" if name == "storm_analysis" else vendor.HDF5[name]
        file["elsewhere"] = file[target][()]
        del file[target]
        file[target] = link
    with pytest.raises(AinuError, match="is a link to another place"):
        read_file(path, name)


@pytest.mark.parametrize("name", ["smap", "decode", "storm_analysis"])
def test_groups_that_are_links_are_not_followed(tmp_path, name):
    path = vendor.written(tmp_path, name)
    with h5py.File(path, "r+") as file:
        group = {"smap": "saveloc", "decode": "data"}.get(name) or next(key for key in file if key.startswith("fr_"))
        file.move(group, "elsewhere")
        file[group] = h5py.SoftLink("/elsewhere")
    with pytest.raises(AinuError, match="is a link to another place"):
        read_file(path, name)


def test_rows_in_other_files_and_impossible_sizes_are_refused(tmp_path):
    path = vendor.written(tmp_path, "decode")
    (tmp_path / "secret").write_bytes(bytes(240))
    for kind, message in (({"external": [("secret", 0, 240)]}, "in other files"), ({"chunks": (1000, 3)}, "can hold")):
        with h5py.File(path, "r+") as file:
            del file["data/xyz"]
            rows = 20 if "external" in kind else 10**11
            file.create_dataset("data/xyz", (rows, 3), "f4", **kind)
        with pytest.raises(AinuError, match=message):
            read_file(path)


# --- zips


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    rows = 10**7
    path = vendor.smlm(tmp_path / "bomb.smlm", data=bytes(rows * 16), rows=rows)
    assert path.stat().st_size < 10**6
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AinuError, match=r"bomb\.smlm: 'table-0\.bin': \d+ bytes claim to unpack to 160000000"):
        read_file(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_zip_whose_directory_understates_a_member_is_not_unpacked_beyond_it(tmp_path):
    path = vendor.smlm(tmp_path / "a.smlm", data=bytes(10**6))
    data = path.read_bytes()
    path.write_bytes(data.replace((10**6).to_bytes(4, "little"), (vendor.N * 16).to_bytes(4, "little")))
    with pytest.raises(AinuError, match=r"a\.smlm"):
        read_file(path)


def test_a_huge_manifest_is_refused(tmp_path):
    path = vendor.smlm(tmp_path / "a.smlm", manifest=json.dumps({"formats": {}, "pad": os.urandom(12_000_000).hex()}))
    with pytest.raises(AinuError, match=r"'manifest\.json' is of \d+ bytes"):
        read_file(path)


@pytest.mark.parametrize("member", ["../up.bin", "/etc/passwd", "a/b.bin", "..\\up.bin", ".."])
def test_a_member_with_a_path_in_its_name_is_refused(tmp_path, member):
    path = vendor.smlm(tmp_path / "a.smlm", member=member)
    with pytest.raises(AinuError, match="a member's name holds no path"):
        read_file(path)
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.smlm"}


def test_a_missing_member_and_one_of_another_size_are_refused(tmp_path):
    path = vendor.smlm(tmp_path / "a.smlm", rows=7)
    with pytest.raises(AinuError, match="320 bytes, 7 rows of 16 bytes are announced"):
        read_file(path)
    with zipfile.ZipFile(path) as archive:
        manifest = archive.read("manifest.json")
    with zipfile.ZipFile(tmp_path / "b.smlm", "w") as archive:
        archive.writestr("manifest.json", manifest)
    with pytest.raises(AinuError, match=r"has no 'table-0\.bin'; it holds: manifest\.json"):
        read_file(tmp_path / "b.smlm")


def test_a_compressed_matlab_variable_that_unpacks_to_nothing_but_zeros_is_refused(tmp_path):
    path = tmp_path / "a_sml.mat"
    scipy.io.savemat(path, {"saveloc": {"loc": {"xnm": np.zeros(10**6)}}}, do_compression=True)
    with pytest.raises(AinuError, match="bytes unpack to more than"):
        read_file(path)


def test_a_matlab_file_with_a_pickle_of_its_own_kind_runs_nothing(tmp_path):
    """Objects of numpy are pickled; no reader may open them, whatever the file is called."""
    path = tmp_path / "a_sml.mat"
    np.save(tmp_path / "a.npy", np.array([_Bomb(tmp_path / "ran")], object), allow_pickle=True)
    path.write_bytes((tmp_path / "a.npy").read_bytes())
    for format in vendor.FILES:
        with pytest.raises(AinuError):
            read_file(path, format)
    assert not (tmp_path / "ran").exists()


class _Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_name_with_a_path_in_it_cannot_leave_the_shard(tmp_path):
    (tmp_path / "t.csv").write_text("x,y,frame,../up\n1,2,3,4\n")
    with pytest.raises(AinuError, match="cannot be kept under this name"):
        ainu.read(tmp_path / "t.csv", keep=["../up"])


# --- memory


def test_a_csv_needs_little_more_memory_than_its_columns(tmp_path):
    """Peak of the whole ingest job, in a process of its own: 150 bytes per row at most (1.5 GB for 10 million)."""
    n = 1_000_000
    rows = "".join(f"{i},{i % 9999},{i * 7 % 40000}.123,{i * 3 % 40000}.456,1234.5,7.75\n" for i in range(n))
    header = '"id","frame","x [nm]","y [nm]","intensity [photon]","uncertainty_xy [nm]"\n'
    (tmp_path / "big.csv").write_text(header + rows)
    code = """
import re, sys
from ainu.localizations.ingest import ingest_shard
from ainu.localizations.settings import ReadingSettings
def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read()).group(1))
row = {"path": sys.argv[1], "format": "", "pixel_size_nm": "", "channels": "A", "columns": ""}
settings = ReadingSettings(None, None, use_corrected=False, crosstalk=None, alignment=None)
with open(sys.argv[1]) as file, open(sys.argv[1] + ".small", "w") as small:
    small.write(file.readline() + file.readline())
ingest_shard({"s": [row | {"path": sys.argv[1] + ".small"}]}, sys.argv[2], settings)
before = peak()
ingest_shard({"s": [row]}, sys.argv[2], settings)
print(peak() - before)
"""
    source = Path(ainu.__file__).parents[1]
    command = [sys.executable, "-c", code, str(tmp_path / "big.csv"), str(tmp_path / "s.h5")]
    peak = int(subprocess.run(command, cwd=source, check=True, capture_output=True, text=True).stdout)
    assert peak < 150 * n
