"""Measure the drift of a shard's samples."""

from ainu.drift.correction import correct_shard
from ainu.drift.settings import DriftSettings
from ainu.errors import job
from ainu.typed import typed

with job(snakemake.log[0]):
    params = snakemake.params
    settings = typed(DriftSettings, params.settings)
    correct_shard(snakemake.input.raw, snakemake.output[0], params.samples, settings, snakemake.threads)
