"""From the sheet to a shard, whatever the files hold; a skipped sample goes through every later stage."""

import re
from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest
from defaults import drift_settings, no_filters, quality_settings, search_settings

from ainu.drift.correction import correct_shard
from ainu.evaluation.recording import Recording, acquisition
from ainu.failures import SampleFailure
from ainu.images.assemble import assemble
from ainu.images.render import grid_shard, voxelize_shard
from ainu.images.settings import Render
from ainu.localizations.formats.writers import write_thunderstorm
from ainu.localizations.ingest import ingest_shard
from ainu.localizations.joining import merge
from ainu.localizations.settings import AlignmentSettings, CrosstalkSettings, ReadingSettings
from ainu.localizations.table import Localizations, load
from ainu.nuclei.find import find_shard
from ainu.quality.blinks import merge_blinks
from ainu.quality.filters import filter_quality, filter_shard, read_quality
from ainu.quality.gather import gather
from ainu.quality.spot_widths import filtered_columns
from ainu.quality.summary import qc_shard
from ainu.shards import failures_in

SETTINGS = ReadingSettings(None, None, use_corrected=False, crosstalk=None, alignment=None)


def nucleus(n=4000, seed=0, channels=("PolII", "DNA")):
    rng = np.random.default_rng(seed)
    angle, radius = rng.uniform(0, 2 * np.pi, n), 5000 * np.sqrt(rng.uniform(0, 1, n))
    return Localizations(
        x=10_000 + radius * np.cos(angle),
        y=10_000 + radius * np.sin(angle),
        frame=np.sort(rng.integers(0, 3000, n)),
        photons=rng.gamma(3, 800, n) + 300,
        precision=rng.uniform(5, 15, n),
        sigma=rng.uniform(120, 160, n),
        channel=rng.integers(0, len(channels), n),
        channels=channels,
    )


def row(path, channels="0:PolII,1:DNA", **cells):
    return {"path": str(path), "format": "", "pixel_size_nm": "", "channels": channels, "columns": "", **cells}


