"""Figures: what is drawn is what was given, labelled with units, the same bytes every time."""

import io

import numpy as np
import pytest
from figure_texts import texts
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from ainu.errors import AinuError
from ainu.figures.colours import signed_limit
from ainu.figures.maps import class_mean_maps
from ainu.figures.saving import save
from ainu.figures.scale_bar import length_text, scale_bar, scale_bar_nm
from ainu.figures.sprite import sprite


def nucleus(n_channels: int = 2, edge: int = 32) -> np.ndarray:
    return np.random.default_rng(0).poisson(4, (n_channels, edge, edge)).astype(np.uint16)


def signed(like: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).normal(size=like.shape).astype(np.float32)


@given(st.floats(50, 1e7))
def test_a_scale_bar_is_one_two_or_five_and_between_a_tenth_and_a_quarter_of_the_width(width_nm):
    length = scale_bar_nm(width_nm)
    assert f"{length:.0e}"[0] in "125"
    assert width_nm / 10 - 1e-6 <= length <= width_nm / 4 + 1e-6


@pytest.mark.parametrize(("length_nm", "text"), [(200, "200 nm"), (1000, "1 µm"), (5000, "5 µm")])
def test_lengths_are_given_in_nm_or_um(length_nm, text):
    assert length_text(length_nm) == text


@pytest.mark.parametrize("width", [0.0, -1.0, float("nan")])
def test_a_picture_without_width_has_no_scale_bar(width):
    with pytest.raises(AinuError, match="no scale bar"):
        scale_bar_nm(width)


def test_the_drawn_bar_is_as_long_as_its_label_says():
    axis = Figure().add_subplot()
    axis.imshow(np.zeros((64, 64)))
    bar = scale_bar(axis, 200)
    assert np.ptp(bar.get_xdata()) * 200 == pytest.approx(2000)
    assert [text.get_text() for text in axis.texts] == ["2 µm"]
    assert axis.get_xlim() == (-0.5, 63.5)


def test_class_means_have_a_row_per_channel_and_a_column_per_class_with_scale_bars():
    figure = class_mean_maps(signed(np.zeros((4, 2, 16, 16))), ["a", "a", "b", "b"], ["a", "b"], ("PolII", "DNA"), 200)
    pictures = [axis for axis in figure.axes if axis.get_images()]
    assert len(pictures) == 4
    assert all(any("nm" in text.get_text() for text in axis.texts) for axis in pictures)
    for text in ("PolII", "DNA", "a", "b", "mean attribution per voxel"):
        assert text in texts(figure)


def test_class_means_have_symmetric_limits_shared_by_channels_and_classes():
    maps = signed(np.zeros((2, 2, 16, 16))) + 3
    figure = class_mean_maps(maps, ["a", "b"], ["a", "b"], ("PolII", "DNA"), 200)
    limits = {axis.get_images()[0].get_clim() for axis in figure.axes if axis.get_images()}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low == -high == pytest.approx(-signed_limit(maps))


def test_volumes_are_drawn_as_their_sum_along_z():
    volume = np.random.default_rng(4).normal(size=(1, 1, 5, 16, 16))
    figure = class_mean_maps(volume, ["a"], ["a"], ("DNA",), 100)
    np.testing.assert_array_equal(figure.axes[0].get_images()[0].get_array(), volume[0, 0].sum(axis=0))


def test_class_means_average_the_maps_of_each_class():
    maps = np.stack([np.full((1, 8, 8), value) for value in (1.0, 3.0, -5.0)])
    figure = class_mean_maps(maps, ["a", "a", "b"], ["a", "b", "c"], ["DNA"], 200)
    means = [float(axis.get_images()[0].get_array().mean()) for axis in figure.axes if axis.get_images()]
    assert means == [2.0, -5.0]
    assert "no nuclei" in texts(figure)


@pytest.mark.parametrize("values", [np.zeros(10), np.full(10, np.nan), np.array([0.0] * 999 + [2.0])])
def test_signed_limits_are_never_zero(values):
    assert signed_limit(values) > 0


def test_a_sprite_has_a_tile_per_channel_and_column_and_tells_its_limits():
    image = nucleus(edge=32)
    drawn = sprite(image, {"grad_cam": signed(image)}, 64)
    assert Image.open(io.BytesIO(drawn.png)).size == (2 * 32 + 1, 2 * 32 + 1)
    assert len(drawn.count_limits) == 2
    assert len(drawn.signed_limits) == 1


def test_the_pixels_of_a_sprite_are_the_channels_from_top_and_counts_then_maps_from_left():
    image = np.zeros((2, 8, 8), np.uint16)
    image[0, 1, 2] = 9
    values = np.zeros((2, 8, 8), np.float32)
    values[1, 4, 5] = -1
    pixels = np.asarray(Image.open(io.BytesIO(sprite(image, {"m": values}, 8).png)).convert("RGB")).astype(int)
    assert pixels[1, 2].sum() > 600
    assert pixels[0, 0].sum() < 20
    assert pixels[10, 2].sum() < 20
    against, neutral = pixels[9 + 4, 9 + 5], pixels[4, 9 + 5]
    assert against[0] > against[2] + 50
    assert neutral.min() > 240


def test_a_large_image_is_binned_to_the_edge_without_losing_counts():
    image = np.ones((1, 100, 100), np.uint16)
    drawn = sprite(image, {}, 32)
    assert Image.open(io.BytesIO(drawn.png)).size == (25, 25)
    assert drawn.count_limits == (16.0,)


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_same_arrays_give_the_same_file_and_no_part_of_it_is_left_beside_it(tmp_path, kind, start):
    for name in ("first", "second"):
        save(class_mean_maps(signed(nucleus())[None], ["a"], ["a"], ("A", "B"), 200), tmp_path / f"{name}.{kind}")
    first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("first", "second"))
    assert first == second
    assert first.startswith(start)
    assert len(list(tmp_path.iterdir())) == (4 if kind == "svg" else 2)


def test_an_svg_gets_the_same_pdf_beside_it_every_time(tmp_path):
    for name in ("first", "second"):
        save(class_mean_maps(signed(nucleus())[None], ["a"], ["a"], ("A", "B"), 200), tmp_path / f"{name}.svg")
    first, second = ((tmp_path / f"{name}.pdf").read_bytes() for name in ("first", "second"))
    assert first == second
    assert first.startswith(b"%PDF")


def test_an_unknown_format_is_refused_with_what_is_allowed(tmp_path):
    with pytest.raises(AinuError, match="'bmp'; allowed: svg, png, pdf"):
        save(Figure(), tmp_path / "figure.bmp")
