"""Nuclei are found as they were simulated, drawn, or labelled."""

from dataclasses import replace

import numpy as np
import pytest
import roifile
import tifffile

from ainu.errors import AinuError
from ainu.localizations.joining import merge
from ainu.localizations.table import Localizations
from ainu.nuclei.find import find_nuclei
from ainu.nuclei.manual_outlines import read_label_image, read_rois
from ainu.nuclei.table import Nuclei, mask_outlines
from ainu.simulation.conditions import Condition
from ainu.simulation.fields import simulate
from ainu.simulation.truth import Truth

STILL = Condition(drift_nm=0.0)


def dice(nuclei: Nuclei, truth: Truth) -> list[float]:
    """Overlap of each simulated nucleus with the found one that covers most of it."""
    grid = nuclei.grid
    rows, columns = np.indices(nuclei.mask.shape)
    x, y = grid.x_nm + (columns + 0.5) * grid.pixel_nm, grid.y_nm + (rows + 0.5) * grid.pixel_nm
    values = []
    for ellipse in truth.nuclei:
        own = ellipse.radius(x, y) < 1
        shared = np.bincount(nuclei.mask[own], minlength=2)[1:]
        found = nuclei.mask == shared.argmax() + 1
        values.append(2 * shared.max() / (own.sum() + found.sum()))
    return values


def disc(n: int, centre: tuple[float, float], radius_nm: float, seed: int = 0) -> Localizations:
    rng = np.random.default_rng(seed)
    radius, angle = radius_nm * np.sqrt(rng.random(n)), rng.uniform(0, 2 * np.pi, n)
    x, y = centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)
    return Localizations(x, y, np.zeros(n, np.uint8), ("a",))  # type: ignore[arg-type]


FIELDS = [(n, None, 0) for n in (1, 2, 3, 5, 8, 12)] + [
    pytest.param(n, gap_nm, seed, marks=[pytest.mark.slow] if seed else [])
    for n in (2, 3, 5, 8, 12)
    for gap_nm in (0.0, 300.0)
    for seed in (0, 5, 6, 7)
]
FIELDS += [pytest.param(*field, marks=pytest.mark.slow) for field in ((12, 0.0, 206), (5, 300.0, 222), (8, 0.0, 104))]
"""Nuclei of a field, how far apart they are (None is well apart, 0 touching), and the seed; most take seconds each."""


@pytest.mark.parametrize("more", [{}, {"blinks": 8.0, "clutches": 900}], ids=["usual", "dense"])
@pytest.mark.parametrize(("nuclei", "gap_nm", "seed"), FIELDS)
def test_all_simulated_nuclei_are_found_where_they_are_and_none_else(nuclei, gap_nm, seed, more):
    table, truth = simulate(replace(STILL, nuclei=nuclei, gap_nm=gap_nm, **more), seed=seed)
    found = find_nuclei(table)
    assert len(found.table) == nuclei
    assert np.mean(dice(found, truth)) >= 0.95


def test_packed_nuclei_touch_without_overlap():
    _, truth = simulate(replace(STILL, nuclei=6, gap_nm=0.0), seed=3)
    for one in truth.nuclei:
        gaps = [other.radius(*one.outline(256).T).min() - 1 for other in truth.nuclei if other is not one]
        assert -0.01 < min(gaps) < 0.02


def test_the_edge_of_an_even_disc_is_not_moved_by_the_smoothing():
    for smooth_nm in (150, 300):
        found = find_nuclei(disc(40_000, (10_000, 10_000), 4000), smooth_nm=smooth_nm)
        radius = np.sqrt(found.table["area_um2"][0] * 1e6 / np.pi)
        assert radius == pytest.approx(4000, abs=60)


def test_nucleoli_belong_to_the_nucleus():
    table, truth = simulate(STILL, seed=4)
    found = find_nuclei(table)
    for nucleolus in truth.nucleoli[0]:
        here = replace(disc(1, (nucleolus.x, nucleolus.y), 1.0))
        assert found.grid.look_up(found.mask, here)[0] == 1


def test_outlines_have_no_notches():
    table, _ = simulate(replace(STILL, nuclei=3), seed=5)
    assert (find_nuclei(table).table["solidity"] > 0.95).all()


def test_a_nucleus_cut_by_the_edge_is_flagged_and_dropped_on_request():
    field = disc(40_000, (0, 6000), 4000)
    whole = disc(40_000, (12_000, 6000), 4000, seed=1)
    both = Localizations(
        *(np.concatenate([getattr(p, c) for p in (field, whole)]) for c in ("x", "y", "channel")), ("a",)
    )
    cut = both[both.x > 0]
    found = find_nuclei(cut).table.sort_values("x_nm")
    assert found["border"].tolist() == [True, False]
    assert len(find_nuclei(cut, border="drop").table) == 1


def elongated(turn: float, centre: tuple[float, float] = (0, 0), seed: int = 0, aspect: float = 3.0) -> Localizations:
    """20,000 localizations of an ellipse of 64 µm², its long axis turned by so many degrees."""
    round_ = disc(20_000, (0, 0), 4500, seed)
    u, v, angle = round_.x * aspect**0.5, round_.y / aspect**0.5, np.deg2rad(turn)
    x, y = np.cos(angle) * u - np.sin(angle) * v, np.sin(angle) * u + np.cos(angle) * v
    return replace(round_, x=x + centre[0], y=y + centre[1])


