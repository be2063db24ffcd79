"""Which localizations stay, and why others do not."""

import json

import h5py
import numpy as np
import pytest
from defaults import no_filters
from hypothesis import given
from hypothesis import strategies as st

from ainu import AinuError, Localizations, filter_quality
from ainu.hdf5 import new_file
from ainu.localizations.table import load
from ainu.quality.filters import REASONS, crowded_places, filter_shard, read_quality
from ainu.quality.spot_widths import asymmetry


def table(photons, frame=None, **columns) -> Localizations:
    n = len(photons)
    return Localizations(
        x=np.arange(n) * 10.0,
        y=np.zeros(n),
        channel=np.zeros(n),
        channels=("DNA",),
        photons=np.asarray(photons, float),
        frame=np.arange(n) if frame is None else frame,
        **columns,
    )


LIMIT = st.one_of(st.none(), st.floats(0, 2000), st.floats(0, 1).map(lambda share: f"q{share:.3f}"))
PAIR = st.one_of(st.none(), st.tuples(LIMIT, LIMIT))


@given(
    st.integers(0, 1000),
    st.fixed_dictionaries(
        {},
        optional={
            "photons": PAIR,
            "precision_nm": PAIR,
            "sigma_nm": PAIR,
            "sigma_ratio": PAIR,
            "frames": st.tuples(st.one_of(st.none(), st.integers(0, 9)), st.one_of(st.none(), st.integers(0, 9))),
            "extra": st.fixed_dictionaries({}, optional={"chi2": PAIR, "absent": PAIR}),
            "crowded": st.just({"radius_nm": 30, "times": 2}),
            "merge": st.just({"radius_nm": 40, "dark_frames": 1}),
            "isolated": st.just({"radius_nm": 25, "neighbours": 1}),
        },
    ),
)
def test_kept_and_dropped_always_add_up(seed, settings):
    random = np.random.default_rng(seed)
    n = int(random.integers(0, 80))
    photons, precision, chi2 = random.uniform(0, 2000, (3, n))
    photons[random.random(n) < 0.1] = np.nan
    localizations = Localizations(
        x=random.uniform(0, 300, n),
        y=random.uniform(0, 300, n),
        channel=random.integers(0, 2, n),
        channels=("a", "b"),
        photons=photons,
        precision=precision,
        frame=random.integers(0, 10, n),
        extra={"chi2": chi2, "sx": precision, "sy": chi2},
    )
    quality = filter_quality(localizations, **settings)
    assert sum(quality.counts.values()) == n == len(quality.reason)
    assert quality.counts["kept"] == quality.keep.sum() == len(quality.apply(localizations))


def test_limits_are_inclusive_and_nan_is_outside():
    quality = filter_quality(table([99, 100, 500, 501, np.nan]), photons=(100, 500))
    assert quality.keep.tolist() == [False, True, True, False, False]


def test_the_first_reason_counts():
    quality = filter_quality(table([1, 1, 900]), photons=(100, None), frames=(1, None))
    assert [REASONS[code] for code in quality.reason] == ["frames", "photons", "kept"]


def test_a_limit_on_a_missing_column_is_reported_not_applied():
    quality = filter_quality(
        table([1, 2]), precision_nm=(None, 10), sigma_nm=(None, None), sigma_ratio=(None, 2), extra={"chi2": (0, 1)}
    )
    assert quality.not_applied == ("precision", "sigma_ratio", "chi2")
    assert quality.keep.all()
    assert quality.thresholds == {}


def test_a_quantile_is_that_of_the_sample_and_is_reported_as_a_number():
    quality = filter_quality(table(np.arange(101)), photons=("q0.1", "q0.95"))
    assert quality.thresholds == {"photons": (10.0, 95.0)}
    assert quality.counts["photons"] == 15


def test_a_quantile_ignores_what_is_no_number():
    quality = filter_quality(table([1, 2, 3, np.nan, np.inf]), photons=("q0.5", None))
    assert quality.thresholds["photons"] == (2.0, None)


@pytest.mark.parametrize("limit", ["0.1", "q", "q1.5", "q-1", "many"])
def test_what_is_no_quantile_is_refused(limit):
    with pytest.raises(AinuError, match="photons, allowed: a number, a quantile such as"):
        filter_quality(table([1]), photons=(limit, None))


@pytest.mark.parametrize(
    "extra",
    [
        {"sigma_x": [150, 90, 300], "sigma_y": [100, 90, 100]},
        {"Ax": [1.5, 1, 1 / 3]},
        {"sx": [3, 2, 1], "sy": [2, 2, 3]},
    ],
)
def test_asymmetry_is_the_larger_over_the_smaller_width(extra):
    localizations = table([1, 1, 1], extra={name: np.array(values, float) for name, values in extra.items()})
    assert asymmetry(localizations) == pytest.approx([1.5, 1, 3])
    assert filter_quality(localizations, sigma_ratio=(None, 2)).keep.tolist() == [True, True, False]


