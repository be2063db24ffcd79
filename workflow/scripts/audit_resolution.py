"""Audit the resolution of an experiment: score against blur."""

from ainu.errors import job
from ainu.evaluation.resolution_files import audit_files

with job(snakemake.log[0]):
    params, paths = snakemake.params, dict(snakemake.input.items())
    audit_files(paths, dict(snakemake.output.items()), params.classes, params.levels_nm, params.models, params.seed)
