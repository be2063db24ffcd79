"""What conditions may differ in at the nanoscale, and the truth of single localizations."""

import hashlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from ainu import AinuError, read, simulate
from ainu.localizations.formats.writers import write
from ainu.simulation.conditions import Condition, conditions
from ainu.simulation.fields import write_fields
from ainu.simulation.microscope import PIXEL_SIZE_NM
from ainu.simulation.truth import read_truth, write_truth
from ainu.simulation.tuning import localizations_of, precision_of, with_blinking, with_localizations, with_precision

ROOT = Path(__file__).resolve().parents[3]
QUIET = Condition(drift_nm=0, false_share=0, labelling_sd=0)


@pytest.mark.parametrize(
    ("condition", "digest", "n", "sum_x", "sum_precision"),
    [
        ("somatic", "ab3666f732244800", 18418, 160771974.648, 128387.980),
        ("hiPSC", "46ad8552daa96070", 15861, 135130493.273, 110064.929),
        ("HSV-1", "662c5a1cc2c07dec", 16537, 139091856.058, 114553.080),
        (Condition(depth_nm=600), "97c7fd9d6e51bb0e", 21110, 187761912.158, 146514.092),
        (Condition(nuclei=3, gap_nm=100.0), "4e9d1e24e07f16fe", 50383, 631002255.994, 348550.914),
        (Condition(nuclei=4), "a5f6e19efdf07288", 76890, 1262694854.364, 534581.065),
    ],
)
def test_conditions_that_ask_for_nothing_new_are_drawn_as_in_version_0_1(condition, digest, n, sum_x, sum_precision):
    table, _ = simulate(condition, 7, replicate="r1")
    assert len(table) == n
    assert hashlib.sha256(table.frame.tobytes() + table.channel.tobytes()).hexdigest()[:16] == digest
    assert table.x.sum(dtype=float) == pytest.approx(sum_x, rel=1e-9)
    assert table.precision.sum(dtype=float) == pytest.approx(sum_precision, rel=1e-7)


@pytest.mark.parametrize("wanted", [5, 10, 20])
def test_photons_give_the_wanted_median_precision(wanted):
    condition = with_precision(replace(QUIET, least_photons=300), wanted)
    table, _ = simulate(condition, 1)
    assert np.median(table.precision) == pytest.approx(wanted, rel=0.03)
    assert precision_of(condition) == pytest.approx(wanted)
    assert table.photons.min() > 300


@pytest.mark.parametrize("wanted", [1, 2, 10, 30])
def test_emitters_have_the_wanted_mean_number_of_localizations(wanted):
    condition = replace(with_blinking(QUIET, wanted), frames=20_000)
    _, truth = simulate(condition, 1)
    counts = np.unique(truth.emitter, return_counts=True)[1]
    assert counts.mean() == pytest.approx(wanted, rel=0.05)
    assert counts.min() == 1


@pytest.mark.parametrize(("wanted", "per_emitter"), [(10_000, 10), (30_000, 2), (200_000, 1)])
def test_nuclei_have_the_wanted_number_of_localizations(wanted, per_emitter):
    condition = replace(with_blinking(QUIET, per_emitter), false_share=0.3, frames=20_000)
    condition = with_localizations(condition, wanted)
    assert localizations_of(condition) == pytest.approx(wanted)
    assert np.mean([len(simulate(condition, seed)[0]) for seed in range(4)]) == pytest.approx(wanted, rel=0.1)


def test_sequential_channels_share_no_frame_and_no_localization_is_lost():
    table, truth = simulate(Condition(sequential=True), 3)
    pol_ii, dna = table.of_channel("PolII"), table.of_channel("DNA")
    assert pol_ii.frame.max() < 2000 <= dna.frame.min()
    assert dna.frame.max() < 4000
    assert len(table) == pytest.approx(len(simulate(Condition(), 3)[0]), rel=0.1)
    real = truth.emitter >= 0
    assert truth.emitter[table.channel == 0].max() < truth.emitter[real & (table.channel == 1)].min()


def test_half_of_the_fields_of_each_label_are_sequential(tmp_path):
    rows = [
        {"sample": f"{label}{k}", "path": str(tmp_path / f"{label}{k}.bin"), "label": label, "replicate": "r1"}
        for label in ("a", "b")
        for k in range(4)
    ]
    quick = Condition(sequential_share=0.5, clusters=20, clutches=20)
    write_fields(rows, {"a": quick, "b": quick}, 1, tmp_path / "truth.h5")
    tables = [read(row["path"], pixel_size_nm=PIXEL_SIZE_NM) for row in rows]
    one_after_the_other = [not np.intersect1d(*(t.frame[t.channel == code] for code in (0, 1))).size for t in tables]
    assert one_after_the_other == [False, True] * 4


