"""The chain as its users run it."""

import json
import re

import h5py
import numpy as np
import pandas as pd
import pytest

PREPROCESSING = ("ingest", "correct_drift", "filter_quality", "find_nuclei", "qc", "voxelize", "voxelize_views")
PREPROCESSING += ("measure_features", "measure_blurred_features")
LATER = {"assemble": 1, "split": 1, "train": 3, "predict_out_of_fold": 1, "evaluate": 1, "attribute": 1, "report": 1}
LATER |= {"train_controls": 3, "check_attribution": 1, "summarise_attribution": 1}
LATER |= {"explain_localizations": 2, "gather_localizations": 1, "audit_resolution": 1}
ATTRIBUTION = [f"{name}.json" for name in ("sanity", "scorecard", "compartments", "gathering", "truth")]
ATTRIBUTION += [f"{name}.svg" for name in ("class_means", "removal", "compartments", "radial", "examples", "detail")]
ATTRIBUTION += ["localizations/s0001.h5", "localizations/s0001/n0.hdf5", "localizations/s0001/n0.yaml"]
ATTRIBUTION += ["localizations/s0002/n11.csv"]


def after(stage: str) -> dict[str, int]:
    """Jobs from a stage on, in a project of two shards and one experiment of three folds."""
    found = dict.fromkeys(PREPROCESSING[PREPROCESSING.index(stage) :], 2)
    return found | LATER | {"gather_qc": 1, "fit_canvas": 1, "compare_with_truth": 1}


def test_every_file_of_the_contract_is_there(finished):
    results = finished.folder / "results"
    for stage in ("localizations", "drift", "quality", "nuclei", "voxels/context400", "voxels/views"):
        assert {path.name for path in (results / stage).glob("*.h5")} == {"s0001.h5", "s0002.h5"}
    experiment = results / "experiments" / "small"
    for name in ("dataset.h5", "folds.tsv", "predictions.tsv", "metrics.json", "report.html"):
        assert (experiment / name).stat().st_size > 0
    for name in ("evaluation/roc.svg", "evaluation/confusion.svg", "attribution/maps.h5", "attribution/scorecard.json"):
        assert (experiment / name).stat().st_size > 0
    explained = {f"attribution/{name}" for name in ATTRIBUTION}
    assert {name for name in explained if not (experiment / name).stat().st_size} == set()
    for fold in range(3):
        folder = experiment / "models" / f"repeat0-fold{fold}"
        assert {path.name for path in folder.iterdir()} == {"model.safetensors", "model.json", "history.tsv"}
    assert len(pd.read_csv(results / "qc" / "summary.tsv", sep="\t")) == 12
    assert len(list((results / "qc").glob("*/*.png"))) == 12


def test_stages_add_columns_and_only_ingest_writes_coordinates(finished):
    results = finished.folder / "results"
    with h5py.File(results / "localizations" / "s0001.h5") as file:
        assert {"x", "y", "frame", "photons", "channel"} <= set(file["n0"])
        n, frames = len(file["n0"]["x"]), np.unique(file["n0"]["frame"][()])
    with h5py.File(results / "drift" / "s0001.h5") as file:
        assert np.array_equal(file["n0"]["0"]["frame"][()], frames)
        assert file["n0"]["0"]["shift"].shape == (len(frames), 2)
    with h5py.File(results / "quality" / "s0001.h5") as file:
        assert not {"x", "y", "frame"} & set(file["n0"])
        assert file["n0"]["reason"].shape == (n,)
    with h5py.File(results / "nuclei" / "s0001.h5") as file:
        assert file["n0"]["label"].shape == (n,)


