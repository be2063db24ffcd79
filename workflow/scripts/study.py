"""Summarise the trainings of a learning study."""

from ainu.errors import job
from ainu.evaluation.study_summary import write_study

with job(snakemake.log[0]):
    write_study(list(snakemake.input), snakemake.params.classes, snakemake.output.table, snakemake.output.picture)
