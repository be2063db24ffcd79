"""Hand-made features measure what they are named after, at the rim as in the middle."""

import numpy as np
import pytest

from ainu.evaluation.feature_table import channels_of
from ainu.evaluation.features import FEWEST, Window, nucleus_features
from ainu.evaluation.pair_correlation import Raster, pair_correlation, ripley_l
from ainu.localizations.table import Localizations

CORNER = (1000.0, 2000.0)


def ellipse() -> np.ndarray:
    rows, columns = np.mgrid[:100, :110]
    return ((columns - 55) / 54) ** 2 + ((rows - 50) / 48) ** 2 < 1


def inside(points: np.ndarray, mask: np.ndarray) -> np.ndarray:
    column, row = ((points[:, :2] - CORNER) / 100).astype(int).T
    ok = (row >= 0) & (row < mask.shape[0]) & (column >= 0) & (column < mask.shape[1])
    ok[ok] = mask[row[ok], column[ok]]
    return points[ok]


def scattered(n: int, rng, dimensions: int = 2) -> np.ndarray:
    low, high = [*CORNER, -300.0][:dimensions], [12_000.0, 12_000.0, 300.0][:dimensions]
    return inside(rng.uniform(low, high, (2 * n, dimensions)), ellipse())[:n]


def clustered(parents: int, mean: float, sd: float, rng) -> np.ndarray:
    """A Thomas process, made over a wider field than the outline so that it is the same at the rim."""
    centres = rng.uniform([0, 1000], [13_000, 13_000], (parents, 2))
    members = np.repeat(centres, rng.poisson(mean, parents), axis=0)
    return inside(members + rng.normal(0, sd, members.shape), ellipse())


def raster(points: np.ndarray) -> Raster:
    return Raster.of(points, ellipse(), CORNER, 100.0)


def table(points: np.ndarray, **columns) -> Localizations:
    z = points[:, 2] if points.shape[1] == 3 else None
    x, y = points[:, 0], points[:, 1]
    return Localizations(x=x, y=y, z=z, channel=np.zeros(len(x), np.uint8), channels=("DNA",), **columns)


def measured(points: np.ndarray) -> dict[str, float]:
    window = Window(ellipse(), *CORNER, 100.0)
    return nucleus_features(table(points), window, np.random.default_rng(1))


@pytest.mark.parametrize(("n", "dimensions"), [(20_000, 2), (60_000, 3)])
def test_independent_localizations_have_pair_correlation_one_up_to_the_rim(n, dimensions):
    own = raster(scattered(n, np.random.default_rng(0), dimensions))
    assert pair_correlation(own, own) == pytest.approx(np.ones(5), abs=0.05)
    assert np.abs(ripley_l(pair_correlation(own, own), dimensions)).max() < 8


def test_the_pair_correlation_of_clusters_is_that_of_theory():
    """Thomas process: g(r) = 1 + exp(-r^2 / 4 sd^2) / (4 pi sd^2 density of parents); its mean over each ring."""
    rng, sd, parents = np.random.default_rng(0), 60.0, 6000
    own = [raster(clustered(parents, 5, sd, rng)) for _ in range(6)]
    found = np.mean([pair_correlation(each, each) for each in own], axis=0)
    edges = np.array(Raster.EDGES_NM)
    of_disc = 1 - np.exp(-(edges**2) / (4 * sd**2))
    expected = 1 + np.diff(of_disc) / np.diff(np.pi * edges**2) / (parents / (13_000 * 12_000))
    assert found == pytest.approx(expected, rel=0.06)