def test_predictions_are_out_of_fold_and_folds_keep_replicates_together(finished):
    experiment = finished.folder / "results" / "experiments" / "small"
    folds = pd.read_csv(experiment / "folds.tsv", sep="\t")
    assert folds.groupby("replicate")["fold"].nunique().max() == 1
    predictions = pd.read_csv(experiment / "predictions.tsv", sep="\t")
    assert list(predictions) == [*folds, "predicted", "p_somatic", "p_hiPSC"]
    assert sorted(predictions["nucleus"]) == sorted(f"n{k}/1" for k in range(12))
    for path in experiment.glob("models/*/model.json"):
        info = json.loads(path.read_text())
        held_out = set(folds.loc[folds["fold"] == info["fold"], "replicate"])
        assert not held_out & set(info["training_replicates"])


def test_the_metrics_have_the_form_of_the_contract(finished):
    metrics = json.loads((finished.folder / "results/experiments/small/metrics.json").read_text())
    assert (metrics["n"], metrics["classes"]) == (12, ["somatic", "hiPSC"])
    for name in ("balanced_accuracy", "auroc", "mcc", "brier", "ece"):
        assert len(metrics["metrics"][name]["ci"]) == 2
    assert metrics["baselines"]["confounders"]["balanced_accuracy"]["value"] <= 1
    assert len(metrics["per_fold"]) == len(metrics["per_replicate"]) == 3


def test_localizations_with_their_attribution_add_up_to_the_maps(finished):
    folder = finished.folder / "results/experiments/small/attribution"
    best = json.loads((folder / "scorecard.json").read_text())["best"]
    with h5py.File(folder / "maps.h5") as file:
        total = dict(zip(file["nucleus"].asstr()[()], file[best][()].sum(axis=(1, 2, 3)), strict=True))
        detail, start = file[f"detail/{best}"][()], file["detail/start"][()]
        for place, name in enumerate(file["detail/nucleus"].asstr()[()]):
            total[name] += detail[start[place] : start[place + 1]].sum()
    assert (len(start) - 1, len(total)) == (4, 12)
    with h5py.File(folder / "localizations/s0001.h5") as file:
        for sample, group in file.items():
            values, number = group["attribution"][()], group["nucleus"][()]
            assert np.isclose(values[number == 1].sum(), total[f"{sample}/1"], rtol=1e-3, atol=1e-4)
    rows = pd.read_csv(folder / "localizations/s0001/n0.csv")
    assert {"x [nm]", "y [nm]", "frame", "attribution", "nucleus"} <= set(rows)
    assert len(rows) > 500


@pytest.mark.slow
@pytest.mark.overnight
def test_crops_alone_explain_each_localization(finished, tmp_path):
    project = finished.copy(tmp_path / "project")
    config = project.config()
    config["experiments"]["small"]["views"]["context"] = None
    config["experiments"]["small"]["attribution"]["detail_nuclei"] = "all"
    project.write_config(config)
    folder = "results/experiments/small/attribution"
    project.run()
    with h5py.File(project.folder / folder / "maps.h5") as file:
        assert list(file.attrs["methods"]) == []
        best = json.loads((project.folder / folder / "scorecard.json").read_text())["best"]
        exact = file[f"detail/{best}"][()]
    tables = sorted((project.folder / folder / "localizations").glob("*.h5"))
    with h5py.File(tables[0]) as first, h5py.File(tables[1]) as second:
        groups = {**first, **second}
        found = np.concatenate([groups[f"n{k}"]["attribution"][()] for k in range(12)])
        assert np.array_equal(np.sort(found), np.sort(exact))
    assert (project.folder / "results/experiments/small/report.html").stat().st_size > 0


def test_a_second_run_plans_no_job(finished):
    assert finished.planned() == {}


def test_an_edited_threshold_reruns_the_filter_and_what_follows(project):
    config = project.config()
    config["quality"] = {"photons": [400, None]}
    project.write_config(config)
    assert project.planned() == after("filter_quality")


def test_an_edited_module_reruns_its_stage_and_what_follows(project):
    with open(project.folder / "src" / "ainu" / "drift" / "correction.py", "a") as file:
        file.write("\nEDITED = 1\n")
    assert project.planned() == after("correct_drift")


