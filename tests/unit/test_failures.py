"""A sample that fails in a stage: all later stages leave it out, and every message gives the reason."""

import json
from dataclasses import replace
from functools import wraps
from importlib import import_module

import h5py
import numpy as np
import pandas as pd
import pytest
from defaults import drift_settings, no_filters, search_settings

from ainu import AinuError
from ainu.attribution.clustering import _nuclei
from ainu.attribution.per_localization import Source, explain_shard
from ainu.drift.correction import correct_shard
from ainu.evaluation import feature_table, features
from ainu.failures import SampleFailure
from ainu.files import read_table
from ainu.folds.fingerprints import fingerprint_shard, read_fingerprints
from ainu.hdf5 import new_file
from ainu.images import dataset
from ainu.images.assemble import assemble
from ainu.images.ome_tiff import export_images
from ainu.images.render import Render, fit_canvas, voxelize_shard
from ainu.localizations import export
from ainu.localizations.table import Localizations
from ainu.nuclei.find import find_shard
from ainu.nuclei.table import read_nuclei
from ainu.quality.filters import filter_shard
from ainu.quality.gather import gather
from ainu.quality.summary import qc_shard
from ainu.shards import failures_in

RENDER = Render(400, 12_800)
STAGES = ("raw", "drift", "quality", "nuclei")


def table(seed: int, *, bad: bool = False, z: bool = False) -> Localizations:
    """A round nucleus."""
    rng = np.random.default_rng(seed)
    n = 1500
    angle, radius = rng.uniform(0, 2 * np.pi, n), 5000 * np.sqrt(rng.uniform(0, 1, n))
    return Localizations(
        x=10_000 + radius * np.cos(angle),
        y=10_000 + radius * np.sin(angle),
        z=rng.uniform(-300, 300, n) if z else None,
        frame=np.sort(rng.integers(0, 500, n)),
        photons=rng.gamma(3, 800, n) + 300,
        precision=rng.uniform(5, 15, n),
        channel=rng.integers(0, 2, n),
        channels=("PolII", "DNA"),
        meta={"acquisition": [0, 0], "bad": bad, "sha256": str(seed)},
    )


TABLES = {"a": table(0), "bad": table(1, bad=True), "c": table(2)}


def chain(folder, tables, render=RENDER) -> dict[str, str]:
    """All stages up to a dataset, and those beside."""
    names = (*STAGES, "voxels", "features", "fingerprints")
    paths, samples = {name: str(folder / f"{name}.h5") for name in names}, list(tables)
    with new_file(paths["raw"]) as file:
        for name, own in tables.items():
            own.write(file.create_group(name))
    inputs = {name: paths[name] for name in STAGES}
    correct_shard(paths["raw"], paths["drift"], samples, drift_settings(method="none"))
    filter_shard(paths["raw"], paths["drift"], paths["quality"], samples, no_filters())
    find_shard(inputs, paths["nuclei"], samples, search_settings(method="whole", area_um2=(None, None)), {})
    voxelize_shard(inputs, paths["voxels"], samples, render, ["PolII", "DNA"], name="tiny")
    features.measure_shard(inputs, paths["features"], samples, 0)
    fingerprint_shard(paths["raw"], paths["fingerprints"], samples)
    qc_shard(inputs, folder / "qc", samples)
    beside = [paths[name] for name in ("voxels", "features", "fingerprints")]
    gather([folder / "qc/summary.tsv"], folder / "summary.tsv", beside)
    return paths


def assembled(paths, folder, samples, **settings):
    rows = [{"sample": name, "shard": "s", "replicate": name, "label": name} for name in samples]
    of = {"fingerprints": [paths["fingerprints"]]} | settings
    assemble({"s": paths["voxels"]}, rows, ["PolII", "DNA"], folder / "dataset.h5", **of)
    return dataset.read(folder / "dataset.h5")


