"""Evaluate an experiment: scores, audits and figures."""

from ainu.errors import job
from ainu.evaluation.run import EvaluationSettings, evaluate_files

with job(snakemake.log[0]):
    params = snakemake.params
    settings = EvaluationSettings(
        params.classes, params.network, params.control_network, params.permutations, params.seed
    )
    evaluate_files(dict(snakemake.input.items()), dict(snakemake.output.items()), settings)