def test_another_learning_rate_reruns_training_but_no_preprocessing(project):
    config = project.config()
    config["experiments"]["small"]["training"]["learning_rate"] = 0.002
    project.write_config(config)
    planned = project.planned()
    assert planned["train"] == 3
    assert not {*PREPROCESSING, "assemble", "split"} & set(planned)


def test_a_new_experiment_on_the_same_data_reuses_every_shard(project):
    config = project.config()
    config["experiments"]["other"] = config["experiments"]["small"] | {"channels": ["PolII"]}
    project.write_config(config)
    assert project.planned() == LATER | {"compare_with_truth": 1}


def test_more_samples_at_the_end_leave_full_shards_alone(project):
    sheet = project.folder / "config" / "samples.tsv"
    source = project.folder / "raw.csv"
    source.write_bytes((project.folder / "results" / "simulated" / "n1.csv").read_bytes())
    sheet.write_text(sheet.read_text() + "new\traw.csv\t0:PolII,1:DNA\tsomatic\tr0\t\n")
    planned = project.planned()
    wanted = dict.fromkeys(PREPROCESSING, 1) | {"voxelize": 3}  # the new nucleus may need a larger canvas
    assert {stage: planned[stage] for stage in PREPROCESSING} == wanted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("n3\t", "n2\t"), "n2"),
        (("\tr0\t", "\t\t"), "replicate"),
        (("PolII:PolII,", "PolII:Pol2,"), "PolII"),
        (("results/simulated/n4.bin", "raw/n4.bin"), "raw/n4.bin"),
        (("label", "class"), "class"),
    ],
)
def test_a_broken_sheet_starts_no_job_and_says_what_is_wrong(project, change, message):
    sheet = project.folder / "config" / "samples.tsv"
    sheet.write_text(sheet.read_text().replace(*change))
    (project.folder / "results" / "localizations" / "s0001.h5").unlink()
    done = project.snakemake()
    assert done.returncode != 0
    assert message in done.stderr
    assert "config/samples.tsv" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.folder / "results" / "localizations" / "s0001.h5").exists()


def test_all_mistakes_of_a_config_are_listed_at_once(project):
    config = project.config()
    config |= {"sede": 3, "shard_size": "many", "channels": ["PolII", "H3"]}
    project.write_config(config)
    done = project.snakemake()
    assert done.returncode != 0
    assert all(word in done.stderr for word in ("sede", "shard_size", "H3"))


def samples_of(path):
    """What a file of a shard holds of each sample that is not left out."""
    with h5py.File(path) as file:
        return {name: len(group) for name, group in file.items() if len(group)}


@pytest.mark.slow
def test_a_file_that_cannot_be_read_stops_the_run_once_the_others_are_imaged_or_costs_its_sample(project, finished):
    sheet = project.folder / "config" / "samples.tsv"
    (project.folder / "bad.csv").write_text('"frame","x [nm]","y [nm]"\n1,2,three\n')
    row = "n1\t{}\t{}\thiPSC\tr0\t"
    here = row.format("results/simulated/n1.csv", "0:PolII,1:DNA")
    broken = [row.format("bad.csv", "PolII"), row.format("results/simulated/n1.csv", "1:DNA")]
    assert here in sheet.read_text()
    sheet.write_text(sheet.read_text().replace(here, "\n".join(broken)))
    done = project.snakemake("results/experiments/small/dataset.h5")
    assert done.returncode != 0
    assert re.search(r"ainu: 1 of 6 samples failed\n +n1: .*bad\.csv.*", done.stderr)
    assert re.search(
        r"files of 1 of 12 samples could not be read\n  n1: .*bad\.csv.*\n.*on_bad_file: skip", done.stderr
    )
    assert re.search(r"ainu: samples left out\n  n1: ingest: .*bad\.csv", done.stderr)
    assert not list((project.folder / "results" / "localizations").glob(".*"))
    voxels = "results/voxels/context400/s0001.h5"
    before = samples_of(finished.folder / voxels)
    assert samples_of(project.folder / voxels) == {name: n for name, n in before.items() if name != "n1"}
    config = project.config()
    config["ingest"] = {"on_bad_file": "skip"}
    project.write_config(config)
    assert project.planned("results/experiments/small/dataset.h5") == {"assemble": 1}
    done = project.snakemake("results/qc/summary.tsv")
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"ainu: samples left out\n  n1: .*bad\.csv", done.stderr)
    table = pd.read_csv(project.folder / "results/qc/summary.tsv", sep="\t").set_index("sample")
    before = pd.read_csv(finished.folder / "results/qc/summary.tsv", sep="\t").set_index("sample")
    others = table.index != "n1"
    pd.testing.assert_series_equal(table.loc[others, "nuclei"], before.loc[others, "nuclei"], check_dtype=False)


