"""Measure the hand-made features of a shard's nuclei at every level of blur."""

from ainu.errors import job
from ainu.evaluation.blurred_features import measure_shard

with job(snakemake.log[0]):
    params, inputs = snakemake.params, dict(snakemake.input.items())
    measure_shard(inputs, snakemake.output[0], params.samples, params.levels_nm, params.seed, snakemake.threads)
