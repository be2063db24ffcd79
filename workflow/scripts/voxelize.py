"""Render the nuclei of a shard's samples."""

from ainu.errors import job
from ainu.images.render import voxelize_shard
from ainu.images.settings import Render
from ainu.typed import typed

with job(snakemake.log[0]):
    params, inputs = snakemake.params, dict(snakemake.input.items())
    what = (params.samples, typed(Render, params.render), params.channels)
    voxelize_shard(inputs, snakemake.output[0], *what, snakemake.threads, snakemake.wildcards.render)
