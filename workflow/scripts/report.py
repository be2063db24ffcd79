"""Write the self-contained page of an experiment."""

from pathlib import Path

from ainu.errors import job
from ainu.report import page
from ainu.report.sources import ReportSources

with job(snakemake.log[0]):
    paths, params = snakemake.input, snakemake.params
    names = ("metrics", "predictions", "dataset", "folds", "leakage", "qc", "maps")
    names += ("scorecard", "compartments")
    lists, optional = ("figures", "attribution_figures"), ("truth", "gathering", "new_predictions")
    sources = ReportSources(
        name=snakemake.wildcards.experiment,
        **{name: Path(paths[name]) for name in names},
        **{name: tuple(map(Path, paths[name])) for name in lists},
        models=tuple(map(Path, params.models)),
        **{name: Path(paths[name][0]) for name in optional if paths[name]},
        config=params.config,
    )
    page.write(snakemake.output[0], page.build(params.experiment, sources))