def test_a_run_with_a_file_that_cannot_be_read_ends_badly_whatever_it_is_to_make(project):
    sheet = project.folder / "config" / "samples.tsv"
    (project.folder / "bad.csv").write_text("prose")
    sheet.write_text(sheet.read_text().replace("results/simulated/n1.csv", "bad.csv"))
    done = project.snakemake("results/fingerprints/s0001.h5")
    assert done.returncode != 0
    assert re.search(r"ainu: samples left out\n  n1: ingest: .*bad\.csv", done.stderr)
    assert "set ingest.on_bad_file: skip" in done.stderr
    assert "Traceback" not in done.stderr
    assert set(samples_of(project.folder / "results/fingerprints/s0001.h5")) == {"n0", "n2", "n3", "n4", "n5"}


@pytest.mark.slow
def test_a_sample_that_fails_in_a_later_stage_costs_itself_alone_and_the_others_reach_the_report(project, finished):
    sheet = project.folder / "config" / "samples.tsv"
    header, *lines = (project.folder / "results/simulated/n1.csv").read_text().splitlines()
    cells = dict(zip(header.split(","), lines[-1].split(","), strict=True))
    stray = ",".join("2e6" if name in ('"x [nm]"', '"y [nm]"') else value for name, value in cells.items())
    (project.folder / "stray.csv").write_text("\n".join([header, *lines, stray]) + "\n")
    sheet.write_text(sheet.read_text().replace("results/simulated/n1.csv", "stray.csv"))
    config = project.config()
    config["experiments"]["small"] |= {"folds": 2, "audit": {"networks": [], "resolution": []}}
    config["experiments"]["small"]["attribution"] |= {"methods": ["grad_cam"]}
    project.write_config(config)
    done = project.snakemake("results/experiments/small/report.html")
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"ainu: 1 of 6 samples failed\n  n1: nuclei.pixel_nm: 100 makes a raster", done.stderr)
    assert re.search(r"ainu: samples left out\n  n1: find_nuclei: nuclei.pixel_nm: 100 makes a raster", done.stderr)
    results, before = project.folder / "results", finished.folder / "results"
    page = (results / "experiments/small/report.html").read_text()
    assert "Sample n1 was skipped: find_nuclei: nuclei.pixel_nm: 100 makes a raster" in page
    for stage in ("nuclei", "voxels/context400", "voxels/views", "features"):
        found, old = (samples_of(folder / stage / "s0001.h5") for folder in (results, before))
        assert found == {name: n for name, n in old.items() if name != "n1"}
    predictions = pd.read_csv(results / "experiments/small/predictions.tsv", sep="\t")
    assert sorted(predictions["sample"]) == sorted(f"n{k}" for k in range(12) if k != 1)
    summary = (results / "qc/summary.tsv").read_text().splitlines()
    changed = set(summary) ^ set((before / "qc/summary.tsv").read_text().splitlines())
    assert {line.partition("\t")[0] for line in changed} == {"n1"}
    assert project.planned("results/experiments/small/report.html") == {}


def test_cleaned_tables_are_exported_for_other_programs(project):
    from ainu import read

    config = project.config()
    config["export"] = {"formats": ["picasso", "thunderstorm"]}
    project.write_config(config)
    project.run("--until", "export")
    for ending in ("picasso/s0001/n0.hdf5", "thunderstorm/s0001/n0.csv"):
        table = read(project.folder / "results" / "export" / ending, channels="0:PolII,1:DNA")
        assert len(table) > 3000