@pytest.fixture
def sheet(tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    write_thunderstorm(nucleus(), good)
    bad.write_text("no localizations, just prose")
    return {"good": [row(good)], "bad": [row(bad)]}


def test_a_bad_file_costs_its_sample_alone_and_the_sample_is_named(tmp_path, sheet, capfd):
    ingest_shard(sheet, tmp_path / "s.h5", SETTINGS)
    told = capfd.readouterr().err
    assert re.search(r"1 of 2 samples failed\s+bad: .*bad\.csv: content of no known format", told)
    with pytest.raises(SampleFailure, match=r"ingest: .*bad\.csv: content of no known format"):
        Localizations.load(tmp_path / "s.h5", "bad")
    assert len(Localizations.load(tmp_path / "s.h5", "good")) == 4000


def test_the_other_samples_have_the_bytes_of_a_run_without_the_bad_one(tmp_path, sheet):
    ingest_shard(sheet, tmp_path / "both.h5", SETTINGS)
    ingest_shard({"good": sheet["good"]}, tmp_path / "one.h5", SETTINGS)
    both, one = (Localizations.load(tmp_path / name, "good") for name in ("both.h5", "one.h5"))
    assert both.meta == one.meta
    assert {name: column.tobytes() for name, column in both.columns().items()} == {
        name: column.tobytes() for name, column in one.columns().items()
    }


def test_a_shard_of_bad_files_alone_is_left_to_the_dataset_to_judge(tmp_path, sheet):
    bad = dict.fromkeys(("a", "b"), sheet["bad"])
    ingest_shard(bad, tmp_path / "s.h5", SETTINGS)
    assert sorted(failures_in([tmp_path / "s.h5"])) == ["a", "b"]


def test_a_filter_on_a_column_works_where_files_of_any_format_have_it(tmp_path, sheet):
    rated = tmp_path / "rated.csv"
    header, *lines = (tmp_path / "good.csv").read_text().splitlines()
    rated.write_text("\n".join([f'{header},"chi2 [a.u.]"', *(f"{line},{i % 4}" for i, line in enumerate(lines))]))
    raw, drift, quality = (tmp_path / f"{name}.h5" for name in ("raw", "drift", "quality"))
    filters = no_filters(extra={"chi2": (None, 2), "z": (0, 1)})
    samples = {"good": sheet["good"], "rated": [row(rated)]}
    ingest_shard(samples, raw, SETTINGS, filtered=filtered_columns(filters))
    correct_shard(raw, drift, list(samples), drift_settings(method="none"))
    filter_shard(raw, drift, quality, list(samples), filters)
    assert read_quality(quality, "rated").counts["chi2"] == 1000
    assert read_quality(quality, "good").not_applied == ("chi2", "z")
    table = Localizations.load(raw, "good")
    assert (list(table.extra), "intensity [photon]" in table.meta["columns"]) == ([], True)


def test_one_bad_file_of_two_skips_the_whole_sample(tmp_path, sheet):
    good, bad = sheet["good"][0], sheet["bad"][0]
    rows = {"both": [row(good["path"], "PolII"), row(bad["path"], "DNA")]}
    ingest_shard(rows, tmp_path / "s.h5", SETTINGS)
    assert list(failures_in([tmp_path / "s.h5"])) == ["both"]


def test_a_skipped_sample_goes_through_all_stages_and_into_the_summary(tmp_path, sheet):
    path = {name: tmp_path / f"{name}.h5" for name in ("raw", "drift", "quality", "nuclei", "voxels", "grids")}
    samples = list(sheet)
    ingest_shard(sheet, path["raw"], SETTINGS)
    correct_shard(path["raw"], path["drift"], samples, drift_settings())
    filter_shard(path["raw"], path["drift"], path["quality"], samples, quality_settings())
    inputs = {name: str(path[name]) for name in ("raw", "drift", "quality")}
    find_shard(inputs, path["nuclei"], samples, search_settings(), {})
    inputs["nuclei"] = str(path["nuclei"])
    voxelize_shard(inputs, path["voxels"], samples, Render(200, 12800), ["PolII", "DNA"])
    grid_shard(inputs, path["grids"], samples, ["PolII", "DNA"])
    qc_shard(inputs, tmp_path / "qc", samples)
    gather([tmp_path / "qc/summary.tsv"], tmp_path / "summary.tsv")
    rows = [{"sample": name, "shard": "s", "replicate": name, "label": name} for name in samples]
    found = assemble({"s": path["voxels"]}, rows, ["PolII", "DNA"], tmp_path / "dataset.h5", {"s": path["grids"]})
    assert found == 1
    summary = pd.read_csv(tmp_path / "summary.tsv", sep="\t", index_col="sample", keep_default_na=False)
    assert summary.loc["good", "skipped"] == ""
    assert summary.loc["bad", "skipped"].startswith("ingest: ")
    assert summary.loc["bad", "flags"] == f"skipped ({summary.loc['bad', 'skipped']})"
    assert "no known format" in summary.loc["bad", "skipped"]
    assert (summary.loc["good", "localizations"], summary.loc["bad", "localizations"]) == ("4000", "")
    assert not (tmp_path / "qc/bad.png").exists()


@pytest.fixture
def half(tmp_path):
    """The files of a sample through all stages up to the nuclei: only that of PolII has z and precision."""
    both = replace(nucleus(8000), z=np.random.default_rng(1).uniform(-300, 300, 8000))
    alone = [both.of_channel(name) for name in both.channels]
    alone[1] = replace(alone[1], z=None, precision=None)
    for name, part in zip(both.channels, alone, strict=True):
        write_thunderstorm(replace(part, channel=0 * part.channel, channels=(name,)), tmp_path / f"{name}.csv")
    path = {name: str(tmp_path / f"{name}.h5") for name in ("raw", "drift", "quality", "nuclei")}
    ingest_shard({"half": [row(tmp_path / f"{name}.csv", name) for name in both.channels]}, path["raw"], SETTINGS)
    correct_shard(path["raw"], path["drift"], ["half"], drift_settings())
    filters = no_filters(precision_nm=(None, 10), extra={"z": (-200, 200)})
    filter_shard(path["raw"], path["drift"], path["quality"], ["half"], filters)
    inputs = {name: path[name] for name in ("raw", "drift", "quality")}
    find_shard(inputs, path["nuclei"], ["half"], search_settings(), {})
    return alone, path


def test_limits_apply_to_the_file_that_has_the_column_and_to_no_other(half, tmp_path):
    (first, second), path = half
    table, quality = Localizations.load(path["raw"], "half"), read_quality(path["quality"], "half")
    own = table.channel == 0
    np.testing.assert_allclose(table.precision[own], first.precision, atol=1e-3)
    assert np.isnan(table.precision[~own]).all()
    expected = (np.round(first.precision, 3) <= 10) & (np.abs(np.round(first.z, 3)) <= 200)
    assert quality.keep[own].tolist() == expected.tolist()
    assert quality.keep[~own].tolist() == len(second) * [True]
    assert quality.not_applied == ()
    qc_shard(path, tmp_path / "qc", ["half"])
    flags = pd.read_csv(tmp_path / "qc/summary.tsv", sep="\t", index_col="sample").loc["half", "flags"]
    share = f"{len(second) / 8000:.0%} of the localizations (DNA): their file lacks this column"
    assert f"limit on 'precision' not applied to {share}" in flags
    assert f"limit on 'z' not applied to {share}" in flags


def test_a_sample_of_which_a_file_lacks_z_is_flat_in_all_later_stages(half, tmp_path):
    (_, second), path = half
    table = load(path["raw"], "half", drift=path["drift"], quality=path["quality"], nuclei=path["nuclei"])
    assert table.z is None
    assert np.isfinite(table.positions).all()
    channels = ["PolII", "DNA"]
    grid_shard(path, tmp_path / "grids.h5", ["half"], channels)
    voxelize_shard(path, tmp_path / "flat.h5", ["half"], Render(200, 12800), channels)
    with h5py.File(tmp_path / "grids.h5") as grids, h5py.File(tmp_path / "flat.h5") as flat:
        assert grids["half/position"].shape[1] == 2
        assert np.isfinite(grids["half/precision"][()][grids["half/channel"][()] == 0]).all()
        assert flat["half/image"][0, 1].sum() == np.count_nonzero(table.of_channel("DNA").nucleus == 1)
    assert np.count_nonzero(table.channel == 1) == len(second)
    deep = Render(200, 12800, dimensions=3, voxel_z_nm=200, depth_nm=800)
    voxelize_shard(path, tmp_path / "deep.h5", ["half"], deep, channels)
    assert "needs z, which this sample lacks" in str(failures_in([tmp_path / "deep.h5"])["half"][0])
    measured = acquisition(Recording.read(path, "half"), np.random.default_rng(0))
    assert measured["precision of PolII"] == pytest.approx(7.5, abs=0.3)
    assert np.isnan(measured["precision of DNA"])


def test_merged_blinks_of_a_file_without_photons_have_none():
    first = np.array([0, 0, 2, 2])
    photons = np.array([100, np.nan, np.nan, np.nan])
    table = Localizations(x=np.zeros(4), y=np.zeros(4), channel=[0, 0, 1, 1], channels=("a", "b"), photons=photons)
    np.testing.assert_array_equal(merge_blinks(table, first).columns["photons"], [100, np.nan])


def test_widths_that_two_files_name_differently_are_limited_in_both():
    names = {"a": ("sigma1", "sigma2"), "b": ("sx", "sy")}
    bare = {"x": np.zeros(2), "y": np.zeros(2), "channel": np.zeros(2)}
    parts = [
        Localizations(**bare, channels=(name,), extra={x: np.array([2.0, 3.0]), y: np.ones(2)})
        for name, (x, y) in names.items()
    ]
    quality = filter_quality(merge(parts), sigma_ratio=(None, 2.5))
    assert quality.keep.tolist() == [True, False, True, False]


def test_the_same_files_give_the_same_bytes_on_one_process_or_two(tmp_path, sheet):
    ingest_shard(sheet, tmp_path / "a.h5", SETTINGS)
    ingest_shard(sheet, tmp_path / "b.h5", SETTINGS, threads=2)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_crosstalk_is_dropped_counted_and_its_residual_reported(tmp_path, sheet):
    settings = replace(SETTINGS, crosstalk=CrosstalkSettings({"PolII": {"DNA": 0.1}}, radius_nm=500))
    ingest_shard({"good": sheet["good"]}, tmp_path / "s.h5", settings)
    table = Localizations.load(tmp_path / "s.h5", "good")
    record = table.meta["crosstalk"]
    assert table.meta["dropped"]["crosstalk"] == record["DNA"]["dropped"] == 4000 - len(table) > 0
    assert record["PolII"]["dropped"] == 0


def test_alignment_is_applied_and_recorded(tmp_path, sheet):
    beads = ["bead,channel,x_nm,y_nm"]
    for bead, (x, y) in enumerate([(0, 0), (20_000, 0), (0, 20_000), (20_000, 20_000)]):
        beads += [f"{bead},PolII,{x},{y}", f"{bead},DNA,{x + 100},{y - 50}"]
    (tmp_path / "beads.csv").write_text("\n".join(beads))
    alignment = AlignmentSettings("beads", str(tmp_path / "beads.csv"), None, pixel_nm=40, reach_nm=500)
    settings = replace(SETTINGS, alignment=alignment)
    ingest_shard({"good": sheet["good"]}, tmp_path / "plain.h5", SETTINGS)
    ingest_shard({"good": sheet["good"]}, tmp_path / "s.h5", settings)
    plain, moved = (Localizations.load(tmp_path / name, "good") for name in ("plain.h5", "s.h5"))
    dna = plain.channel == 1
    np.testing.assert_allclose(moved.x[dna], plain.x[dna] - 100, atol=0.01)
    np.testing.assert_allclose(moved.y[dna], plain.y[dna] + 50, atol=0.01)
    np.testing.assert_array_equal(moved.x[~dna], plain.x[~dna])
    assert moved.meta["alignment"]["channels"]["DNA"]["residual_nm"] == pytest.approx(0, abs=0.01)
    assert "alignment" not in plain.meta
