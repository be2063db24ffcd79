"""Measure the hand-made features of a shard's nuclei."""

from ainu.errors import job
from ainu.evaluation.features import measure_shard

with job(snakemake.log[0]):
    params, inputs = snakemake.params, dict(snakemake.input.items())
    measure_shard(inputs, snakemake.output[0], params.samples, params.seed, snakemake.threads)
