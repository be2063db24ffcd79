"""What a run makes, and of which files, from config and sheet alone."""

from pathlib import Path
from typing import Any

import pytest

from ainu.errors import AinuError
from ainu.settings.check import check
from ainu.settings.plan import Plan
from ainu.settings.plan_shards import with_sidecar

COLUMNS = ("sample", "path", "channels", "label", "replicate", "role", "roi", "pixel_size_nm")
EXPERIMENT = {"classes": ["somatic", "hiPSC"], "network": "ainu-small", "folds": 3}


def row(sample: str, label: str, replicate: str, **others: str) -> dict[str, str]:
    path = f"results/simulated/{sample}.csv"
    return {
        "sample": sample,
        "path": path,
        "channels": "0:PolII,1:DNA",
        "label": label,
        "replicate": replicate,
    } | others


SHEET = [row(f"{label}{k}", label, f"r{k}") for k in range(3) for label in ("somatic", "hiPSC")]
TO_PREDICT = [row("new", "", "r8"), row("test", "hiPSC", "r9", role="test")]


@pytest.fixture
def planned(tmp_path):
    """The plan of a config, on a sheet of three replicates with both classes."""

    def plan(*more: dict[str, str], rows: list[dict[str, str]] = SHEET, **sections: Any) -> Plan:
        lines = ["\t".join(COLUMNS)] + ["\t".join(one.get(name, "") for name in COLUMNS) for one in [*rows, *more]]
        (tmp_path / "samples.tsv").write_text("\n".join(lines) + "\n")
        config = {"samples": "samples.tsv", "channels": ["PolII", "DNA"], "experiments": {"a": EXPERIMENT}}
        return Plan(check(config | sections, tmp_path))

    return plan


def test_a_run_makes_a_report_per_experiment_and_predicts_what_is_new(planned):
    assert planned().targets() == [
        "results/qc/summary.tsv",
        "results/experiments/a/report.html",
        "results/experiments/a/attribution/gathering.json",
    ]
    plan = planned(*TO_PREDICT, export={"formats": ["picasso", "ome_tiff"]})
    assert plan.targets()[3:] == [
        "results/predictions/a.tsv",
        "results/export/picasso/s0001",
        "results/export/ome_tiff/context200/s0001",
    ]
    assert plan.unseen_samples("a") == ["new", "test"]
    assert plan.held_out_samples("a") == ["test"]
    assert plan.held_out_and_trained("a")[-1] == "test"


def test_a_sample_that_lacks_a_channel_is_not_predicted(planned):
    assert planned(row("new", "", "r8", channels="0:PolII")).unseen_samples("a") == []


def test_a_sweep_is_its_runs_which_get_no_report_of_their_own(planned):
    sweep = {"over": {"training.steps": [2, 4]}, "inner_folds": 2}
    plan = planned(*TO_PREDICT, experiments={"a": EXPERIMENT | {"sweep": sweep}})
    assert plan.targets() == ["results/qc/summary.tsv", "results/experiments/a/sweep.tsv"]
    assert plan.runs == {"a": ["a--steps-2", "a--steps-4"]}
    assert plan.inner_folds_of("a--steps-4") == 2
    files = plan.compared_files("a")
    assert len(files) == 2 * (3 + 3 * 2)
    assert "results/experiments/a--steps-4/inner/repeat0-fold2/inner1.tsv" in files


@pytest.mark.parametrize(
    ("others", "modes"), [({}, ["scratch"]), ({"init_from": "b"}, ["finetune", "frozen", "scratch"])]
)
def test_a_learning_study_trains_by_every_way_that_there_are_weights_for(planned, others, modes):
    own = EXPERIMENT | {"study": {"sizes": [5, "all"], "draws": 2}} | others
    tables = planned(experiments={"b": EXPERIMENT, "a": own}).study_tables("a")
    assert tables == [
        f"results/experiments/a/study/{mode}-{size}-draw{draw}.tsv"
        for draw in range(2)
        for mode in modes
        for size in (5, "all")
    ]


def test_initial_weights_come_from_the_models_of_another_experiment_unless_from_scratch(planned):
    own = EXPERIMENT | {"init_from": "b"}
    plan = planned(experiments={"b": EXPERIMENT, "a": own, "c": own | {"transfer": {"mode": "scratch"}}})
    assert plan.initial_folders("a") == [f"results/experiments/b/models/repeat0-fold{k}" for k in range(3)]
    assert plan.initial_files("a")[-1] == "results/experiments/b/folds.tsv"
    assert len(plan.initial_files("a")) == 2 * 3 + 1
    assert plan.initial_files("b") == plan.initial_files("c") == []


