"""Settings that a report describes, and the files that it is made from."""

from dataclasses import asdict
from pathlib import Path

import pytest
from defaults import report_settings, reported_experiment

from ainu.errors import AinuError
from ainu.report.settings import ReportedExperiment, ReportSettings
from ainu.report.sources import ReportSources
from ainu.typed import typed


def test_what_a_report_does_not_describe_is_left_out():
    experiment = reported_experiment()
    assert ReportedExperiment.of(asdict(experiment) | {"audit": {}, "study": None}) == experiment


@pytest.mark.parametrize("key", ["folds", "training"])
def test_a_missing_setting_of_an_experiment_is_an_error(key):
    settings = asdict(reported_experiment())
    del settings[key]
    with pytest.raises(AinuError, match=key):
        ReportedExperiment.of(settings)


def test_a_misspelt_setting_of_a_run_is_an_error():
    with pytest.raises(AinuError, match="drfit"):
        typed(ReportSettings, asdict(report_settings()) | {"drfit": {}})


def test_files_of_a_job_that_an_experiment_lacks_are_none():
    single = ("metrics", "predictions", "dataset", "folds", "leakage", "qc", "maps", "scorecard", "compartments")
    files = {name: name for name in single} | {"figures": ["a.svg", "b.svg"], "attribution_figures": []}
    files |= {"truth": ["truth.json"], "gathering": [], "new_predictions": "new.tsv"}
    sources = ReportSources.of_job("a", files, ["repeat0-fold0"])
    assert (sources.truth, sources.gathering) == (Path("truth.json"), None)
    assert sources.new_predictions == Path("new.tsv")
    assert (sources.figures, sources.attribution_figures) == ((Path("a.svg"), Path("b.svg")), ())
    assert sources.models == (Path("repeat0-fold0"),)
