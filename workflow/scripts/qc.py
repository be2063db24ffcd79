"""Quality control of the samples of a shard: a row of numbers and a page each."""

from ainu.errors import job
from ainu.quality.summary import qc_shard

with job(snakemake.log[0]):
    params, inputs = snakemake.params, dict(snakemake.input.items())
    qc_shard(inputs, snakemake.output[0], params.samples, snakemake.threads)
