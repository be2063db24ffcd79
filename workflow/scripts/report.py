"""Write the self-contained page of an experiment."""

from ainu.errors import job
from ainu.report import page
from ainu.report.settings import ReportedExperiment, ReportSettings
from ainu.report.sources import ReportSources
from ainu.typed import typed

with job(snakemake.log[0]):
    params = snakemake.params
    experiment, settings = ReportedExperiment.of(params.experiment), typed(ReportSettings, params.config)
    sources = ReportSources.of_job(snakemake.wildcards.experiment, dict(snakemake.input.items()), params.models)
    page.write(snakemake.output[0], page.build(experiment, settings, sources))