def contents(path, samples) -> dict[str, object]:
    found = {}

    def take(name, item):
        attributes = {key: np.asarray(value).tolist() for key, value in item.attrs.items()}
        values = item[()].tobytes() if isinstance(item, h5py.Dataset) and item.dtype.kind != "O" else None
        found[name] = (attributes, values)

    with h5py.File(path) as file:
        for sample in samples:
            take(sample, file[sample])
            file[sample].visititems(lambda name, item, sample=sample: take(f"{sample}/{name}", item))
    return found


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A run without the bad sample."""
    folder = tmp_path_factory.mktemp("good")
    return chain(folder, {name: TABLES[name] for name in ("a", "c")}), folder


def broken(monkeypatch, module, name) -> None:
    """Let a function of a stage fail for the bad sample."""
    home = import_module(f"ainu.{module}")
    function = getattr(home, name)

    @wraps(function)
    def fails(first, *arguments, **settings):
        if getattr(first, "table", first).meta.get("bad"):
            raise ValueError("zero-size array")
        return function(first, *arguments, **settings)

    monkeypatch.setattr(home, name, fails)


CASES = {
    "correct_drift": ("drift.correction", "measure_sample", False),
    "filter_quality": ("quality.filters", "apply_filters", False),
    "find_nuclei": ("nuclei.find", "locate_nuclei", False),
    "voxelize tiny": ("images.render", "voxelize", False),
    "fingerprint": ("folds.fingerprints", "fingerprint", False),
    "measure_features": ("evaluation.features", "nucleus_features", True),
    "qc": ("quality.summary", "summary_row", True),
}
"""By stage: a function of its module, and whether the sample's nuclei are in the dataset all the same."""


@pytest.mark.parametrize("stage", CASES)
def test_a_failed_sample_is_reported_and_the_others_are_as_without_it(tmp_path, monkeypatch, good, stage):
    module, function, stays = CASES[stage]
    broken(monkeypatch, module, function)
    paths = chain(tmp_path, TABLES)
    for name, path in paths.items():
        assert contents(path, ["a", "c"]) == contents(good[0][name], ["a", "c"])
    summary = pd.read_csv(tmp_path / "summary.tsv", sep="\t", dtype=str, keep_default_na=False, index_col="sample")
    assert summary.loc["bad", "skipped"] == f"{stage}: ValueError: zero-size array"
    assert (summary.loc[["a", "c"], "skipped"] == "").all()
    before = pd.read_csv(good[1] / "summary.tsv", sep="\t", dtype=str, keep_default_na=False, index_col="sample")
    pd.testing.assert_frame_equal(summary.loc[["a", "c"]], before)
    found = assembled(paths, tmp_path, TABLES)
    assert found.sample.tolist() == (["a", "bad", "c"] if stays else ["a", "c"])


def test_features_that_could_not_be_measured_are_unknown(tmp_path, monkeypatch):
    broken(monkeypatch, "evaluation.features", "nucleus_features")
    paths = chain(tmp_path, TABLES)
    found = feature_table.read_features([paths["features"]], ["c/1", "bad/1", "a/1"], ("PolII", "DNA"))
    assert found.index.tolist() == ["c/1", "bad/1", "a/1"]
    assert found.loc["bad/1"].isna().all()
    assert found.loc[["a/1", "c/1"]].notna().any(axis=None)
    with pytest.raises(AinuError, match="measure_features failed for every sample"):
        feature_table.read_features([paths["features"]], ["bad/1"], ("PolII", "DNA"))


def test_a_render_that_needs_z_costs_a_sample_without_it_and_stops_where_none_has_it(tmp_path):
    deep = replace(RENDER, dimensions=3, voxel_z_nm=400, depth_nm=800)
    tables = {"a": table(0, z=True), "flat": table(1), "c": table(2, z=True)}
    paths = chain(tmp_path, tables, deep)
    (why,) = failures_in([paths["voxels"]])["flat"]
    assert str(why) == "voxelize tiny: a render in 3 dimensions needs z, which this sample lacks; set dimensions: 2"
    assert assembled(paths, tmp_path, tables).sample.tolist() == ["a", "c"]
    with pytest.raises(AinuError, match=r"3 of 3 samples failed\n  a: a render in 3 dimensions needs z"):
        chain(tmp_path / "flat", {name: table(1) for name in "abc"}, deep)