def test_two_independent_channels_do_not_correlate_and_neighbours_do():
    rng = np.random.default_rng(0)
    one = scattered(8000, rng)
    near = inside(one + rng.normal(0, 40, one.shape), ellipse())
    assert pair_correlation(raster(one), raster(scattered(8000, rng))) == pytest.approx(np.ones(5), abs=0.06)
    expected = 1 + (1 - np.exp(-(50**2) / (2 * 40**2))) * np.count_nonzero(ellipse()) * 100**2 / (np.pi * 50**2) / 8000
    assert pair_correlation(raster(one), raster(near))[0] == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_regular_name_for_every_value_and_values_of_randomness(dimensions):
    found = measured(scattered(10_000, np.random.default_rng(0), dimensions))
    assert all(np.isfinite(value) for value in found.values())
    assert found["DNA: Clark-Evans ratio"] == pytest.approx(1, abs=0.03)
    for shell in range(1, 6):
        assert found[f"DNA: radial profile, shell {shell} of 5"] == pytest.approx(1, abs=0.08)


def test_clusters_shrink_distances_and_spread_densities():
    rng = np.random.default_rng(0)
    even, clumped = measured(scattered(10_000, rng)), measured(clustered(2500, 5, 30, rng))
    assert clumped["DNA: Clark-Evans ratio"] < 0.7 * even["DNA: Clark-Evans ratio"]
    assert clumped["DNA: Voronoi density, 90 % (log10)"] > 2 * even["DNA: Voronoi density, 90 % (log10)"]
    assert clumped["DNA: Ripley's L - r at 100 nm"] > 50
    assert clumped["DNA: texture, contrast at 100 nm"] > even["DNA: texture, contrast at 100 nm"]


def test_a_dense_rim_shows_in_the_radial_profile_alone():
    rng = np.random.default_rng(0)
    points = scattered(40_000, rng)
    radius = np.hypot((points[:, 0] - 6500) / 5400, (points[:, 1] - 7000) / 4800)
    found = measured(points[rng.random(len(points)) < radius**4])
    shells = [found[f"DNA: radial profile, shell {k} of 5"] for k in range(1, 6)]
    assert shells == sorted(shells, reverse=True)
    assert shells[0] > 1.5


def test_features_of_few_localizations_are_unknown():
    found = measured(scattered(FEWEST - 1, np.random.default_rng(0)))
    assert found
    assert all(np.isnan(value) for value in found.values())


LINE = np.stack([np.linspace(3000, 9000, 50), np.full(50, 7000.0)], 1)


@pytest.mark.parametrize("points", [np.full((50, 2), 6000.0), LINE])
def test_localizations_in_one_place_or_on_a_line_break_nothing(points):
    found = measured(points)
    assert np.isfinite(found["DNA: nearest neighbour, median (nm)"])


def test_a_feature_names_its_channels():
    assert channels_of("PolII, DNA: correlation of the images") == ["PolII", "DNA"]
    assert channels_of("DNA: Clark-Evans ratio") == ["DNA"]
    assert channels_of("background of DNA") == ["DNA"]
    assert channels_of("localizations per emitter of DNA") == ["DNA"]
    assert channels_of("acquisition length") == []


def test_localizations_at_the_rim_of_one_channel_leave_the_channels_comparable():
    """Each localization beyond the outline opens a cell for its own channel."""
    rng = np.random.default_rng(5)
    own, mask = scattered(4000, rng), ellipse()
    rows, columns = np.nonzero(~mask & np.roll(mask, 1, axis=1))
    cells = np.stack(np.meshgrid([12.5, 37.5, 62.5, 87.5], [12.5, 37.5, 62.5, 87.5]), -1).reshape(-1, 2)
    beyond = (np.column_stack([columns, rows])[:, None] * 100 + cells).reshape(-1, 2) + CORNER
    points = np.concatenate([own, own, beyond])
    both = Localizations(
        x=points[:, 0],
        y=points[:, 1],
        channel=(np.arange(len(points)) >= len(own)).astype(np.uint8),
        channels=("PolII", "DNA"),
    )
    found = nucleus_features(both, Window(mask, *CORNER, 100.0), rng)
    alike = [value for name, value in found.items() if "correlation of" in name or "images" in name]
    assert alike
    assert max(alike) > 0.9
