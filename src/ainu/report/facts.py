"""What the files of an experiment say, read once and used by every section of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ainu.report.attribution import Scorecard, map_methods, read_scorecard
from ainu.report.recorded import Recorded, read_recorded
from ainu.report.settings import ReportedExperiment, ReportSettings
from ainu.report.sources import DatasetSummary, JsonObject, ReportSources, read_dataset, read_result
from ainu.report.training import model_infos
from ainu.report.verdict import count_skipped


@dataclass(frozen=True)
class ExperimentFacts:
    """An experiment after its run.

    Attributes
    ----------
    name : str
    experiment : ReportedExperiment
        Its settings.
    settings : ReportSettings
        Settings of the run.
    metrics : mapping
        `metrics.json`.
    dataset : DatasetSummary
    models : sequence of mapping
        `model.json` of each model.
    recorded : Recorded
        What was done in training, as these files say.
    scorecard : Scorecard
        What is known of each attribution method.
    map_methods : tuple of str
        Methods that have a map for every nucleus, best first.
    skipped : int
        Samples of the run that failed.
    """

    name: str
    experiment: ReportedExperiment
    settings: ReportSettings
    metrics: JsonObject
    dataset: DatasetSummary
    models: Sequence[JsonObject]
    recorded: Recorded
    scorecard: Scorecard
    map_methods: tuple[str, ...]
    skipped: int

    @property
    def n_replicates(self) -> int:
        """Replicates in the dataset."""
        return self.dataset.table["replicate"].nunique()


def read_facts(experiment: ReportedExperiment, settings: ReportSettings, sources: ReportSources) -> ExperimentFacts:
    """Read the files of an experiment.

    Parameters
    ----------
    experiment : ReportedExperiment
        Its settings.
    settings : ReportSettings
        Settings of the run.
    sources : ReportSources
        The files.

    Returns
    -------
    ExperimentFacts
    """
    scorecard = read_scorecard(sources.scorecard)
    metrics, models = read_result(sources.metrics), model_infos(sources.models)
    return ExperimentFacts(
        name=sources.name,
        experiment=experiment,
        settings=settings,
        metrics=metrics,
        dataset=read_dataset(sources.dataset),
        models=models,
        recorded=read_recorded(experiment, models, metrics),
        scorecard=scorecard,
        map_methods=map_methods(sources.maps, scorecard),
        skipped=count_skipped(sources.qc),
    )