def test_controls_of_another_architecture_start_from_random_weights_and_see_the_untouched_images_too(planned):
    own = EXPERIMENT | {"network": "densenet121", "init_from": "b"}
    plan = planned(experiments={"b": EXPERIMENT | {"network": "densenet121"}, "a": own})
    assert plan.controls_of("a") == ["unchanged", "equal_counts", "merged_blinks", "outline"]
    assert plan.control_design("a")["network"] == "ainu-small"
    assert plan.control_design("a")["transfer"]["mode"] == "scratch"
    assert plan.control_initial_folders("a") == []
    same = planned(experiments={"b": EXPERIMENT, "a": EXPERIMENT | {"init_from": "b"}})
    assert same.controls_of("a") == ["equal_counts", "merged_blinks", "outline"]
    assert same.control_initial_folders("a") == same.initial_folders("a")


def test_densities_have_no_control_of_equal_counts(planned):
    renders = {"smooth": {"voxel_nm": 200, "canvas_nm": 12800, "kernel": "gaussian"}}
    plan = planned(renders=renders, experiments={"a": EXPERIMENT | {"render": "smooth"}, "b": EXPERIMENT})
    assert plan.controls_of("a") == ["outline"]
    assert plan.controls_of("b") == ["equal_counts", "merged_blinks", "outline"]


def test_controls_have_their_network_in_every_view(planned):
    views = {"detail": {"network": "densenet121"}}
    own = EXPERIMENT | {"views": views}
    plan = planned(experiments={"a": own, "b": own | {"audit": {"network": None}}})
    assert plan.controls_of("a")[0] == "unchanged"
    assert plan.control_design("a")["views"]["detail"]["network"] is None
    assert plan.control_network("b") == "densenet121 for detail and ainu-small for context"
    assert plan.control_design("b") == plan.design("b")
    assert plan.controls_of("b") == ["equal_counts", "merged_blinks", "outline"]


def test_a_dataset_holds_localizations_unless_images_are_densities(planned):
    renders = {"counts": {"voxel_nm": 100}, "smooth": {"kernel": "gaussian"}}
    own = {
        "views": EXPERIMENT,
        "counts": EXPERIMENT | {"render": "counts"},
        "smooth": EXPERIMENT | {"render": "smooth"},
    }
    plan = planned(renders=renders, experiments=own)
    samples, grids = plan.samples_of("views"), ["results/voxels/views/s0001.h5"]
    assert plan.dataset_files("views", samples) == {"voxels": ["results/voxels/context200/s0001.h5"], "grids": grids}
    assert plan.dataset_files("counts", samples) == {"voxels": ["results/voxels/counts/s0001.h5"], "grids": grids}
    assert plan.dataset_files("smooth", samples) == {"voxels": ["results/voxels/smooth/s0001.h5"]}


def test_rois_come_with_the_pixel_of_the_image_that_they_were_drawn_on(planned, tmp_path):
    (tmp_path / "drawn.roi").touch()
    rows = [one | {"roi": "drawn.roi", "pixel_size_nm": "160"} for one in SHEET]
    assert planned(rows=rows).rois("s0001") == {}
    assert planned(rows=rows, nuclei={"method": "roi"}).rois("s0001")["hiPSC1"] == ("drawn.roi", 160.0)
    drawn = planned(rows=rows, nuclei={"method": "roi", "roi_pixel_nm": 80}).rois("s0001")
    assert drawn["hiPSC1"] == ("drawn.roi", 80.0)


def test_no_file_is_read_again_because_its_label_or_replicate_was_edited(planned):
    edited = [one | {"label": {"somatic": "hiPSC", "hiPSC": "somatic"}[one["label"]]} for one in SHEET]
    assert planned().read_rows("s0001") == planned(rows=edited).read_rows("s0001")
    assert planned().dataset_rows(["hiPSC0"]) != planned(rows=edited).dataset_rows(["hiPSC0"])


def test_only_an_experiment_on_simulated_nuclei_is_compared_with_the_ground_truth(planned, tmp_path):
    assert planned().ground_truth_files("a") == ["results/experiments/a/attribution/truth.json"]
    (tmp_path / "real.csv").touch()
    real = [SHEET[0] | {"path": "real.csv"}, *SHEET[1:]]
    assert planned(rows=real).ground_truth_files("a") == []
    assert planned(rows=real).files_read() == ["real.csv", "samples.tsv"]