def test_initial_weights_come_from_another_experiment(project):
    config = project.config()
    config["experiments"]["next"] = config["experiments"]["small"] | {"init_from": "small"}
    project.write_config(config)
    project.run("results/experiments/next/models/repeat0-fold1/model.json")
    info = json.loads((project.folder / "results/experiments/next/models/repeat0-fold1/model.json").read_text())
    for view in ("detail", "context"):
        assert info["views"][view]["initial"]["fold"] == 1
        assert info["views"][view]["initial"]["tensors_left_random"] == 0


def test_the_slurm_profile_plans_the_run_and_asks_for_a_gpu(project):
    done = project.snakemake("--profile", "slurm", "--dry-run", "--forcerun", "train", "--printshellcmds")
    assert done.returncode == 0, done.stderr[-2000:]
    training = re.findall(r"rule train:.*?resources: ([^\n]*)", done.stdout + done.stderr, re.S)
    assert len(training) == 3
    assert all("gpu=1" in line and "mem_mb=" in line and "runtime=" in line for line in training)


@pytest.mark.parametrize(("gigabytes", "asked"), [(0.001, 4000), (0.5, 10_240), (2, 16_000)])
def test_a_training_asks_for_its_data_unpacked_up_to_what_is_memory_mapped(project, gigabytes, asked):
    with (project.folder / "results/experiments/small/dataset.h5").open("r+b") as file:
        file.truncate(int(gigabytes * 2**30))
    target = "results/experiments/small/models/repeat0-fold0/model.safetensors"
    done = project.snakemake(target, "--dry-run", "--forcerun", "train", "--rerun-triggers", "code")
    assert f"mem_mb={asked}," in done.stdout


@pytest.mark.slow
def test_one_file_under_two_names_stops_before_training_and_both_are_named(project):
    sheet = project.folder / "config" / "samples.tsv"
    copy = project.folder / "copy.csv"
    copy.write_bytes((project.folder / "results" / "simulated" / "n1.csv").read_bytes())
    sheet.write_text(sheet.read_text() + "again\tcopy.csv\t0:PolII,1:DNA\thiPSC\tr2\t\n")
    (project.folder / "results/experiments/small/models/repeat0-fold0/model.json").unlink()
    done = project.snakemake("results/experiments/small/metrics.json")
    assert done.returncode != 0
    assert re.search(r"n1 \(replicate 'r0'.*and again \(replicate 'r2'.*identical files", done.stderr)
    assert "rule train:" not in done.stdout + done.stderr
    assert not (project.folder / "results/experiments/small/models/repeat0-fold0/model.json").exists()


def test_every_audit_is_in_the_metrics_and_every_picture_drawn(finished):
    experiment = finished.folder / "results" / "experiments" / "small"
    metrics = json.loads((experiment / "metrics.json").read_text())
    audits = [audit["audit"] for audit in metrics["audits"]]
    trained = finished.config()["experiments"]["small"]["audit"]["networks"]
    assert trained == ["merged_blinks", "outline"]
    assert audits == ["confounders", "features", *trained, "replicate"]
    assert metrics["leakage"]["pairs"] == 12 * 11 / 2
    assert metrics["test"] is None
    assert 0 < metrics["permutation"]["p"] <= 1
    assert len(metrics["permutation"]["baselines"]["features"]["null"]) == 20
    for name in ("precision_recall", "reliability", "embedding", "errors", "permutation", "learning_curve"):
        assert (experiment / "evaluation" / f"{name}.svg").stat().st_size > 0
    controls = pd.concat(pd.read_csv(path, sep="\t") for path in sorted((experiment / "controls").glob("fold*.tsv")))
    assert controls.groupby("control")["nucleus"].nunique().to_dict() == dict.fromkeys(trained, 12)
    assert not list((experiment / "controls").glob("*.pt"))
