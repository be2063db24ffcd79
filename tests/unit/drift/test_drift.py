"""Drift: known drifts are found, what cannot be measured is reported and left alone."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from defaults import drift_settings

from ainu.drift.clock import Clock, counters
from ainu.drift.correction import DEFAULTS, Drift, correct_shard, estimate_drift, measure_sample, read_drift
from ainu.drift.judged import judged
from ainu.drift.smoothing import Estimate, smooth_halves
from ainu.errors import AinuError
from ainu.hdf5 import new_file
from ainu.localizations.formats import read as formats
from ainu.localizations.joining import merge
from ainu.localizations.table import Localizations, load

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


def rms(found, truth):
    """Error of a drift in the frames that occur (or of a path in frames from 0)."""
    shift, frame = (found.shift, found.frame) if isinstance(found, Drift) else (found, np.arange(len(found)))
    apart = shift[:, : truth.shape[1]] - truth[frame]
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
    assert rms(found, walk()) < limit_nm
    assert found.notes["verdict"] == "corrected"
    assert found.notes["warning"] is None
    assert found.notes["score"] > 5


def test_jumps_are_found_to_a_few_frames():
    found = estimate_drift(blinking(steps(), 60_000))
    assert np.abs(np.array(found.notes["jump_frames"]) - [1503, 4001, 6666]).max() <= 3
    assert rms(found, steps()) < 2.0


@pytest.mark.parametrize("seed", range(4))
def test_two_large_jumps_one_soon_after_the_other_are_placed(seed):
    path = np.zeros((1400, 2))
    path[1036:] += [240, -320]
    path[1128:] += [-360, 320]
    assert rms(estimate_drift(blinking(path, 12_000, seed)), path) < 2


def test_a_thermal_drift_is_found():
    path = 400 * (1 - np.exp(-np.arange(FRAMES) / 1200))[:, None] * [0.6, 0.8]
    assert rms(estimate_drift(blinking(path, 60_000)), path) < 1.0


def test_drift_of_several_micrometres_is_found():
    path = np.linspace(0, 1, FRAMES)[:, None] * [2500.0, -1800.0]
    assert rms(estimate_drift(blinking(path, 60_000)), path) < 1.5


def test_the_residual_is_of_the_size_of_the_error():
    found = estimate_drift(blinking(walk(), 30_000))
    assert 0.3 < found.notes["residual_nm"] / rms(found, walk()) < 2


def test_the_height_drifts_too():
    rise = 300 * np.linspace(0, 1, FRAMES) ** 2
    field = in_depth(rise)
    found = estimate_drift(field)
    assert found.shift.shape == (len(np.unique(field.frame)), 3)
    assert rms(found, walk()) < 1.5
    assert rms(replace(found, shift=found.shift[:, 2:]), rise[:, None]) < 3
    assert (found.notes["verdict"], found.notes["verdict_z"]) == ("corrected", "corrected")
    assert np.corrcoef(found.apply(field).z, field.frame)[0, 1] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("count", [10_000, 60_000])
def test_rcc_finds_a_walk_and_knows_its_error(count):
    found = estimate_drift(blinking(walk(), count), method="rcc", segment_frames=800)
    assert rms(found, walk()) < 8
    assert (found.method, found.notes["verdict"]) == ("rcc", "corrected")
    assert 0.3 < found.notes["residual_nm"] / rms(found, walk()) < 2


def test_rcc_measures_a_field_that_is_not_square():
    field = blinking(walk(), 60_000)
    narrow = field[field.y < 3000]
    assert rms(estimate_drift(narrow, method="rcc", segment_frames=800), walk()) < 8


def test_the_shift_is_relative_to_the_first_frame_and_subtracted():
    field = blinking(walk(), 60_000)
    found = estimate_drift(field)
    assert found.shift.dtype == np.float32
    assert found.shift[0].tolist() == [0, 0]
    moved = found.apply(field)
    np.testing.assert_allclose(field.x - moved.x, found.at(field.frame)[:, 0], atol=2e-3)
    assert found.frame.tolist() == np.unique(field.frame).tolist()


# --- drifts that cannot -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["aim", "rcc"])
@pytest.mark.parametrize(("count", "seed"), [(500, 0), (20_000, 1), (200_000, 2)])
def test_pure_noise_is_not_moved(count, seed, method):
    found = estimate_drift(noise(count, seed), method=method, segment_frames=2000)
    assert found.notes["verdict"] in ("cannot be told", "worse", "no drift", "failed")
    assert not found.shift.any()


def test_where_nothing_can_be_told_the_drift_that_would_have_been_seen_is():
    found = estimate_drift(noise(2000, 0))
    assert found.notes["verdict"] == "cannot be told"
    assert "would" in found.notes["warning"]
    assert found.notes["residual_nm"] is None


def test_a_field_that_stands_still_is_left_alone():
    found = estimate_drift(blinking(np.zeros((FRAMES, 2)), 30_000))
    assert (found.notes["verdict"], found.notes["warning"]) == ("no drift", None)
    assert not found.shift.any()


@pytest.mark.parametrize("residual_nm", [None, 1.0])
@pytest.mark.parametrize("method", ["aim", "rcc"])
def test_a_correction_that_other_parts_of_the_field_do_not_show_is_refused(method, residual_nm):
    field = blinking(np.zeros((FRAMES, 2)), 30_000)
    planted = Estimate(walk()[np.unique(field.frame)], residual_nm, {})
    found = judged(field, replace(DEFAULTS, method=method), planted)
    assert found.method == method
    assert found.notes["verdict"] not in ("corrected", "no drift")
    assert not found.path.any()


def test_a_fiducial_that_moves_on_its_own_is_not_believed():
    rng = np.random.default_rng(8)
    field, frame = blinking(np.zeros((FRAMES, 2)), 30_000), np.arange(FRAMES)
    loose = walk() + 4000.0 + rng.normal(0, 4, (FRAMES, 2))
    both = table(np.concatenate([field.positions, loose]), np.concatenate([field.frame, frame]))
    found = estimate_drift(both, method="fiducial", positions_nm=[[4000, 4000]], radius_nm=600)
    assert found.notes["fiducials"] == 1
    assert (found.notes["verdict"], "blurs" in found.notes["warning"]) == ("worse", True)
    assert not found.shift.any()


def test_a_wrong_correction_in_z_is_refused_and_that_in_the_plane_stays():
    field, wrong = in_depth(np.zeros(FRAMES)), np.linspace(0, 200, FRAMES)
    planted = Estimate(np.column_stack([walk(), wrong])[np.unique(field.frame)], 1.0, {"residual_z_nm": 1.0})
    found = judged(field, DEFAULTS, planted)
    assert found.notes["verdict"] == "corrected"
    assert found.notes["verdict_z"] in ("worse", "cannot be told")
    assert "drift in z" in found.notes["warning_z"]
    assert found.path[:, :2].any()
    assert not found.path[:, 2].any()


def test_a_height_that_stands_still_is_left_alone():
    found = estimate_drift(in_depth(np.zeros(FRAMES)))
    assert (found.notes["verdict_z"], found.notes["warning_z"]) == ("no drift", None)
    assert not found.shift[:, 2].any()


def test_noise_in_z_is_reported_and_not_moved():
    field = in_depth(np.zeros(FRAMES))
    found = estimate_drift(replace(field, z=np.random.default_rng(0).normal(0, 300, len(field)).astype(np.float32)))
    assert found.notes["verdict"] == "corrected"
    assert found.notes["verdict_z"] in ("cannot be told", "worse", "no drift")
    assert not found.shift[:, 2].any()


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
    assert rms(estimate_drift(blinking(path, 20_000)), path) < 1.0


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
    assert rms(estimate_drift(far), walk()) < 0.8


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
    assert rms(found, walk()) < 0.8
    assert found.notes["verdict"] == "corrected"


def test_given_fiducials_are_followed(with_beads):
    found = estimate_drift(with_beads, method="fiducial", positions_nm=[[2030, 2980], [5000, 8040]])
    assert found.notes["fiducials"] == 2
    assert rms(found, walk()) < 1.0


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


# --- frames as files have them ----------------------------------------------------------------------------------------


def test_the_first_frames_may_be_cut_away():
    field = blinking(walk(), 30_000)
    late = estimate_drift(field[field.frame >= 1000])
    assert late.notes["verdict"] == "corrected"
    assert rms(late, walk()) < 1.5
    assert late.shift[0].tolist() == [0, 0]


def test_the_number_of_the_first_frame_does_not_matter():
    field = blinking(walk(), 30_000)
    million = replace(field, frame=field.frame + np.uint32(10**6))
    far = estimate_drift(million)
    assert far.frame[0] == 10**6 + field.frame.min()
    assert far.shift.tobytes() == estimate_drift(field).shift.tobytes()


def test_a_pause_is_no_drift():
    path, field = walk(), blinking(walk(), 30_000)
    paused = replace(field, frame=field.frame + np.where(field.frame >= 4000, 5000, 0).astype(np.uint32))
    found = estimate_drift(paused)
    assert found.notes["verdict"] == "corrected"
    assert rms(replace(found, frame=np.where(found.frame >= 9000, found.frame - 5000, found.frame)), path) < 1.5


def test_one_wrong_frame_number_costs_neither_memory_nor_the_sample():
    field = blinking(walk(), 30_000)
    field.frame[field.frame.argmax()] = 900_000_000
    found = estimate_drift(field)
    assert len(found.frame) == len(found.shift) <= FRAMES
    known = replace(found, frame=found.frame[:-1], shift=found.shift[:-1])
    assert rms(known, walk()) < 1.5


def test_frames_that_start_again_are_another_counter():
    first, second = blinking(walk(), 20_000), blinking(-walk(), 20_000, seed=1)
    first, second = (each[np.argsort(each.frame)] for each in (first, second))
    both = table(np.concatenate([first.positions, second.positions]), np.concatenate([first.frame, second.frame]))
    found = measure_sample(both, DEFAULTS)
    assert [each.rows for each in found] == [(0, len(first)), (len(first), len(both))]
    assert max(rms(found[0], walk()), rms(found[1], -walk())) < 1.5
    with pytest.raises(AinuError, match="start again in row"):
        estimate_drift(both)


@pytest.mark.parametrize("number", [900_000_000, 0])
def test_a_row_with_a_wrong_frame_is_no_new_counter(number):
    frame = np.sort(np.random.default_rng(0).integers(0, 5000, 20_000))
    frame[7000] = number
    assert counters(frame) == [slice(0, 20_000)]


def test_frames_are_counted_among_those_that_occur():
    clock = Clock.of(np.array([70, 5, 5, 900_000_000]))
    assert clock.frame.tolist() == [5, 70, 900_000_000]
    assert clock.rank.tolist() == [1, 0, 0, 2]


# --- channels that follow each other ----------------------------------------------------------------------------------


def colours(path, first, second):
    """Two colours, one after the other, while the stage moves along a path (frames, 2)."""
    half = len(path) // 2
    parts = [blinking(path[:half], 20_000, seed=first), blinking(path[half:], 20_000, seed=second)]
    frame = np.concatenate([parts[0].frame, parts[1].frame + np.uint32(half)])
    both = table(np.concatenate([part.positions for part in parts]), frame)
    return replace(both, channel=np.repeat([0, 1], [len(part) for part in parts]), channels=("one", "two"))


def distance(localizations, truth, found=None):
    """How far the colours are apart after a correction."""
    left = truth[localizations.frame] - (0 if found is None else found.at(localizations.frame))
    means = [left[localizations.channel == channel].mean(axis=0) for channel in (0, 1)]
    return float(np.hypot(*(means[0] - means[1])))


@pytest.mark.parametrize("path", [walk(), np.roll(steps(), 500, axis=0)], ids=["walk", "steps"])
def test_colours_one_after_the_other_share_the_stage_not_the_structure(path):
    both = colours(path, 0, 1)
    found = estimate_drift(both)
    assert [each["verdict"] for each in found.notes["stretches"]] == ["corrected", "corrected"]
    assert found.notes["seams"][0]["source"] == "continuous"
    assert distance(both, path, found) < min(10, 2 * found.notes["seams"][0]["error_nm"] + 2)
    assert distance(both, path) > 50
    assert rms(found, path) < 5


def test_a_structure_that_both_colours_show_tells_their_distance_across_a_jump():
    path = walk() + np.where(np.arange(FRAMES) < FRAMES // 2, 0, 80)[:, None]
    both = colours(path, 0, 0)
    found = estimate_drift(both)
    assert found.notes["seams"][0]["source"] == "structure"
    assert distance(both, path, found) < 5


def test_across_a_pause_colours_keep_their_distance_and_its_size_is_told():
    path, both = walk(), colours(walk(), 0, 1)
    late = np.where(both.frame >= FRAMES // 2, 6000, 0).astype(np.uint32)
    found = estimate_drift(replace(both, frame=both.frame + late))
    (seam,) = found.notes["seams"]
    assert seam["source"] == "unknown"
    assert 6000 <= seam["pause"] < 6010
    assert "after a pause of" in found.notes["warning"]
    shift = found.at(both.frame + late)
    means = [shift[both.channel == channel].mean(axis=0) for channel in (0, 1)]
    np.testing.assert_allclose(means[0], means[1], atol=0.5)
    assert seam["error_nm"] > distance(both, path)


def test_a_second_file_that_goes_on_counting_starts_where_the_first_ended():
    both = colours(walk(), 0, 1)
    first, second = (both[both.channel == number] for number in (0, 1))
    parts = [replace(first, channels=("a",)), replace(second, channel=0 * second.channel, channels=("b",))]
    found = measure_sample(merge(parts), DEFAULTS)
    assert len(found) == 2
    np.testing.assert_allclose(found[1].shift[0], found[0].shift[-1], atol=1e-3)
    assert max(rms(found[0], walk()), rms(found[1], walk())) < 2


def test_interleaved_colours_have_one_drift():
    field = blinking(walk(), 20_000)
    two = replace(field, channel=field.frame % 2, channels=("one", "two"))
    assert "stretches" not in estimate_drift(two).notes


# --- the verdict has power --------------------------------------------------------------------------------------------


def few_blinks(path, count, seed, per_emitter=2.0, precision=14.0):
    """Clusters (sd 30 nm) of emitters that are seen twice on average."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 10_000, (count // 40, 2))
    held = rng.geometric(1 / per_emitter, round(count / per_emitter))
    emitters = centres[rng.integers(0, len(centres), len(held))] + rng.normal(0, 30, (len(held), 2))
    xy = np.repeat(emitters, held, axis=0)
    frame = rng.integers(0, len(path), len(xy))
    return table(xy + path[frame] + rng.normal(0, precision, xy.shape), frame)