def test_a_picasso_file_brings_its_sidecar(tmp_path):
    table = tmp_path / "a.hdf5"
    assert with_sidecar(str(table)) == [str(table)]
    table.with_suffix(".yaml").touch()
    assert with_sidecar(str(table)) == [str(table), str(table.with_suffix(".yaml"))]
    assert with_sidecar("results/simulated/a.hdf5")[1] == str(Path("results/simulated/a.yaml"))
    assert with_sidecar("a.csv") == ["a.csv"]


# Samples that nothing uses ------------------------------------------------------------------------------------------

BLANK, MARK, CYRILLIC = "\u200b", "\ufeff", "\u0441"


def test_a_sheet_whose_samples_are_all_used_is_not_talked_about(planned, capsys):
    plan = planned(row("new", "", "r8"), row("test", "hiPSC", "r9", role="test"), strict=True)
    assert plan.unused == {}
    plan.tell_unused()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("hiPCS", "no experiment trains on the label 'hiPCS'; classes: somatic, hiPSC; did you mean 'hiPSC'?"),
        (f"hi{BLANK}PSC", "label 'hi<U+200B>PSC' (it holds U+200B ZERO WIDTH SPACE); classes: somatic, hiPSC; did you"),
        (f"{MARK}hiPSC", "label '<U+FEFF>hiPSC' (it holds U+FEFF ZERO WIDTH NO-BREAK SPACE); "),
        (f"somati{CYRILLIC}", f"'somati{CYRILLIC}' (it holds U+0441 CYRILLIC SMALL LETTER ES); "),
        ("cancer", "no experiment trains on the label 'cancer'; classes: somatic, hiPSC"),
        ("Zellen für später", "no experiment trains on the label 'Zellen für später'; classes: somatic, hiPSC"),
    ],
)
def test_a_label_that_no_experiment_has_is_told_with_what_may_be_meant(planned, label, told):
    plan = planned(row("odd", label, "r1"))
    assert list(plan.unused) == ["odd"]
    assert told in plan.unused["odd"]
    assert ("did you mean" in plan.unused["odd"]) == (label not in ("cancer", "Zellen für später"))


def test_samples_to_predict_that_nobody_predicts_are_told(planned):
    lacking = row("lacking", "", "r8", channels="0:PolII,1:DNAs")
    unknown = row("unknown", "hiPCS", "r9", role="test")
    plan = planned(lacking, unknown, row("fine", "", "r8"))
    assert plan.unused == {
        "lacking": "it lacks DNA, which a needs; its channels: DNAs, PolII; did you mean 'DNAs'?",
        "unknown": "nobody predicts samples of role test with the label 'hiPCS'; classes: somatic, hiPSC; did you mean "
        "'hiPSC'?",
    }


def test_images_of_every_render_and_all_of_the_runs_of_a_sweep_may_be_asked_for(planned):
    sweep = {"over": {"training.steps": [2, 4]}}
    plan = planned(experiments={"a": EXPERIMENT | {"sweep": sweep}}, renders={"tiny": {"voxel_nm": 400}})
    asked = set(plan.on_request())
    assert {f"results/experiments/{run}" for run in plan.runs["a"]} <= asked
    assert "results/experiments/a" not in asked
    assert {"results/voxels/tiny/canvas.json", "results/voxels/tiny/s0001.h5", "results/features/s0001.h5"} <= asked


def test_runs_of_a_sweep_predict_nothing_new(planned):
    sweep = {"over": {"training.steps": [2, 4]}, "inner_folds": 2}
    more = (row("new", "", "r8"), row("test", "hiPSC", "r9", role="test"))
    plan = planned(*more, experiments={"a": EXPERIMENT | {"sweep": sweep}})
    assert set(plan.unused) == {"new", "test"}
    assert all("experiments with a sweep" in why and "only compare their runs" in why for why in plan.unused.values())


def test_each_line_names_the_rows_of_the_file_and_strict_makes_it_an_error(planned, capsys):
    halves = [
        row("odd", "hiPCS", "r1", path=f"results/simulated/{name}.csv", channels=name) for name in ("PolII", "DNA")
    ]
    planned(*halves).tell_unused()
    rows = f"samples.tsv, rows {len(SHEET) + 2}-{len(SHEET) + 3}: sample 'odd': no experiment trains on the label"
    assert capsys.readouterr().err.splitlines()[0] == "ainu: samples that nothing uses"
    planned(*halves).tell_unused()
    assert rows in capsys.readouterr().err.splitlines()[1]
    with pytest.raises(AinuError, match=rows):
        planned(*halves, strict=True).tell_unused()
