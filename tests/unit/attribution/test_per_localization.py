"""Attribution of single localizations, and whether the highest of these cluster."""

import numpy as np
import pytest
from defaults import attribution
from hypothesis import given, settings
from hypothesis import strategies as st

from ainu import read
from ainu.attribution.clustering import DRAWS, matched, measure_clustering, pairs, top
from ainu.attribution.per_localization import COLUMNS, shared_out
from ainu.images.binning import bin_counts, flat_places
from ainu.localizations.formats.readers import picasso, thunderstorm
from ainu.localizations.formats.writers import write_picasso, write_thunderstorm
from ainu.localizations.table import Localizations


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.booleans(), st.integers(0, 2**31))
def test_the_localizations_of_a_voxel_share_what_it_has(n, flat, seed):
    rng = np.random.default_rng(seed)
    shape = (2, 8, 8) if flat else (2, 3, 8, 8)
    position = rng.uniform(-480, 480, (n, len(shape) - 1)).astype(np.float32)
    channel = rng.integers(0, 2, n).astype(np.uint8)
    values = rng.normal(size=shape).astype(np.float32)
    found = shared_out(values, position, channel, 100.0, None if flat else 200.0)
    places, inside = flat_places(position, channel, shape, 100.0, None if flat else 200.0)
    counts = bin_counts(position, channel, shape, 100.0, None if flat else 200.0).ravel()
    sums = np.bincount(places[inside], found[inside], minlength=values.size)
    assert np.allclose(sums[counts > 0], values.ravel()[counts > 0], atol=1e-4)
    assert not found[~inside].any()


def test_within_a_voxel_the_map_around_it_decides():
    values = np.zeros((1, 1, 3), np.float32)
    values[0, 0] = [0, 1, 2]
    position = np.array([[-40, 0], [40, 0]], np.float32)
    left, right = shared_out(values, position, np.zeros(2, np.uint8), 100.0)
    assert left < right
    assert left + right == pytest.approx(1)


def table(n=500, seed=0, lie_together=True) -> Localizations:
    """Two channels; the highest values lie in one corner, or anywhere."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 5000, (2, n))
    score = -(x + y) if lie_together else rng.permutation(n)
    return Localizations(
        x=x,
        y=y,
        frame=np.arange(n),
        channel=rng.integers(0, 2, n),
        channels=("PolII", "DNA"),
        photons=np.full(n, 900.0),
        extra={"attribution": (score / 100).astype(np.float32), "nucleus": np.ones(n, np.uint16)},
        meta={"pixel_size_nm": 100.0},
    )


def test_picasso_and_thunderstorm_files_hold_the_attribution(tmp_path):
    own = table()
    write_picasso(own, tmp_path / "t.hdf5", pixel_size_nm=100.0, keep=COLUMNS)
    write_thunderstorm(own, tmp_path / "t.csv", keep=COLUMNS)
    for path, found in (
        ("t.hdf5", picasso.read(tmp_path / "t.hdf5", keep=COLUMNS)),
        ("t.csv", thunderstorm.read(tmp_path / "t.csv", keep=COLUMNS)),
    ):
        assert np.allclose(found.extra["attribution"], own.extra["attribution"], rtol=1e-6), path
        assert np.array_equal(found.extra["nucleus"], own.extra["nucleus"])
        assert len(read(tmp_path / path)) == len(own)


def gathered(tmp_path, *, lie_together: bool):
    for k in range(3):
        table(seed=k, lie_together=lie_together).save(tmp_path / f"{k}.h5", f"s{k}")
    samples = [{"sample": f"s{k}", "replicate": f"s{k}", "label": "a"} for k in range(3)]
    shards = [tmp_path / f"{k}.h5" for k in range(3)]
    return measure_clustering(shards, samples, attribution(top=0.1), voxel_nm=50, seed=0)


def test_localizations_that_lie_together_are_found_to(tmp_path):
    found = gathered(tmp_path, lie_together=True)
    assert found["ratio"]["value"] > 3
    assert found["ratio"]["ci"][0] > 1
    assert found["ratio"]["p"] == pytest.approx(1 / (1 + DRAWS))
    assert found["per_label"]["a"]["nuclei"] == 3


def test_localizations_anywhere_are_not(tmp_path):
    found = gathered(tmp_path, lie_together=False)
    assert 0.8 < found["ratio"]["value"] < 1.25
    assert found["ratio"]["p"] > 0.05


def test_random_ones_are_matched_in_number_and_channel():
    own = table()
    chosen = top(own.extra["attribution"], 0.1)
    assert own.extra["attribution"][chosen].min() >= np.delete(own.extra["attribution"], chosen).max()
    drawn = matched(own.channel, chosen, np.random.default_rng(0))
    assert len(set(drawn.tolist())) == len(drawn) == 50
    assert np.array_equal(np.bincount(own.channel[drawn]), np.bincount(own.channel[chosen]))


def test_pairs_nearer_than_two_voxels_do_not_count():
    line = np.array([[0, 0], [10, 0], [500, 0], [5000, 0]], np.float32)
    assert pairs(line, 100, 1000) == pytest.approx(4 / 4)
