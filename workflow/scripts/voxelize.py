"""Image the nuclei of a shard's samples."""

from ainu.errors import job
from ainu.images.render import voxelize_shard

with job(snakemake.log[0]):
    params, inputs = snakemake.params, dict(snakemake.input.items())
    what = (params.samples, params.render, params.channels)
    voxelize_shard(inputs, snakemake.output[0], *what, snakemake.threads, snakemake.wildcards.render)
