"""Compare the runs of a sweep."""

from ainu.errors import job
from ainu.evaluation.comparison import compare_files

with job(snakemake.log[0]):
    params, out = snakemake.params, snakemake.output
    compare_files(params.runs, params.classes, params.seed, out.table, out.picture)
