"""Stage coordinates: positions of a few centimetres are as exact as any, and come back out as they went in."""

from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest
import roifile
import tifffile

import ainu
from ainu.drift.fiducials import follow_fiducials
from ainu.localizations.chromatic_alignment import align
from ainu.localizations.export import export_table
from ainu.localizations.formats.writers import write_nstorm
from ainu.localizations.joining import merge
from ainu.localizations.settings import AlignmentSettings
from ainu.localizations.table import Localizations
from ainu.nuclei.manual_outlines import Drawn, read_drawn

STAGE_NM = {"x": 50_123_456.78, "y": -31_000_000.25}
NM_PER_PIXEL = 100.0


def places(n: int = 3000, seed: int = 1) -> dict[str, np.ndarray]:
    """Emitters 1 nm apart in a field of 200 µm, absolute (float64, nm)."""
    rng = np.random.default_rng(seed)
    pairs = np.round(rng.uniform(-100_000, 100_000, (n // 2, 2)), 2)
    field = np.concatenate([pairs, pairs + np.array([1.0, 0.0])])
    return {"x": field[:, 0] + STAGE_NM["x"], "y": field[:, 1] + STAGE_NM["y"]}


def thunderstorm(path, own):
    frame = np.arange(len(own["x"])) + 1
    pd.DataFrame({"frame": frame, "x [nm]": own["x"], "y [nm]": own["y"]}).to_csv(path, index=False)


def micrometres(path, own):
    pd.DataFrame({"x [um]": own["x"] / 1000, "y [um]": own["y"] / 1000}).to_csv(path, index=False)


def parquet(path, own):
    pd.DataFrame({"x": own["x"], "y": own["y"]}).to_parquet(path)


def picasso(path, own):
    rows = np.zeros(len(own["x"]), [("frame", "u4"), ("x", "f8"), ("y", "f8")])
    rows["frame"] = np.arange(len(rows))
    for axis in "xy":
        rows[axis] = own[axis] / NM_PER_PIXEL
    with h5py.File(path, "w") as file:
        file["locs"] = rows
    path.with_suffix(".yaml").write_text(f"Pixelsize: {NM_PER_PIXEL}\n")


def nstorm(path, own):
    exact = {axis: np.round(values, 2) for axis, values in own.items()}
    n = len(own["x"])
    near = Localizations(
        np.zeros(n), np.zeros(n), np.zeros(n, np.uint8), ("A",), frame=np.arange(n), photons=np.full(n, 500.0)
    )
    write_nstorm(near, path)
    table = pd.read_csv(path, sep="\t")
    for axis in "xy":
        for column in (axis.upper(), f"{axis.upper()}c", f"{axis.upper()}w", f"{axis.upper()}wc"):
            table[column] = exact[axis]
    table.to_csv(path, sep="\t", index=False)


@pytest.mark.parametrize("write", [thunderstorm, micrometres, parquet, picasso, nstorm])
def test_positions_of_a_stage_are_read_exactly_and_none_is_dropped_as_a_duplicate(tmp_path, write):
    own = places()
    path = tmp_path / {"picasso": "a.hdf5", "parquet": "a.parquet"}.get(write.__name__, "a.csv")
    write(path, own)
    found = ainu.read(path)
    assert len(found) == len(own["x"])
    assert found.x.dtype == np.float32
    assert np.abs(found.x).max() < 250_000
    for axis in "xy":
        assert np.abs(found.absolute(axis) - own[axis]).max() <= 0.0101
    assert [value % 1000 for value in found.offset_nm] == [0, 0, 0]


@pytest.mark.parametrize("limit_nm", [99_999.0, 100_001.0])
def test_only_coordinates_beyond_100_micrometres_have_an_offset_each_axis_its_own(tmp_path, limit_nm):
    own = {"x": np.linspace(80_000, limit_nm, 500), "y": np.linspace(0, 9000, 500)}
    thunderstorm(tmp_path / "a.csv", own)
    found = ainu.read(tmp_path / "a.csv")
    assert found.offset_nm == ((0.0 if limit_nm < 100_000 else 90_000.0), 0.0, 0.0)
    assert np.abs(found.absolute("x") - own["x"]).max() < 0.01
    if limit_nm < 100_000:
        assert (found.x == own["x"].astype(np.float32)).all()


def test_a_field_wider_than_float32_holds_exactly_is_a_note(tmp_path):
    own = places() | {"x": np.linspace(0, 900_000, 3000) + STAGE_NM["x"]}
    thunderstorm(tmp_path / "a.csv", own)
    notes = ainu.read(tmp_path / "a.csv").meta["notes"]
    assert any("positions reach 450 µm from their middle" in note for note in notes)


def far(own: dict[str, np.ndarray], offset=(50_100_000.0, -31_000_000.0, 0.0), channels=("A",)) -> Localizations:
    n = len(own["x"])
    x, y = (own[axis] - offset[k] for k, axis in enumerate("xy"))
    channel = (np.arange(n) * len(channels) // n).astype(np.uint8)
    return Localizations(x, y, channel, channels, frame=np.arange(n), offset_nm=offset)


def test_the_offset_is_kept_in_files_and_files_of_a_sample_share_one(tmp_path):
    one, other = far(places()), far(places(seed=2), (50_200_000.0, -30_900_000.0, 0.0), ("B",))
    one.save(tmp_path / "one.h5")
    with h5py.File(tmp_path / "one.h5") as file:
        assert file["localizations"].attrs["offset_nm"].tolist() == [50_100_000.0, -31_000_000.0, 0.0]
    both = merge([Localizations.load(tmp_path / "one.h5"), other])
    assert both.offset_nm == one.offset_nm
    for axis in "xy":
        expected = np.concatenate([places()[axis], places(seed=2)[axis]])
        assert np.abs(both.absolute(axis) - expected).max() < 0.02


@pytest.mark.parametrize("rows", [0, 5])
def test_files_of_a_sample_are_counted_from_where_the_largest_lies(rows):
    few = Localizations(*np.full((2, rows), 7.0), np.zeros(rows), ("A",), frame=np.arange(rows))
    both = merge([few, far(places(), channels=("B",))])
    assert both.offset_nm == (50_100_000.0, -31_000_000.0, 0.0)
    assert np.abs(both.absolute("x")[rows:] - places()["x"]).max() < 0.01
    assert both.absolute("x")[:rows].tolist() == [pytest.approx(7, abs=4)] * rows
    note = "positions reach 50100 µm from the middle of the sample's largest file; beyond 250 µm they are less exact"
    assert [own.get("notes", []) for own in both.meta["files"]] == [[f"{note} than 0.01 nm"] if rows else [], []]


@pytest.mark.parametrize("format", ["thunderstorm", "picasso"])
def test_an_export_holds_absolute_positions(tmp_path, format):
    own = {"x": places()["x"], "y": -places()["y"]}
    table = far(own, (50_100_000.0, 31_000_000.0, 0.0))
    export_table(table, tmp_path, "s", format, NM_PER_PIXEL)
    back = ainu.read(next(path for path in tmp_path.iterdir() if path.suffix in (".csv", ".hdf5")))
    for axis in "xy":
        assert np.abs(back.absolute(axis) - own[axis]).max() < 0.02


def test_an_export_in_pixels_of_a_field_left_of_zero_starts_at_zero_and_keeps_distances(tmp_path):
    table = far(places())
    export_table(table, tmp_path, "s", "picasso", NM_PER_PIXEL)
    back = ainu.read(tmp_path / "s.hdf5")
    assert back.absolute("y").min() == pytest.approx(0, abs=0.01)
    assert np.abs(np.diff(back.absolute("y")) - np.diff(places()["y"])).max() < 0.04


def disc(centre: tuple[float, float]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    angle, radius = rng.uniform(0, 2 * np.pi, 20_000), 5000 * np.sqrt(rng.uniform(0, 1, 20_000))
    return {"x": centre[0] + radius * np.cos(angle), "y": centre[1] + radius * np.sin(angle)}


def test_outlines_are_drawn_where_other_programs_see_the_nucleus(tmp_path):
    """In an image whose pixel (0, 0) is the origin of the stage, 500 pixels of 100 µm away."""
    own = disc((50_000_000.0, 30_000_000.0))
    table = far(own, (50_001_000.0, 30_003_000.0, 0.0))
    corners = np.array([[499.9, 299.9], [500.0, 299.9], [500.0, 300.1], [499.9, 300.1]]) * 1000
    roifile.ImagejRoi.frompoints(corners).tofile(tmp_path / "a.roi")
    drawn = read_drawn("roi", str(tmp_path / "a.roi"), 100.0)
    found = ainu.find_nuclei(table, method="roi", rois=drawn.rois, area_um2=(1, 400), pixel_nm=100)
    left = own["x"] < 50_000_000.0
    assert np.mean((found.label == 1) == left) > 0.99


def test_a_label_image_lies_where_other_programs_see_the_nucleus(tmp_path):
    own = disc((3_000_000.0, 2_000_000.0))
    image = np.zeros((4200, 6200), np.uint8)
    image[:, :6000] = 1
    tifffile.imwrite(tmp_path / "a.tif", image)
    drawn = Drawn(labels=(image, 500.0))
    table = far(own, (3_001_000.0, 2_001_000.0, 0.0))
    found = ainu.find_nuclei(table, method="labels", labels=drawn.labels, area_um2=(1, 10_000_000), min_localizations=1)
    assert ((found.label == 1) == (own["x"] < 3_000_000.0)).mean() > 0.9999


def test_beads_move_a_channel_by_absolute_positions(tmp_path):
    """A chromatic error that grows with the distance from the origin of the stage."""
    own = places()
    matrix = np.array([[1 + 1e-6, 0, 20.0], [0, 1 + 2e-6, -10.0]])
    corners = [(STAGE_NM["x"] + dx, STAGE_NM["y"] + dy) for dx in (-90_000, 90_000) for dy in (-80_000, 70_000)]
    lines = ["bead\tchannel\tx_nm\ty_nm"]
    for bead, (x, y) in enumerate(corners):
        lines += [f"{bead}\tB\t{x}\t{y}"]
        lines += ["\t".join([str(bead), "A", *(repr(float(value)) for value in matrix @ [x, y, 1])])]
    (tmp_path / "beads.tsv").write_text("\n".join(lines) + "\n")
    table = far(own, channels=("A", "B"))
    settings = AlignmentSettings("beads", str(tmp_path / "beads.tsv"), "A", 20.0, 500.0)
    moved, _ = align(table, settings)
    second = table.channel == 1
    expected = matrix @ np.stack([own["x"][second], own["y"][second], np.ones(second.sum())])
    assert np.abs(moved.absolute("x")[second] - expected[0]).max() < 0.1
    assert np.abs(moved.absolute("y")[second] - expected[1]).max() < 0.1


def test_a_field_is_the_same_wherever_the_stage_stands(tmp_path):
    """Nuclei, and the voxels of a nucleus: the same localizations, 50 mm away."""
    own = disc((10_000.0, 10_000.0))
    near = far(own, (0.0, 0.0, 0.0))
    away = far({axis: values + 50_000_000.0 for axis, values in own.items()}, (50_007_000.0, 50_013_000.0, 0.0))
    both = [ainu.find_nuclei(table, method="density") for table in (near, away)]
    assert (both[0].label == both[1].label).all()
    render = ainu.Render(voxel_nm=200, canvas_nm=12_800)
    images = [ainu.voxelize(table[found.label == 1], render) for table, found in zip((near, away), both, strict=True)]
    assert images[0].sum() == images[1].sum()
    assert np.abs(images[0].astype(int) - images[1]).sum() < 0.002 * images[0].sum()


def test_moving_a_table_to_its_own_offset_changes_nothing():
    table = far(places())
    assert table.relative_to(table.offset_nm) is table
    back = table.relative_to((0.0, 0.0, 0.0)).relative_to(table.offset_nm)
    assert np.abs(back.x - table.x).max() <= 4
    assert replace(table, offset_nm=(0.0, 0.0, 0.0)).absolute("x") is not None


def test_a_damaged_row_gives_an_ordinary_file_no_offset(tmp_path):
    own = {"x": np.linspace(0, 20_000, 500), "y": np.linspace(0, 9000, 500)}
    thunderstorm(tmp_path / "plain.csv", own)
    own["x"] = own["x"].copy()
    own["x"][7] = 1e9
    thunderstorm(tmp_path / "damaged.csv", own)
    plain, damaged = ainu.read(tmp_path / "plain.csv"), ainu.read(tmp_path / "damaged.csv")
    assert damaged.meta["dropped"] == {"far from all others": 1}
    assert damaged.offset_nm == (0.0, 0.0, 0.0)
    assert (damaged.x == np.delete(plain.x, 7)).all()


def test_a_file_of_an_earlier_version_has_no_offset(tmp_path):
    far(places(), (0.0, 0.0, 0.0)).save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        del file["localizations"].attrs["offset_nm"]
    assert Localizations.load(tmp_path / "old.h5").offset_nm == (0.0, 0.0, 0.0)


def test_fiducials_are_named_and_noted_by_absolute_positions():
    rng = np.random.default_rng(4)
    drift = np.linspace(0, 300, 1000)
    beads = np.array([[50_003_000.0, 30_004_000.0], [50_015_000.0, 30_002_000.0]])
    frame = np.tile(np.arange(1000), 2)
    position = np.repeat(beads, 1000, axis=0) + rng.normal(0, 3, (2000, 2)) + np.tile(drift, 2)[:, None]
    offset = (50_010_000.0, 30_003_000.0, 0.0)
    x, y = (position - offset[:2]).T
    table = Localizations(x, y, np.zeros(2000, np.uint8), ("A",), frame=frame, offset_nm=offset)
    found = follow_fiducials(table, beads.tolist(), 500.0, 0.5)
    assert found.notes["fiducials"] == 2
    assert np.abs(np.array(found.notes["positions_nm"]) - beads).max() < 300
