"""Simulate the fields of view of the sheet that lie below results/simulated/."""

from ainu.errors import job
from ainu.simulation.conditions import conditions
from ainu.simulation.fields import write_fields

with job(snakemake.log[0]):
    params = snakemake.params
    write_fields(params.rows, conditions(params.conditions), params.seed, snakemake.output.truth, snakemake.threads)
