"""Measure the drift of a shard's samples."""

from ainu.drift.correction import correct_shard
from ainu.errors import job

with job(snakemake.log[0]):
    params = snakemake.params
    correct_shard(snakemake.input.raw, snakemake.output[0], params.samples, params.settings, snakemake.threads)
