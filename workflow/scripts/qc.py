"""Number and picture of the quality of a shard's samples."""

from ainu.errors import job
from ainu.quality.summary import qc_shard

with job(snakemake.log[0]):
    params, inputs = snakemake.params, dict(snakemake.input.items())
    qc_shard(inputs, snakemake.output[0], params.samples, snakemake.threads)
