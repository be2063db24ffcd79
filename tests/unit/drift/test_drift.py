"""Drift: known drifts are found, what cannot be measured is reported and left alone."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from defaults import drift_settings

from ainu.drift.aim import maximise_intersections
from ainu.drift.correction import Drift, correct_shard, estimate_drift, judged, read_drift
from ainu.drift.smoothing import Estimate, smooth_halves
from ainu.drift.verdict import judge, judge_z, sharpness
from ainu.errors import AinuError
from ainu.hdf5 import new_file
from ainu.localizations.formats import read as formats
from ainu.localizations.table import Localizations, load, merge

FRAMES = 8000


def table(xy, frame, **columns):
    channel = np.zeros(len(xy), np.uint8)
    return Localizations(x=xy[:, 0], y=xy[:, 1], channel=channel, channels=("any",), frame=frame, **columns)


def blinking(path, count, seed=0, side=10_000, clustered=False, precision=8.0):
    """About `count` localizations of emitters that blink six times each, moved by a path; in no order of frames."""
    rng = np.random.default_rng(seed)
    emitters = rng.uniform(0, side, (count // 6, 2))
    if clustered:
        emitters = emitters[rng.integers(0, len(emitters) // 10, len(emitters))] + rng.normal(0, 40, emitters.shape)
    frame = rng.integers(0, len(path), count)
    xy = emitters[rng.integers(0, len(emitters), count)] + path[frame] + rng.normal(0, precision, (count, 2))
    return table(xy, frame)


def noise(count, seed):
    rng = np.random.default_rng(seed)
    return table(rng.uniform(0, 10_000, (count, 2)), rng.integers(0, FRAMES, count))


@cache
def walk():
    t = np.linspace(0, 1, FRAMES)
    path = np.stack([350 * t + 60 * np.sin(7 * t), -150 * t + 40 * np.sin(11 * t)], axis=1)
    return path - path[0]


def steps():
    path = np.zeros((FRAMES, 2))
    path[1503:] += [80, 20]
    path[4001:] += [-30, 60]
    path[6666:] += [50, 0]
    return path


def rms(shift, truth):
    apart = shift - truth[: len(shift)]
    apart = apart - apart.mean(axis=0)
    return float(np.sqrt((apart**2).sum(axis=1).mean()))


def in_depth(rise, count=30_000, scatter=20.0):
    """Emitters (sd 200 nm in z) on a field that walks and rises."""
    rng = np.random.default_rng(3)
    emitters = rng.uniform(0, 10_000, (count // 6, 2))
    emitter, frame = rng.integers(0, len(emitters), count), rng.integers(0, FRAMES, count)
    xy = emitters[emitter] + walk()[frame] + rng.normal(0, 8, (count, 2))
    z = rng.normal(0, 200, len(emitters))[emitter] + rise[frame] + rng.normal(0, scatter, count)
    return table(xy, frame, z=z)


# --- drifts that can be estimated ------------------------------------------------------------------------------------


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize(("count", "limit_nm"), [(8_000, 2.0), (60_000, 0.8), (300_000, 0.4)])
def test_a_smooth_walk_is_found(count, limit_nm, clustered):
    found = estimate_drift(blinking(walk(), count, clustered=clustered))
    assert rms(found.shift, walk()) < limit_nm
    assert found.notes["verdict"] == "corrected"
    assert found.notes["warning"] is None
    assert found.notes["frc_after_nm"] < 40 < (found.notes["frc_before_nm"] or np.inf)


def test_jumps_are_found_to_a_few_frames():
    found = estimate_drift(blinking(steps(), 60_000))
    assert np.abs(np.array(found.notes["jump_frames"]) - [1503, 4001, 6666]).max() <= 3
    assert rms(found.shift, steps()) < 2.0


def test_a_thermal_drift_is_found():
    path = 400 * (1 - np.exp(-np.arange(FRAMES) / 1200))[:, None] * [0.6, 0.8]
    assert rms(estimate_drift(blinking(path, 60_000)).shift, path) < 1.0


def test_drift_of_several_micrometres_is_found():
    path = np.linspace(0, 1, FRAMES)[:, None] * [2500.0, -1800.0]
    assert rms(estimate_drift(blinking(path, 60_000)).shift, path) < 1.5


def test_the_residual_is_of_the_size_of_the_error():
    found = estimate_drift(blinking(walk(), 30_000))
    assert 0.3 < found.notes["residual_nm"] / rms(found.shift, walk()) < 2


def test_the_height_drifts_too():
    rise = 300 * np.linspace(0, 1, FRAMES) ** 2
    field = in_depth(rise)
    found = estimate_drift(field)
    assert found.shift.shape == (field.n_frames, 3)
    assert rms(found.shift[:, :2], walk()) < 1.5
    assert rms(found.shift[:, 2:], rise[:, None]) < 3
    assert (found.notes["verdict"], found.notes["verdict_z"]) == ("corrected", "corrected")
    assert np.corrcoef(found.apply(field).z, field.frame)[0, 1] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("count", [10_000, 60_000])
def test_rcc_finds_a_walk_and_knows_its_error(count):
    found = estimate_drift(blinking(walk(), count), method="rcc", segment_frames=800)
    assert rms(found.shift, walk()) < 8
    assert (found.method, found.notes["verdict"]) == ("rcc", "corrected")
    assert 0.3 < found.notes["residual_nm"] / rms(found.shift, walk()) < 2


def test_rcc_measures_a_field_that_is_not_square():
    field = blinking(walk(), 60_000)
    narrow = field[field.y < 3000]
    assert rms(estimate_drift(narrow, method="rcc", segment_frames=800).shift, walk()) < 8


def test_the_shift_is_relative_to_the_first_frame_and_subtracted():
    field = blinking(walk(), 60_000)
    found = estimate_drift(field)
    assert found.shift.dtype == np.float32
    assert found.shift[0].tolist() == [0, 0]
    moved = found.apply(field)
    np.testing.assert_allclose(field.x - moved.x, found.shift[field.frame, 0], atol=2e-3)


# --- drifts that cannot -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["aim", "rcc"])
@pytest.mark.parametrize(("count", "seed"), [(500, 0), (20_000, 1), (200_000, 2)])
def test_pure_noise_is_reported_and_not_moved(count, seed, method):
    found = estimate_drift(noise(count, seed), method=method, segment_frames=2000)
    assert found.notes["verdict"] == "failed"
    assert found.notes["warning"]
    assert not found.shift.any()


def test_a_field_that_stands_still_is_left_alone():
    found = estimate_drift(blinking(np.zeros((FRAMES, 2)), 30_000))
    assert (found.notes["verdict"], found.notes["warning"]) == ("no drift", None)
    assert not found.shift.any()


def test_a_correction_that_blurs_is_judged_worse():
    field = blinking(np.zeros((FRAMES, 2)), 30_000)
    estimate = replace(maximise_intersections((field.x, field.y), field.frame, FRAMES), shift=walk())
    verdict = judge(field, estimate)
    assert verdict.verdict == "worse"
    assert "blurs" in verdict.warning


@pytest.mark.parametrize("residual_nm", [None, 1.0])
@pytest.mark.parametrize("method", ["aim", "rcc", "fiducial"])
def test_a_wrong_correction_is_refused_whatever_the_method(method, residual_nm):
    field = blinking(np.zeros((FRAMES, 2)), 30_000)
    found = judged(field, method, Estimate(walk(), residual_nm, {}))
    assert (found.method, found.notes["verdict"]) == (method, "worse")
    assert "blurs" in found.notes["warning"]
    assert not found.shift.any()


def test_a_fiducial_that_moves_on_its_own_is_not_believed():
    rng = np.random.default_rng(8)
    field, frame = blinking(np.zeros((FRAMES, 2)), 30_000), np.arange(FRAMES)
    loose = walk() + 4000.0 + rng.normal(0, 4, (FRAMES, 2))
    both = table(np.concatenate([field.positions, loose]), np.concatenate([field.frame, frame]))
    found = estimate_drift(both, method="fiducial", positions_nm=[[4000, 4000]], radius_nm=600)
    assert found.notes["fiducials"] == 1
    assert found.notes["verdict"] == "worse"
    assert not found.shift.any()


def test_a_wrong_correction_in_z_is_refused_and_that_in_the_plane_stays():
    field, wrong = in_depth(np.zeros(FRAMES)), np.linspace(0, 200, FRAMES)
    planted = Estimate(np.column_stack([walk(), wrong]), 1.0, {"residual_z_nm": 1.0})
    found = judged(field, "aim", planted)
    assert (found.notes["verdict"], found.notes["verdict_z"]) == ("corrected", "worse")
    assert "drift in z" in found.notes["warning_z"]
    assert found.shift[:, :2].any()
    assert not found.shift[:, 2].any()


def test_a_height_that_stands_still_is_left_alone():
    found = estimate_drift(in_depth(np.zeros(FRAMES)))
    assert (found.notes["verdict_z"], found.notes["warning_z"]) == ("no drift", None)
    assert not found.shift[:, 2].any()


def test_noise_in_z_is_reported_and_not_moved():
    field = in_depth(np.zeros(FRAMES))
    found = estimate_drift(replace(field, z=np.random.default_rng(0).normal(0, 300, len(field)).astype(np.float32)))
    assert found.notes["verdict"] == "corrected"
    assert found.notes["verdict_z"] in ("failed", "no drift")
    assert not found.shift[:, 2].any()


def test_a_correction_in_z_that_sharpens_is_judged_so():
    rise = 300 * np.linspace(0, 1, FRAMES) ** 2
    field = Drift(np.column_stack([walk(), 0 * rise]).astype(np.float32), "known").apply(in_depth(rise))
    verdict = judge_z(field, Estimate(np.column_stack([walk(), rise]), 1.0, {}))
    assert verdict.applies
    assert verdict.after.detail > verdict.before.detail


def test_a_stretch_that_shows_another_field_is_named():
    path, other = walk(), blinking(walk(), 60_000, seed=9)
    field = blinking(path, 60_000)
    late = (other.frame >= 6000) & (other.frame < 7000)
    early = (field.frame < 6000) | (field.frame >= 7000)
    xy = np.concatenate([field.positions[early], other.positions[late]])
    found = estimate_drift(table(xy, np.concatenate([field.frame[early], other.frame[late]])))
    lost = found.notes["lost_frames"]
    assert lost
    assert all(first >= 5600 and last < 7400 for first, last in lost)
    assert "share little structure" in found.notes["warning"]


def test_without_frames_there_is_nothing_to_measure():
    field = replace(blinking(walk(), 1000), frame=None)
    found = estimate_drift(field)
    assert (found.method, found.shift.shape, found.notes["verdict"]) == ("none", (0, 2), "not measured")
    assert found.apply(field) is field


@pytest.mark.parametrize(("count", "frames"), [(0, 100), (10, 100), (1000, 1), (1000, 20)])
def test_too_little_is_not_measured(count, frames):
    field = noise(count, 0)
    found = estimate_drift(replace(field, frame=field.frame % frames))
    assert found.notes["verdict"] == "not measured"
    assert not found.shift.any()


@pytest.mark.parametrize("frames", [32, 77])
def test_short_acquisitions_are_measured(frames):
    path = np.linspace(0, 1, frames)[:, None] * [100.0, 50.0]
    assert rms(estimate_drift(blinking(path, 20_000)).shift, path) < 1.0


def test_one_segment_of_rcc_is_reported():
    found = estimate_drift(blinking(walk()[:100], 2000), method="rcc")
    assert not found.shift.any()
    assert found.notes["verdict"] == "failed"
    assert "two segments" in found.notes["warning"]


def test_none_moves_nothing():
    found = estimate_drift(blinking(walk(), 5000), method="none")
    assert (found.method, found.shift.any(), found.notes["why"]) == ("none", False, "switched off")


@pytest.mark.parametrize("wrong", [{"method": "comet"}, {"segment": 500}])
def test_unknown_methods_and_settings_are_refused(wrong):
    with pytest.raises(AinuError, match=r"drift.*(one of aim|allowed: pixel_nm)"):
        estimate_drift(blinking(walk(), 1000), **wrong)


# --- the same answer every time ---------------------------------------------------------------------------------------


def test_the_order_of_rows_and_the_run_do_not_matter():
    field = blinking(walk(), 30_000)
    first = estimate_drift(field)
    again = estimate_drift(field)
    shuffled = estimate_drift(field[np.random.default_rng(1).permutation(len(field))])
    assert first.shift.tobytes() == again.shift.tobytes()
    np.testing.assert_allclose(shuffled.shift, first.shift, atol=1e-4)
    assert json.dumps(first.notes, sort_keys=True) == json.dumps(again.notes, sort_keys=True)


def test_the_place_of_the_field_does_not_matter():
    field = blinking(walk(), 60_000)
    far = replace(field, x=field.x + 4096, y=field.y - 8192)
    assert rms(estimate_drift(far).shift, walk()) < 0.8


# --- fiducials --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_beads():
    """Three beads, each in four frames of five, among blinking emitters."""
    rng = np.random.default_rng(5)
    field = blinking(walk(), 10_000)
    frame = np.tile(np.arange(FRAMES), 3)[rng.random(3 * FRAMES) < 0.8]
    beads = np.array([[2000, 3000], [9000, 4000], [5000, 8000.0]])[rng.integers(0, 3, len(frame))]
    beads = beads + walk()[frame] + rng.normal(0, 4, beads.shape)
    return table(np.concatenate([field.positions, beads]), np.concatenate([field.frame, frame]))


def test_fiducials_are_picked(with_beads):
    found = estimate_drift(with_beads, method="fiducial", presence=0.3)
    assert found.notes["fiducials"] == 3
    places = np.sort(np.array(found.notes["positions_nm"]), axis=0)
    np.testing.assert_allclose(places, [[2000, 3000], [5000, 4000], [9000, 8000]], atol=3)
    assert rms(found.shift, walk()) < 0.8
    assert found.notes["verdict"] == "corrected"


def test_given_fiducials_are_followed(with_beads):
    found = estimate_drift(with_beads, method="fiducial", positions_nm=[[2030, 2980], [5000, 8040]])
    assert found.notes["fiducials"] == 2
    assert rms(found.shift, walk()) < 1.0


def test_a_field_without_fiducials_is_reported():
    found = estimate_drift(blinking(walk(), 10_000), method="fiducial")
    assert not found.shift.any()
    assert "no fiducials" in found.notes["warning"]


# --- parts ------------------------------------------------------------------------------------------------------------


def test_noisier_positions_are_smoothed_more():
    rng = np.random.default_rng(0)
    curve = np.sin(np.linspace(0, 6, 400))[:, None] * 50
    errors = []
    for sd in (1.0, 20.0):
        found = smooth_halves(curve + rng.normal(0, sd, (2, 400, 1)), np.ones((2, 400)))
        errors.append(np.sqrt(np.mean((found.curve - curve) ** 2)) / sd)
        assert 0.4 < found.residual / np.sqrt(np.mean((found.curve - curve) ** 2)) < 2.5
    assert max(errors) < 0.25  # far below the 0.71 of an unsmoothed mean


def test_a_jump_is_kept_sharp():
    rng = np.random.default_rng(0)
    curve = np.where(np.arange(300) < 120, 0.0, 60.0)[:, None]
    found = smooth_halves(curve + rng.normal(0, 3, (2, 300, 1)), np.ones((2, 300)))
    assert found.jumps.tolist() == [120]
    assert np.abs(found.curve - curve).max() < 3


@pytest.mark.parametrize("sd", [0.5, 3.0])
def test_a_steep_slide_is_no_stair(sd):
    curve = 400 * np.exp(-np.arange(257) / 15)[:, None] * [0.6, 0.8]
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(0, sd, (2, 257, 2))
        found = smooth_halves(curve + noise, np.ones((2, 257)))
        assert not len(found.jumps)
        assert np.abs(found.curve - curve).max() < 3 + sd


def test_blur_lowers_the_ring_correlation():
    field = blinking(np.zeros((FRAMES, 2)), 30_000)
    blurred = blinking(np.zeros((FRAMES, 2)), 30_000, precision=25.0)
    sharp, dull = (sharpness(each.x, each.y, each.frame) for each in (field, blurred))
    assert sharp.resolution_nm < dull.resolution_nm
    assert sharp.detail > dull.detail + 10 * dull.error


def test_uncorrelated_halves_have_no_resolution():
    field = noise(50_000, 4)
    found = sharpness(field.x, field.y, field.frame)
    assert abs(found.detail) < 4 * found.error


# --- files ------------------------------------------------------------------------------------------------------------


def test_every_acquisition_has_a_drift_of_its_own(tmp_path):
    first, second = blinking(walk(), 20_000), replace(blinking(-walk(), 20_000, seed=1), channels=("other",))
    both = merge([first, second])
    with new_file(tmp_path / "raw.h5") as file:
        both.write(file.create_group("a"))
    correct_shard(tmp_path / "raw.h5", tmp_path / "drift.h5", ["a"], drift_settings())
    found = read_drift(tmp_path / "drift.h5", "a")
    assert [each.notes["verdict"] for each in found] == ["corrected", "corrected"]
    assert rms(found[0].shift, walk()) < 1.5
    assert rms(found[1].shift, -walk()) < 1.5
    corrected = load(tmp_path / "raw.h5", "a", drift=tmp_path / "drift.h5")
    np.testing.assert_allclose(corrected.x[: len(first)], found[0].apply(first).x, atol=2e-3)
    np.testing.assert_allclose(corrected.x[len(first) :], found[1].apply(second).x, atol=2e-3)


def test_channels_of_one_acquisition_share_their_drift(tmp_path):
    field = blinking(walk(), 20_000)
    two = replace(field, channel=np.arange(len(field)) % 2, channels=("PolII", "DNA"), meta={"acquisition": [0, 0]})
    with new_file(tmp_path / "raw.h5") as file:
        two.write(file.create_group("a"))
    correct_shard(tmp_path / "raw.h5", tmp_path / "drift.h5", ["a"], drift_settings())
    (found,) = read_drift(tmp_path / "drift.h5", "a")
    assert isinstance(found, Drift)
    assert found.shift.tobytes() == estimate_drift(field).shift.tobytes()


def test_a_real_acquisition_that_hardly_moves(shared_data):
    found = estimate_drift(formats.read(shared_data / "formats/insight3/rcc_test.bin", pixel_size_nm=160))
    assert found.notes["verdict"] == "no drift"
    assert found.notes["residual_nm"] < 0.5
    assert found.notes["frc_after_nm"] <= found.notes["frc_before_nm"] + 0.5