@pytest.mark.parametrize("count", [5_000, 11_000, 30_000])
def test_a_drift_of_emitters_that_blink_twice_is_corrected(count):
    for seed in range(3):
        found = estimate_drift(few_blinks(0.2 * walk(), count, seed))
        assert found.notes["verdict"] == "corrected"
        assert rms(found, 0.2 * walk()) < 8


def test_a_sparse_walk_of_400_nm_is_corrected():
    found = estimate_drift(few_blinks(walk() * 1.2, 10_000, 7))
    assert found.notes["verdict"] == "corrected"
    assert rms(found, walk() * 1.2) < 12


def test_nothing_moves_where_nothing_drifts():
    for seed in range(3):
        found = estimate_drift(few_blinks(0 * walk(), 11_000, seed))
        assert found.notes["verdict"] in ("no drift", "cannot be told")
        assert not found.shift.any()


def test_repeated_rows_and_long_blinks_are_no_evidence():
    one = noise(3000, 3)
    long = np.repeat(np.arange(len(one)), 20)
    frame = (one.frame[long] + np.tile(np.arange(20), len(one))) % FRAMES
    repeated = table(one.positions[long], frame)
    assert not estimate_drift(repeated).shift.any()


# --- files ------------------------------------------------------------------------------------------------------------


