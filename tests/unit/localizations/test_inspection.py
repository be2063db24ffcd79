"""What the inspection says of files that are read and of those that are not, and the sheet that it proposes."""

import subprocess
import sys

import pytest
import vendor_files as vendor

import ainu
from ainu.errors import AinuError
from ainu.inspect import main
from ainu.localizations.inspection import SHEET, Request, inspect_file, inspect_sheet, propose_sheet
from ainu.localizations.settings import ReadingSettings, SheetRow


def written(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def semicolons(path):
    rows = ["8;5000,5;7000,25;1;11,5;3", "9;25000,5;9000,25;2;12,5;4"]
    return written(path, "# lab", "frame;x [nm];y [nm];channel;uncertainty [nm];chi2", *rows)


def test_all_that_was_understood_is_told(tmp_path):
    told = inspect_file(Request(str(semicolons(tmp_path / "fov 1.csv"))))
    for line in (
        "taken for     thunderstorm (by its content)",
        "text          columns separated by semicolons, decimal commas, utf-8, header in line 2",
        "read          x [nm], y [nm], frame, precision [nm]",
        "not read      chi2",
        "rows          2, of which 2 are localizations",
        "channels      codes 1: 1, 2: 1",
        "extent x      20 µm, from 5 to 25",
        "frames        7 to 8, counted from 0 (the file counts from 1)",
        "note          text read with: columns separated by semicolons, decimal commas",
    ):
        assert line in told
    row = told.split("columns\n")[1].splitlines()[0].strip("\n").strip(" ")
    assert row.split("\t")[:4] == ["fov-1", str(tmp_path / "fov 1.csv"), "1:channel1,2:channel2", ""]
    assert told.splitlines()[-1].split() == ["25000.5", "9000.25", "8", "12.5", "2"]


def test_the_proposed_line_reads_the_file(tmp_path):
    path = semicolons(tmp_path / "a.csv")
    rows, refused = propose_sheet(tmp_path)
    row = dict(zip(rows[0], rows[1], strict=True))
    assert (rows[0], refused, row["replicate"]) == (list(SHEET), [], tmp_path.name)
    table = ainu.read(row["path"], row["format"] or None, channels=row["channels"])
    assert (table.channels, len(table), row["path"]) == (("channel1", "channel2"), 2, str(path))


def test_a_file_that_is_not_read_says_why_and_what_is_seen_of_it(tmp_path):
    told = inspect_file(Request(str(written(tmp_path / "a.csv", "east,north,time", "1.5,2.5,0", "3.5,4.5,1"))))
    for text in ("content of no known format", "taken for     no known format", "columns       east, north, time"):
        assert text in told
    assert "row           1.5, 2.5, 0" in told
    assert "to do         name the columns in the sheet: format table, columns x=...[nm],y=...[nm]" in told


def test_every_message_of_a_file_that_is_not_read_names_the_command(tmp_path):
    path = written(tmp_path / "my file.csv", "east,north,time", "1.5,2.5,0")
    with pytest.raises(AinuError, match=r"See python -m ainu\.inspect '.*my file\.csv'"):
        ainu.read(path)
    with pytest.raises(AinuError, match=r"no channel column .* See python -m ainu\.inspect"):
        ainu.read(semicolons(tmp_path / "a.csv"), columns="x=x [nm],y=y [nm]", channels="1:A,2:B")


def test_a_folder_becomes_a_sheet_with_a_line_per_file(tmp_path, capsys):
    semicolons(tmp_path / "day1/a.csv")
    semicolons(tmp_path / "day2/a.csv")
    vendor.leica_gsd(tmp_path / "day2/b.ascii")
    written(tmp_path / "notes.txt", "nothing to see")
    written(tmp_path / "day1/a.yaml", "Frames: 7")
    assert main([str(tmp_path), "--pixel-size-nm", "100"]) == 0
    said = capsys.readouterr()
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert [row[0] for row in rows] == ["sample", "a", "a-2", "b"]
    assert [(row[4], row[6]) for row in rows[1:]] == [("day1", ""), ("day2", ""), ("day2", "100")]
    assert "left out: " in said.err
    assert "notes.txt" in said.err


@pytest.mark.parametrize("name", vendor.FILES)
def test_every_format_is_told(tmp_path, name):
    told = inspect_file(Request(str(vendor.written(tmp_path, name)), pixel_size_nm=vendor.PIXEL))
    assert f"taken for     {name} (by its content)" in told
    assert f"rows          {vendor.N}, of which {vendor.N} are localizations" in told


def test_the_command_exits_with_1_where_nothing_is_read(tmp_path):
    good, bad = semicolons(tmp_path / "a.csv"), written(tmp_path / "b.csv", "a,b", "1,2")
    for paths, status in (([good, bad], 0), ([bad], 1), ([tmp_path / "none.csv"], 1)):
        command = [sys.executable, "-m", "ainu.inspect", *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (status, ""), done.stderr
        assert all(str(path) in done.stdout for path in paths)


def test_every_row_of_a_sheet_is_told_as_ingest_reads_it(tmp_path):
    first, second = semicolons(tmp_path / "a.csv"), vendor.leica_gsd(tmp_path / "b.ascii")
    rows = [SheetRow(str(first), "", "", "1:A,2:B", ""), SheetRow(str(second), "", "", "H3", "")]
    settings = ReadingSettings(100.0, None, use_corrected=False, crosstalk=None, alignment=None)
    inspect_sheet(rows, tmp_path / "inspect.txt", settings)
    told = (tmp_path / "inspect.txt").read_text()
    assert "channels      codes A: 1, B: 1" in told
    assert "taken for     leica_gsd (by its content)" in told


def test_a_pipe_that_has_seen_enough_ends_it_without_a_traceback(tmp_path):
    path = semicolons(tmp_path / "fov 1.csv")
    command = [sys.executable, "-m", "ainu.inspect", *[str(path)] * 400]  # more than a pipe holds
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline()
        run.stdout.close()
        assert run.stderr.read() == ""


def test_positions_of_a_stage_are_told_as_the_file_has_them(tmp_path):
    lines = ["1,50123456.7,-31000000.2", "2,50143456.7,-30990000.2"]
    told = inspect_file(Request(str(written(tmp_path / "a.csv", "frame,x [nm],y [nm]", *lines))))
    assert "extent x      20 µm, from 50123 to 50143" in told
    assert "extent y      10 µm, from -31000 to -30990" in told
    assert told.splitlines()[-2].split()[:2] == ["50123457", "-31000000"]
    assert told.splitlines()[-1].split()[:2] == ["50143457", "-30990000"]