@pytest.fixture(scope="module")
def demo():
    """The conditions of the demo as dSTORM records them."""
    return conditions(yaml.safe_load((ROOT / "resources" / "simulation.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["somatic", "hiPSC"])
def test_dstorm_of_the_demo_is_precise_and_blinks_rarely(demo, name):
    table, truth = simulate(demo[name], 1, name=name)
    real = truth.emitter >= 0
    assert np.median(table.precision[real]) == pytest.approx(10, abs=0.5)
    assert real.sum() / len(np.unique(truth.emitter[real])) == pytest.approx(2, abs=0.1)
    assert 10_000 < len(table) < 40_000


def test_dstorm_of_the_demo_differs_on_both_scales_and_in_nothing_else(demo):
    first, second = demo["somatic"], demo["hiPSC"]
    different = {entry.name for entry in fields(Condition) if getattr(first, entry.name) != getattr(second, entry.name)}
    assert different == {"nucleolar_share", "cluster_nm"}


def test_blinks_with_a_dark_time_follow_each_other():
    condition = replace(with_blinking(QUIET, 8), frames=20_000, dark_frames=50.0)
    table, truth = simulate(condition, 3)
    order = np.lexsort([table.frame, truth.emitter])
    same = np.diff(truth.emitter[order]) == 0
    gaps = np.diff(table.frame[order].astype(int))[same]
    assert gaps.min() == 1
    assert gaps[gaps > 1].mean() == pytest.approx(51, rel=0.1)


def test_each_localization_lies_at_its_cluster():
    condition = replace(with_precision(QUIET, 5), cluster_nm=20, clutch_nm=20)
    table, truth = simulate(condition, 3)
    shared = np.intersect1d(truth.cluster[table.channel == 0], truth.cluster[table.channel == 1])
    assert set(shared) <= {-1}
    assert spread(table, truth, truth.cluster >= 0) == pytest.approx(np.hypot(20, 5.3), rel=0.05)


def test_false_localizations_have_no_emitter_and_no_cluster():
    _, truth = simulate(Condition(false_share=0.3), 3)
    assert np.mean(truth.emitter < 0) == pytest.approx(0.3, abs=0.02)
    assert (truth.cluster[truth.emitter < 0] == -1).all()
    assert not truth.altered[truth.emitter < 0].any()


@pytest.mark.parametrize("where", ["random", "disc", "half"])
def test_altered_clusters_are_as_many_and_as_wide_as_planted(where):
    condition = replace(
        with_precision(QUIET, 5), cluster_nm=20, altered_nm=60, altered_where=where, altered_share=0.3, clusters=2000
    )
    table, truth = simulate(condition, 3)
    pol_ii = (table.channel == 0) & (truth.cluster >= 0)
    assert truth.altered[pol_ii].mean() == pytest.approx(0.3, abs=0.05)
    assert not truth.altered[~pol_ii].any()
    assert spread(table, truth, pol_ii & ~truth.altered) == pytest.approx(20.7, rel=0.05)
    assert spread(table, truth, truth.altered) == pytest.approx(60.2, rel=0.05)


@pytest.mark.parametrize("where", ["disc", "half"])
def test_altered_clusters_lie_in_the_region(where):
    condition = replace(QUIET, altered_nm=50, altered_where=where, altered_share=0.3, nuclei=2)
    table, truth = simulate(condition, 3)
    middles = middles_of(table, truth, (table.channel == 0) & (truth.cluster >= 0))
    inside = np.zeros(len(middles), bool)
    for nucleus, region in zip(truth.nuclei, truth.regions, strict=True):
        inside |= region.contains(middles) & nucleus.contains(middles)
    altered = np.zeros(truth.cluster.max() + 1, bool)
    altered[truth.cluster[truth.altered]] = True
    present = np.unique(truth.cluster[(table.channel == 0) & (truth.cluster >= 0)])
    assert np.mean(altered[present] == inside) > 0.97


def test_settings_for_altered_clusters_change_no_other_cluster():
    planted = replace(QUIET, altered_where="half", altered_share=0.3, altered_nm=80)
    (a, truth_a), (b, truth_b) = simulate(QUIET, 3), simulate(planted, 3)
    assert np.array_equal(truth_a.emitter, truth_b.emitter)
    assert np.array_equal(a.x[~truth_b.altered], b.x[~truth_b.altered])
    assert (a.x != b.x)[truth_b.altered].mean() == 1


@pytest.mark.parametrize("shape", ["blob", "ring", "rod"])
def test_clusters_of_every_shape_have_the_same_spread(shape):
    condition = replace(
        with_precision(QUIET, 5), cluster_nm=60, cluster_shape=shape, clusters=2000, cluster_emitters=20
    )
    table, truth = simulate(condition, 3)
    pol_ii = (table.channel == 0) & (truth.cluster >= 0)
    assert spread(table, truth, pol_ii) == pytest.approx(60.2, rel=0.03)


def test_nuclei_vary_as_much_as_asked_for():
    def of_nuclei(**settings):
        sharp = replace(with_precision(QUIET, 5), clusters=2000, cluster_nm=60, **settings)
        fields = [simulate(sharp, seed) for seed in range(20)]
        spreads = [spread(table, truth, (table.channel == 0) & (truth.cluster >= 0)) for table, truth in fields]
        shares = [nucleolar_share(table, truth) for table, truth in fields]
        return np.std(np.log(spreads)), np.std(np.log(shares))

    (spread_alike, share_alike), (spread_varied, share_varied) = (
        of_nuclei(),
        of_nuclei(cluster_sd=0.2, nucleolar_share_sd=0.5),
    )
    assert spread_alike < 0.02
    assert share_alike < 0.15
    assert spread_varied == pytest.approx(0.2, rel=0.4)
    assert share_varied == pytest.approx(0.5, rel=0.4)


def test_labelled_share_thins_emitters_and_keeps_their_blinks():
    (_, full), (_, thinned) = simulate(QUIET, 3), simulate(replace(QUIET, labelled_share=0.5), 3)
    emitters = [len(np.unique(truth.emitter)) for truth in (full, thinned)]
    assert emitters[1] / emitters[0] == pytest.approx(0.5, abs=0.03)
    assert len(thinned.emitter) / emitters[1] == pytest.approx(len(full.emitter) / emitters[0], rel=0.05)


def test_nothing_lies_in_a_bite_out_of_the_nucleus():
    table, truth = simulate(replace(QUIET, bite_nm=2500, axes_nm=(6000, 5000), nucleoli=(0, 0), axes_sd_nm=0), 3)
    [nucleus] = truth.nuclei
    sides = [(nucleus.angle + turn, np.pi / 2) for turn in (np.pi / 2, -np.pi / 2)]
    ends = [(nucleus.x + 0.85 * nucleus.b * np.cos(a), nucleus.y + 0.85 * nucleus.b * np.sin(a)) for a, _ in sides]
    near = [int((np.hypot(table.x - x, table.y - y) < 500).sum()) for x, y in ends]
    assert min(near) == 0 < max(near)


@pytest.mark.parametrize("ending", [".bin", ".csv", ".txt", ".hdf5"])
def test_truth_is_aligned_with_the_localizations_of_every_file(tmp_path, ending):
    condition = replace(Condition(), altered_where="half", altered_share=0.4, altered_nm=80, nuclei=2)
    table, truth = simulate(condition, 3)
    write(table, tmp_path / f"f{ending}", pixel_size_nm=PIXEL_SIZE_NM)
    write_truth(tmp_path / "truth.h5", {"f": truth})
    found, known = read(tmp_path / f"f{ending}", pixel_size_nm=PIXEL_SIZE_NM), read_truth(tmp_path / "truth.h5", "f")
    assert np.allclose(found.x, table.x, atol=0.02)
    assert np.array_equal(found.frame, table.frame)
    assert known.regions == truth.regions
    for name in ("emitter", "cluster", "altered"):
        assert np.array_equal(getattr(known, name), getattr(truth, name))
        assert getattr(known, name).dtype == getattr(truth, name).dtype


@pytest.mark.parametrize("setting", ["altered_where", "blinking", "cluster_shape"])
def test_what_a_setting_may_be_is_said(setting):
    with pytest.raises(AinuError, match=f"simulation: {setting} 'some'; allowed: "):
        Condition(**{setting: "some"})


def middles_of(table, truth, chosen):
    cluster = truth.cluster[chosen]
    number = np.bincount(cluster)
    sums = [np.bincount(cluster, axis[chosen].astype(float)) for axis in (table.x, table.y)]
    return np.stack(sums, axis=1)[number > 0] / number[number > 0, None]


def spread(table, truth, chosen):
    """Standard deviation within clusters along an axis, nm, from one localization of each emitter."""
    first = np.zeros(len(table), bool)
    first[np.unique(truth.emitter, return_index=True)[1]] = True
    chosen = chosen & first
    cluster, x = truth.cluster[chosen], table.x[chosen].astype(float)
    number = np.bincount(cluster)
    middle = np.bincount(cluster, x) / np.maximum(number, 1)
    return np.sqrt(((x - middle[cluster]) ** 2).sum() / (number - 1)[number > 0].sum())


def nucleolar_share(table, truth):
    pol_ii = table.positions[table.channel == 0]
    return np.any([nucleolus.contains(pol_ii) for nucleolus in truth.nucleoli[0]], axis=0).mean()
