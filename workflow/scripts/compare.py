"""Put the runs of a sweep side by side."""

from ainu.comparison import compare_files
from ainu.errors import job

with job(snakemake.log[0]):
    params, out = snakemake.params, snakemake.output
    compare_files(params.runs, params.classes, params.seed, out.table, out.picture)