def test_any_other_column_can_have_limits_also_negative_ones():
    localizations = table([1, 1, 1], z=[-500, 0, 500], extra={"chi2": np.array([1, 1, 9.0])})
    quality = filter_quality(localizations, extra={"z": (-400, None), "chi2": (None, 5)})
    assert quality.counts["z"] == quality.counts["chi2"] == quality.counts["kept"] == 1
    assert quality.reasons[-2:] == ("z", "chi2")


def test_a_limit_from_zero_counts_where_values_may_be_negative():
    quality = filter_quality(table([1, 1], z=[-1, 1]), extra={"z": (0, None)})
    assert quality.keep.tolist() == [False, True]


def test_an_extra_column_named_like_a_reason_is_refused():
    with pytest.raises(AinuError, match="'photons' has a key of its own"):
        filter_quality(table([1]), extra={"photons": (1, 2)})


def test_isolated_localizations_are_dropped_among_those_that_passed():
    alone = Localizations(
        x=[0, 1, 2, 500, 501], y=np.zeros(5), channel=np.zeros(5), channels=("a",), photons=[9, 9, 9, 9, 1]
    )
    quality = filter_quality(alone, photons=(5, None), isolated={"radius_nm": 5, "neighbours": 1})
    assert quality.keep.tolist() == [True, True, True, False, False]


def test_an_emitter_does_not_keep_itself_company():
    blinks = table([5, 5, 5], frame=[0, 1, 2])
    settings = {"merge": {"radius_nm": 50, "dark_frames": 0}, "isolated": {"radius_nm": 50, "neighbours": 1}}
    quality = filter_quality(blinks, **settings)
    assert (quality.counts["merged"], quality.counts["isolated"], quality.counts["kept"]) == (2, 1, 0)


def with_fiducial(seed: int, n: int, fiducial: int) -> Localizations:
    random = np.random.default_rng(seed)
    x, y = np.concatenate([random.uniform(0, 8000, (2, n)), 4000 + random.normal(0, 10, (2, fiducial))], axis=1)
    return Localizations(x=x, y=y, channel=np.zeros(n + fiducial), channels=("a",))


@pytest.mark.parametrize("fiducial", [3000, 60_000])
def test_a_fiducial_is_dropped_also_where_it_holds_most_of_the_localizations(fiducial):
    picked = crowded_places(with_fiducial(1, 20_000, fiducial), radius_nm=100, times=20)
    assert picked[20_000:].all()
    assert picked[:20_000].mean() < 0.002


def test_an_even_field_has_no_crowded_places():
    assert not crowded_places(with_fiducial(1, 20_000, 0), radius_nm=100, times=5).any()


def test_the_shard_file_holds_reasons_thresholds_and_merged_positions_always_the_same(tmp_path):
    localizations = Localizations(
        x=[100, 104, 5000, 5001],
        y=[0, 0, 0, 0],
        frame=[0, 1, 5, 5],
        channel=np.zeros(4),
        channels=("a",),
        photons=[300, 100, 50, 900],
        meta={"acquisition": [0]},
    )
    localizations.save(tmp_path / "raw.h5", "fov")
    with new_file(tmp_path / "drift.h5") as file:
        own = file.create_group("fov/0")
        own["frame"], own["shift"], own.attrs["rows"] = np.arange(6), np.tile(np.float32([10, 0]), (6, 1)), (0, 4)
    settings = no_filters(photons=["q0.25", None], merge={"radius_nm": 20, "dark_frames": 0})
    filter_shard(tmp_path / "raw.h5", tmp_path / "drift.h5", tmp_path / "quality.h5", ["fov"], settings)
    filter_shard(tmp_path / "raw.h5", tmp_path / "drift.h5", tmp_path / "again.h5", ["fov"], settings)
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "quality.h5").read_bytes()
    stages = {"drift": tmp_path / "drift.h5", "quality": tmp_path / "quality.h5"}
    kept = load(tmp_path / "raw.h5", "fov", **stages)
    assert kept.x.tolist() == [91.0, 4991.0]
    assert kept.photons.tolist() == [400.0, 900.0]
    assert load(tmp_path / "raw.h5", "fov", quality=stages["quality"]).x.tolist() == [101.0, 5001.0]
    again = read_quality(tmp_path / "quality.h5", "fov")
    assert again.counts == {**dict.fromkeys(REASONS, 0), "kept": 2, "merged": 1, "photons": 1}
    with h5py.File(tmp_path / "quality.h5") as file:
        assert json.loads(file["fov"].attrs["thresholds"]) == {"photons": [87.5, None]}