def test_every_acquisition_has_a_drift_of_its_own(tmp_path):
    first, second = blinking(walk(), 20_000), replace(blinking(-walk(), 20_000, seed=1), channels=("other",))
    both = merge([first, second])
    with new_file(tmp_path / "raw.h5") as file:
        both.write(file.create_group("a"))
    correct_shard(tmp_path / "raw.h5", tmp_path / "drift.h5", ["a"], drift_settings())
    found = read_drift(tmp_path / "drift.h5", "a")
    assert [each.notes["verdict"] for each in found] == ["corrected", "corrected"]
    assert rms(found[0], walk()) < 1.5
    assert rms(found[1], -walk()) < 1.5
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
    assert found.rows == (0, len(field))


def test_a_real_acquisition_that_hardly_moves(shared_data):
    found = estimate_drift(formats.read(shared_data / "formats/insight3/rcc_test.bin", pixel_size_nm=160))
    assert found.notes["verdict"] == "no drift"
    assert found.notes["residual_nm"] < 1.0


@pytest.mark.parametrize("frames_of_second", [0, 2000])
def test_drift_of_files_of_which_one_has_z_is_measured_in_the_plane(frames_of_second):
    own = blinking(np.zeros((2000, 2)), 6000)
    first = replace(own, z=np.random.default_rng(1).normal(0, 100, len(own)))
    second = replace(own, x=own.x + 3, frame=own.frame + frames_of_second, channels=("other",))
    both = merge([first, second])
    found = measure_sample(both, DEFAULTS)
    assert [drift.shift.shape[1] for drift in found] == [2, 2]
    assert measure_sample(first, DEFAULTS)[0].shift.shape[1] == 3
    if frames_of_second:
        drift = estimate_drift(both)
        assert drift.shift.shape == (len(drift.frame), 2)
        assert np.isfinite(drift.apply(both).x).all()
