"""Predicting new cells: by the experiments of a run, and by packed models where the training data are not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from project import Project, clone

from ainu import simulate
from ainu.files import read_json
from ainu.localizations.formats.writers import write

ROWS = [
    "sample\tpath\tchannels\tlabel\treplicate\trole",
    "new\tnew.csv\t0:PolII,1:DNA\t\tr9\t",
    "locked\tlocked.csv\t0:PolII,1:DNA\thiPSC\tr8\ttest",
]
COLUMNS = ["nucleus", "sample", "replicate", "label", "repeat", "predicted", "p_somatic", "p_hiPSC"]


@pytest.fixture(scope="module")
def trained(finished, tmp_path_factory) -> Project:
    """The finished run with two more samples, which were predicted. Do not change it."""
    project = finished.copy(tmp_path_factory.mktemp("trained") / "project")
    folder = project.folder
    shutil.copy(folder / "results" / "simulated" / "n1.csv", folder / "new.csv")
    write(simulate("hiPSC", 99)[0], folder / "locked.csv")
    sheet = (folder / "config" / "samples.tsv").read_text().splitlines()
    old = [f"{line}\t{'role' if number == 0 else 'train'}" for number, line in enumerate(sheet)]
    new = ["\t".join([*line.split("\t")[:5], "", line.split("\t")[5]]) for line in ROWS[1:]]
    (folder / "config" / "samples.tsv").write_text("\n".join([*old, *new]) + "\n")
    config = project.config()
    config["experiments"]["small"] |= {"audit": {"networks": [], "resolution": []}}
    project.write_config(config)
    project.run("predict")
    return project


@pytest.fixture
def elsewhere(trained, tmp_path) -> Project:
    """Another machine: the program, two new files, packed models, and no experiment."""
    return moved(trained, "small", tmp_path / "elsewhere")


def moved(trained: Project, experiment: str, folder: Path) -> Project:
    """A clone with the packed models of an experiment and the two new files, and nothing else of the trained one."""
    project = clone(folder)
    pack = trained.folder / "results" / "experiments" / experiment / "ainu-model"
    shutil.copytree(pack, project.folder / "models" / "ainu-model")
    for sample in ("new", "locked"):
        shutil.copy(trained.folder / f"{sample}.csv", project.folder)
    (project.folder / "config" / "samples.tsv").write_text("\n".join(ROWS) + "\n")
    measured = read_json(pack / "ainu-model.json")["render"]["canvas_nm"]
    render = {"voxel_nm": 400, "canvas_nm": measured}
    project.write_config(
        {
            "samples": "config/samples.tsv",
            "channels": ["PolII", "DNA"],
            "renders": {"of-my-own": render},
            "predict": {"models": {"mine": "models/ainu-model"}},
        }
    )
    return project


def predictions(project: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(project.folder / "results" / "predictions" / f"{name}.tsv", sep="\t", keep_default_na=False)


def test_unlabelled_and_test_samples_are_predicted_with_set_flag_and_call(trained):
    table = predictions(trained, "small")
    assert list(table) == [*COLUMNS, "prediction_set", "ood", "unlike_training", "call"]
    assert table["nucleus"].tolist() == ["new/1", "locked/1"]
    assert table["label"].tolist() == ["", "hiPSC"]
    assert table["unlike_training"].dtype == bool
    assert (table["unlike_training"] == (table["call"] == "unlike training")).all()
    assert np.isclose(table["p_somatic"] + table["p_hiPSC"], 1, atol=1e-4).all()
    assert set(table["prediction_set"][0].split("|")) <= {"somatic", "hiPSC", ""}
    assert table["ood"][0] > 0


def test_unlabelled_and_test_samples_are_never_trained_on(trained):
    folds = pd.read_csv(trained.folder / "results/experiments/small/folds.tsv", sep="\t")
    assert set(folds["sample"]) == {f"n{k}" for k in range(12)}


def test_the_hold_out_is_scored_once_and_the_look_is_written_down(trained):
    results = trained.folder / "results"
    test = read_json(results / "experiments/small/metrics.json")["test"]
    assert (test["n"], test["looks"]) == (1, 1)
    assert "No nucleus of somatic" in test["says"]
    (look,) = read_json(results / "hold-out/small.json")
    assert look["models"] == test["models"]
    assert look["when"].startswith("20")


@pytest.mark.slow
def test_a_hold_out_that_was_trained_on_stops_the_run(trained, tmp_path):
    project = trained.copy(tmp_path / "project")
    shutil.copy(project.folder / "results/simulated/n5.csv", project.folder / "locked.csv")
    done = project.snakemake("results/experiments/small/metrics.json")
    assert done.returncode != 0
    assert "n5 (replicate 'r2', label 'hiPSC', role train) and locked (replicate 'r8'" in done.stderr


def test_nothing_is_left_to_do_after_a_prediction(trained):
    assert trained.planned("predict") == {}
    assert not list((trained.folder / "results/experiments/small").glob(".ainu-model*"))


def test_a_pack_predicts_the_same_bytes_on_a_machine_without_the_training_data(trained, elsewhere):
    assert set(elsewhere.planned("predict")) == {
        *("ingest", "correct_drift", "filter_quality", "find_nuclei", "voxelize", "voxelize_views"),
        *("assemble_unseen", "predict_unseen", "predict"),
    }
    elsewhere.run()
    ours, theirs = (
        project.folder / "results" / "predictions" / f"{name}.tsv"
        for project, name in ((trained, "small"), (elsewhere, "mine"))
    )
    assert theirs.read_bytes() == ours.read_bytes()
    assert (elsewhere.folder / "results" / "qc" / "summary.tsv").exists()
    assert elsewhere.planned() == {}


def test_packed_models_in_a_folder_with_braces_predict_the_same_bytes(trained, elsewhere):
    (elsewhere.folder / "models" / "ainu-model").rename(elsewhere.folder / "models" / "{predictor}")
    elsewhere.write_config(elsewhere.config() | {"predict": {"models": {"mine": "models/{predictor}"}}})
    elsewhere.run("predict")
    ours, theirs = trained.folder / "results/predictions/small.tsv", elsewhere.folder / "results/predictions/mine.tsv"
    assert theirs.read_bytes() == ours.read_bytes()


@pytest.mark.slow
@pytest.mark.overnight
@pytest.mark.parametrize(
    "own",
    [{"views": {"context": None}}, {"views": {"detail": None}}, {"augmentation": {"thin": 0.3, "test_time": 2}}],
)
def test_a_pack_of_any_views_predicts_the_same_bytes_elsewhere(trained, tmp_path, own):
    project = trained.copy(tmp_path / "project")
    config = project.config()
    small = config["experiments"]["small"]
    views = small["views"] | own.get("views", {})
    config["experiments"] = {"other": small | own | {"attribution": {"methods": []}, "views": views}}
    project.write_config(config)
    project.run("predict")
    ours = project.folder / "results" / "predictions" / "other.tsv"
    theirs = moved(project, "other", tmp_path / "elsewhere")
    theirs.run()
    assert (theirs.folder / "results" / "predictions" / "mine.tsv").read_bytes() == ours.read_bytes()


def test_other_preparation_than_that_of_the_training_data_is_told_in_the_log(elsewhere):
    elsewhere.write_config(elsewhere.config() | {"quality": {"photons": [250, None]}})
    elsewhere.run("predict")
    log = (elsewhere.folder / "results/logs/predict_unseen/mine.log").read_text()
    assert "quality.photons: [250, None]; for the training data: [300, None]" in log


def with_channels(project: Project) -> None:
    config = project.config() | {"channels": ["PolII"]}
    project.write_config(config)


def render_of(project: Project) -> dict:
    return project.config()["renders"]["of-my-own"]


def with_voxel(project: Project) -> None:
    project.write_config(project.config() | {"renders": {"finer": render_of(project) | {"voxel_nm": 200}}})


def with_canvas(project: Project) -> None:
    project.write_config(project.config() | {"renders": {"wider": render_of(project) | {"canvas_nm": 16000}}})


def with_schema(project: Project) -> None:
    path = project.folder / "models" / "ainu-model" / "ainu-model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 99}))


def with_damage(project: Project) -> None:
    path = project.folder / "models" / "ainu-model" / "models" / "repeat0-fold1" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def without_pack(project: Project) -> None:
    shutil.rmtree(project.folder / "models")


def without_new_samples(project: Project) -> None:
    sheet = project.folder / "config" / "samples.tsv"
    sheet.write_text(sheet.read_text().replace("\t\tr9\t", "\tsomatic\tr9\t").replace("\ttest", "\t"))


def without_anything(project: Project) -> None:
    project.write_config({key: value for key, value in project.config().items() if key != "predict"})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (with_channels, "predict.models.mine: the models see the channels PolII, DNA"),
        (with_voxel, "finer (voxel_nm: 200)"),
        (with_canvas, "wider (canvas_nm: 16000)"),
        (with_schema, "found schema 99, allowed: 2"),
        (with_damage, "models/repeat0-fold1/model.safetensors: damaged or edited"),
        (without_pack, "models/ainu-model/ainu-model.json: No such file"),
        (without_new_samples, "predict.models.mine: no sample to predict in config/samples.tsv"),
        (without_anything, "experiments: missing; needed: at least one experiment here, or a model"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_job_with_one_message(elsewhere, spoil, message):
    spoil(elsewhere)
    done = elsewhere.snakemake("predict")
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (elsewhere.folder / "results").exists()


def test_packed_models_stand_beside_experiments_under_a_name_of_their_own(trained, tmp_path):
    project = trained.copy(tmp_path / "both")
    shutil.move(project.folder / "results/experiments/small/ainu-model", project.folder / "theirs")
    config = project.config()
    project.write_config(config | {"predict": {"models": {"small": "theirs"}}})
    assert "'small', which is an experiment too" in project.snakemake("predict").stderr
    theirs = {"renders": {"as-theirs": read_json(project.folder / "theirs/ainu-model.json")["render"]}}
    project.write_config(config | theirs | {"predict": {"models": {"theirs": "theirs"}}})
    planned = project.planned("results/predictions/theirs.tsv")
    assert planned == {"voxelize": 1, "assemble_unseen": 1, "predict_unseen": 1}


def test_the_card_of_a_pack_holds_the_config_that_it_needs(trained, elsewhere):
    card = (elsewhere.folder / "models" / "ainu-model" / "README.md").read_text()
    snippet = yaml.safe_load(card.split("```yaml\n")[1].split("```")[0])
    snippet["predict"]["models"] = {"mine": "models/ainu-model"}
    elsewhere.write_config({"samples": "config/samples.tsv"} | snippet)
    assert "predict_unseen" in elsewhere.planned("predict")