@pytest.fixture
def without_bad(tmp_path, monkeypatch):
    """A run in which a sample failed in the search for nuclei."""
    broken(monkeypatch, "nuclei.find", "locate_nuclei")
    return chain(tmp_path, TABLES)


def test_a_dataset_of_failed_samples_alone_is_an_error_that_names_them(without_bad, tmp_path):
    with pytest.raises(AinuError, match=r"all samples failed\n  bad: find_nuclei: ValueError"):
        assembled(without_bad, tmp_path, ["bad"])
    assert not (tmp_path / "dataset.h5").exists()


def test_a_sample_that_failed_after_ingest_does_not_stop_a_strict_run(without_bad, tmp_path, capsys):
    assert len(assembled(without_bad, tmp_path, TABLES, on_bad_file="fail")) == 2
    assert "ainu: 1 of 3 samples are left out\n  bad: find_nuclei: ValueError" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_stops_a_strict_run_before_its_dataset(tmp_path, good):
    paths, _ = good
    lost = tmp_path / "voxels.h5"
    with h5py.File(paths["voxels"]) as source, h5py.File(lost, "w") as file:
        source.copy(source["a"], file, name="a")
        file.create_group("c").attrs["left_out"] = json.dumps({"stage": "ingest", "why": "c.csv: row 7"})
    changed = paths | {"voxels": str(lost)}
    with pytest.raises(AinuError, match=r"files of 1 of 2 samples could not be read\n  c: ingest: c.csv: .*\n.*skip"):
        assembled(changed, tmp_path, ["a", "c"], on_bad_file="fail")
    assert assembled(changed, tmp_path, ["a", "c"], on_bad_file="skip").sample.tolist() == ["a"]
    assert assembled(changed, tmp_path, ["a"], on_bad_file="fail").sample.tolist() == ["a"]


def test_those_who_read_samples_get_the_reason_and_those_who_read_shards_pass_it_over(without_bad, tmp_path):
    inputs = {name: without_bad[name] for name in STAGES}
    with pytest.raises(SampleFailure, match="find_nuclei: ValueError"):
        read_nuclei(inputs["nuclei"], "bad")
    fit_canvas([inputs["nuclei"]], Render(100, "fitted"), tmp_path / "canvas.json")
    export.export_shard(inputs, tmp_path / "tables", list(TABLES), "thunderstorm")
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == ["a.csv", "c.csv"]
    export_images(without_bad["voxels"], tmp_path / "images")
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["a_1.ome.tif", "c_1.ome.tif"]
    recordings = read_fingerprints([without_bad["fingerprints"]], list(TABLES))
    assert [recording.sample for recording in recordings] == ["a", "bad", "c"]


def test_localizations_of_nuclei_that_are_not_in_the_dataset_have_no_attribution(tmp_path, good):
    paths, _ = good
    found = assembled(paths, tmp_path, ["a"])
    with new_file(tmp_path / "maps.h5") as file:
        file["occlusion"] = np.ones(found.image.shape, np.float32)
    source = Source(str(tmp_path / "dataset.h5"), str(tmp_path / "maps.h5"), "occlusion")
    inputs = {name: paths[name] for name in STAGES}
    explain_shard(inputs, source, ["a", "c"], tmp_path / "t.h5", tmp_path / "t", ["picasso", "thunderstorm"])
    assert {sample for sample, _, _ in _nuclei([tmp_path / "t.h5"])} == {"a"}


def test_a_shard_whose_samples_all_failed_has_its_row_each(tmp_path):
    with new_file(tmp_path / "raw.h5") as file:
        for name in ("a", "b"):
            file.create_group(name).attrs["left_out"] = json.dumps({"stage": "ingest", "why": f"{name}.csv is empty"})
    paths = {name: str(tmp_path / "raw.h5") for name in STAGES}
    qc_shard(paths, tmp_path / "qc", ["a", "b"])
    rows = read_table(tmp_path / "qc/summary.tsv")
    assert rows["skipped"].tolist() == ["ingest: a.csv is empty", "ingest: b.csv is empty"]
