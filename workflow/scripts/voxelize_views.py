"""Write the sparse grid of a shard's samples: the localizations of each nucleus, ordered by place."""

from ainu.errors import job
from ainu.images.render import grid_shard

with job(snakemake.log[0]):
    params, inputs = snakemake.params, dict(snakemake.input.items())
    grid_shard(inputs, snakemake.output[0], params.samples, params.channels, snakemake.threads)
