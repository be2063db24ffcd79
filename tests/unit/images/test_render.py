"""Images hold every localization once, wherever the nucleus lies."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from ainu.errors import AinuError
from ainu.files import read_json
from ainu.images.render import fit_canvas, voxelize
from ainu.images.settings import Render
from ainu.localizations.table import Localizations
from ainu.nuclei.orientation import Pose
from ainu.settings.defaults import with_defaults
from ainu.typed import typed


def cloud(n: int, seed: int = 0, spread=(2000.0, 1000.0), centre=(30_000.0, 20_000.0)) -> Localizations:
    rng = np.random.default_rng(seed)
    x, y = (c + rng.gamma(2.0, s / 2, n) for c, s in zip(centre, spread, strict=True))
    return Localizations(
        x.astype(np.float32),
        y.astype(np.float32),
        rng.integers(0, 2, n).astype(np.uint8),
        ("a", "b"),
        z=rng.normal(0, 300, n).astype(np.float32),
        precision=rng.uniform(3, 40, n).astype(np.float32),
    )


def turned(table: Localizations, angle: float) -> Localizations:
    c, s = np.cos(angle), np.sin(angle)
    x, y = table.x.astype(float) - 30_000, table.y.astype(float) - 20_000
    return replace(table, x=(30_000 + x * c - y * s).astype(np.float32), y=(20_000 + x * s + y * c).astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 400),
    seed=st.integers(0, 10**6),
    voxel_nm=st.floats(100, 500),
    voxels=st.integers(1, 40),
    dimensions=st.sampled_from([2, 3]),
    align=st.sampled_from(["none", "long_axis"]),
)
def test_counts_are_conserved_exactly(n, seed, voxel_nm, voxels, dimensions, align):
    table = cloud(n, seed)
    render = Render(voxel_nm, voxel_nm * voxels, "count", dimensions, 500.0, 5000.0, align)
    image = voxelize(table, render)
    u, v = render.pose(table).relative(table.x, table.y)
    half = voxel_nm * voxels / 2
    reach = np.maximum(np.abs(u), np.abs(v))
    sure, doubtful = reach < half - 0.1, np.abs(reach - half) <= 0.1
    for channel, plane in enumerate(image):
        own = table.channel == channel
        assert np.count_nonzero(sure & own) <= plane.sum() <= np.count_nonzero((sure | doubtful) & own)
    if not doubtful.any() and sure.all():
        assert image.sum() == n
    large = voxelize(table, replace(render, canvas_nm=voxel_nm * (2 * int(reach.max() / voxel_nm) + 3)))
    assert large.sum() == n


def test_the_count_image_is_the_histogram_of_the_positions():
    table = cloud(5000)
    image = voxelize(table, Render(100.0, 6400.0), pose=Pose(32_000.0, 21_000.0))
    for channel in (0, 1):
        own = table[table.channel == channel]
        edges = [np.arange(65) * 100.0 + low for low in (21_000 - 3200, 32_000 - 3200)]
        assert (image[channel] == np.histogram2d(own.y, own.x, edges)[0]).all()


def test_a_stack_summed_along_z_is_the_flat_image():
    table = cloud(3000)
    flat = voxelize(table, Render(100.0, 20_000.0))
    stack = voxelize(table, Render(100.0, 20_000.0, dimensions=3, voxel_z_nm=50.0, depth_nm=4000.0))
    assert stack.shape == (2, 80, 200, 200)
    assert (stack.sum(axis=1) == flat).all()


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("voxel_nm", [20.0, 200.0])
def test_each_localization_adds_one_to_the_gaussian_image(voxel_nm, dimensions):
    table = cloud(300)
    render = Render(voxel_nm, 4000.0, "gaussian", dimensions, 100.0, 4000.0)
    image = voxelize(table, render)
    count = voxelize(table, replace(render, kernel="count"))
    assert image.dtype == np.float32
    assert image.sum(axis=tuple(range(1, image.ndim)), dtype=float) == pytest.approx(
        count.sum(axis=tuple(range(1, count.ndim))), rel=1e-5
    )


def slowly_smeared(table, render, pose):
    """The definition of the Gaussian render, in 2 dimensions, one localization at a time."""
    n, image = render.pixels, np.zeros((len(table.channels), render.pixels, render.pixels))
    u, v = pose.relative(table.x, table.y)
    for channel, x, y, precision in zip(table.channel, u, v, table.precision, strict=True):
        spread = float(precision) / render.voxel_nm
        shares = []
        for place in (y / np.float32(render.voxel_nm) + n / 2, x / np.float32(render.voxel_nm) + n / 2):
            reach = int(np.ceil(3 * spread))
            voxels = np.arange(int(np.floor(place)) - reach, int(np.floor(place)) + reach + 1)
            share = np.zeros(n)
            for voxel in voxels[(voxels >= 0) & (voxels < n)]:
                share[voxel] = ndtr((voxel + 1 - place) / spread) - ndtr((voxel - place) / spread)
            shares.append(share / share.sum())
        image[channel] += np.outer(*shares)
    return image


@pytest.mark.parametrize("voxel_nm", [10.0, 50.0])
def test_the_gaussian_image_agrees_with_its_definition(voxel_nm):
    table = cloud(200, spread=(400.0, 400.0))
    render = Render(voxel_nm, 4000.0, "gaussian")
    assert render.dtype == np.float32
    found = voxelize(table, render)
    np.testing.assert_allclose(found, slowly_smeared(table, render, render.pose(table)), atol=1e-6)


def test_localizations_without_a_precision_get_that_of_the_render():
    table = cloud(100)
    known = replace(table, precision=np.full(100, 25, np.float32))
    partly = replace(table, precision=np.where(np.arange(100) % 2, 25, np.nan).astype(np.float32))
    render = Render(20.0, 4000.0, "gaussian", precision_nm=25.0)
    for one in (replace(table, precision=None), partly):
        np.testing.assert_array_equal(voxelize(one, render), voxelize(known, render))
    with pytest.raises(AinuError, match="50 of 100 localizations of a nucleus lack; set precision_nm"):
        voxelize(partly, Render(20.0, 90_000.0, "gaussian"))


def test_a_gaussian_has_the_width_of_the_precision():
    one = replace(cloud(1), precision=np.full(1, 30, np.float32), channels=("a",), channel=np.zeros(1, np.uint8))
    image = voxelize(one, Render(5.0, 1005.0, "gaussian"))[0].sum(axis=0, dtype=float)
    places = (np.arange(201) - 100) * 5.0
    assert np.sqrt((image * places**2).sum()) == pytest.approx(30, rel=0.03)


def test_an_aligned_image_does_not_depend_on_how_the_nucleus_was_turned():
    table, render = cloud(4000, spread=(4000.0, 500.0)), Render(100.0, 30_000.0, align="long_axis")
    first = voxelize(table, render).astype(int)
    for angle in (0.5, 2.0, 4.0):
        other = voxelize(turned(table, angle), render)
        assert np.abs(first - other).sum() < 0.02 * first.sum()
    rows, columns = np.nonzero(first.sum(axis=0))
    assert np.ptp(columns) > 2 * np.ptp(rows)


def test_a_missing_channel_stays_empty_and_an_unwanted_one_is_left_out():
    image = voxelize(cloud(500), Render(500.0, 50_000.0), channels=["b", "c"])
    assert image[0].sum() == np.count_nonzero(cloud(500).channel == 1)
    assert image[1].sum() == 0


@pytest.mark.parametrize(
    ("lacks", "render", "message"),
    [
        ("z", Render(100.0, 1000.0, "count", 3, 100.0, 1000.0), "needs z"),
        ("precision", Render(100.0, 1000.0, "gaussian"), "needs the precision"),
    ],
)
def test_what_was_not_measured_is_an_error(lacks, render, message):
    with pytest.raises(AinuError, match=message):
        voxelize(replace(cloud(10), **{lacks: None}), render)


@pytest.mark.parametrize("align", ["none", "long_axis"])
@pytest.mark.parametrize(("voxel_nm", "step_nm"), [(100.0, 3200), (200.0, 3200), (30.0, 3180), (5.0, 800)])
def test_a_fitted_canvas_holds_every_nucleus_of_all_shards_in_the_fewest_steps(tmp_path, align, voxel_nm, step_nm):
    clouds = [cloud(200, seed) for seed in range(4)]
    for index, table in enumerate(clouds):
        pose = Pose.of(table.x, table.y)
        with h5py.File(tmp_path / f"{index}.h5", "w") as file:
            group = file.create_group("s/table")
            group["aligned_reach_nm"] = [pose.reach_nm(table.x, table.y)]
            group["reach_nm"] = [replace(pose, angle_rad=0.0).reach_nm(table.x, table.y)]
    fit_canvas(sorted(tmp_path.glob("*.h5")), Render(voxel_nm, "fitted", align=align), tmp_path / "canvas.json")
    canvas = read_json(tmp_path / "canvas.json")["canvas_nm"]
    assert (canvas % step_nm, canvas % voxel_nm) == (0, 0)
    held = [voxelize(table, Render(voxel_nm, canvas, align=align)).sum() for table in clouds]
    assert held == [200] * 4
    if canvas > step_nm:
        smaller = [voxelize(table, Render(voxel_nm, canvas - step_nm, align=align)).sum() for table in clouds]
        assert min(smaller) < 200


def test_a_render_has_the_defaults_of_the_config():
    settings = with_defaults({"renders": {"mine": {"voxel_nm": 100}}})["renders"]["mine"]
    made = Render(settings["voxel_nm"], settings["canvas_nm"])
    assert made == typed(Render, settings)