@pytest.mark.parametrize("aspect", [1.5, 2, 3, 4])
@pytest.mark.parametrize("turn", [0, 20, 45, 90])
def test_a_nucleus_alone_in_its_field_is_not_cut_by_it_however_elongated(turn, aspect):
    found = find_nuclei(elongated(turn, aspect=aspect)).table
    assert found["border"].tolist() == [False]


@pytest.mark.parametrize("turn", [0, 45, 90])
def test_an_elongated_nucleus_that_is_cut_is_flagged(turn):
    whole = elongated(turn, aspect=2)
    for axis in (whole.x, whole.y):
        assert find_nuclei(whole[axis > np.quantile(axis, 0.2)]).table["border"].tolist() == [True]
        assert find_nuclei(whole[axis < np.quantile(axis, 0.6)]).table["border"].tolist() == [True]


def test_an_elongated_nucleus_beside_one_that_is_cut_is_not_flagged():
    parts = [elongated(90), elongated(90, (9000, 0), 1), elongated(0, (0, 14_000), 2)]
    table = Localizations(*(np.concatenate([getattr(p, c) for p in parts]) for c in ("x", "y", "channel")), ("a",))
    found = find_nuclei(table[table.x < 9000]).table.sort_values("x_nm")
    assert found["border"].tolist() == [False, False, True]
    assert len(find_nuclei(table[table.x < 9000], border="drop").table) == 2


def test_area_and_shape_limits_drop_what_lies_outside():
    table, _ = simulate(replace(STILL, nuclei=2), seed=1)
    areas = find_nuclei(table).table["area_um2"]
    assert len(find_nuclei(table, area_um2=(None, areas.mean())).table) == 1
    assert len(find_nuclei(table, solidity=(0.999, None)).table) == 0
    assert len(find_nuclei(table, roundness=(None, 0.1)).table) == 0


def test_a_label_image_says_which_localizations_belong_together(tmp_path):
    image = np.zeros((60, 80), np.uint16)
    image[10:30, 10:30], image[10:30, 30:50] = 700, 9
    tifffile.imwrite(tmp_path / "labels.tif", image)
    table = Localizations(
        *np.array([[1500, 3500, 9999, -50], [1500, 1500, 1500, 1500]], np.float32), np.zeros(4), ("a",)
    )
    found = find_nuclei(
        table,
        method="labels",
        labels=read_label_image(tmp_path / "labels.tif", 100.0),
        area_um2=(1, None),
        min_localizations=1,
    )
    assert found.label.tolist() == [1, 2, 0, 0]
    assert found.table["area_um2"].tolist() == [4.0, 4.0]


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.float32), np.zeros((2, 4, 4), np.uint8)], ids=["float", "stack"])
def test_an_image_that_holds_no_labels_is_refused(tmp_path, image):
    tifffile.imwrite(tmp_path / "labels.tif", image, photometric="minisblack")
    with pytest.raises(AinuError, match=r"labels\.tif.*whole numbers"):
        read_label_image(tmp_path / "labels.tif", 100.0)


def test_drawn_outlines_become_nuclei(tmp_path):
    corners = [[20, 20], [60, 20], [60, 60], [20, 60]]
    roifile.ImagejRoi.frompoints(corners).tofile(tmp_path / "a.roi")
    table = disc(5000, (4000, 4000), 3000)
    found = find_nuclei(table, method="roi", rois=read_rois(tmp_path / "a.roi", 100.0), area_um2=(1, None))
    assert found.table["area_um2"][0] == pytest.approx(16, rel=0.03)
    inside = (np.abs(table.x - 4000) < 1900) & (np.abs(table.y - 4000) < 1900)
    assert (found.label[inside] == 1).all()


def test_a_column_of_the_table_is_taken_as_it_is():
    table = replace(disc(4000, (4000, 4000), 3000), extra={"cell": np.repeat([7, 0], 2000)})
    found = find_nuclei(table, method="column", column="cell", area_um2=(None, None))
    assert found.label.tolist() == [1] * 2000 + [0] * 2000


def test_the_square_of_the_table_holds_all_localizations_of_a_nucleus():
    table, _ = simulate(STILL, seed=2)
    found = find_nuclei(table)
    row, own = found.table.iloc[0], table[found.label == 1]
    assert np.abs(own.x - row["x_nm"]).max() <= row["reach_nm"] + 0.01
    assert row["aligned_reach_nm"] > 0


def test_an_outline_surrounds_the_nucleus():
    found = find_nuclei(disc(40_000, (10_000, 10_000), 4000))
    (outline,) = mask_outlines(found.mask, found.grid)
    assert np.hypot(*(outline - 10_000).T) == pytest.approx(4000, abs=350)


def test_a_column_that_one_file_of_the_sample_lacks_is_an_error_that_names_its_channels():
    first = disc(100, (5000.0, 5000.0), 3000)
    first = replace(first, extra={"cell": np.full(100, 3)})
    second = replace(disc(100, (5000.0, 5000.0), 3000, seed=1), channels=("b",))
    with pytest.raises(AinuError) as error:
        find_nuclei(merge([first, second]), method="column", column="cell")
    assert str(error.value) == ("nuclei.column: the file of b has no values in column 'cell', but every file needs it")
