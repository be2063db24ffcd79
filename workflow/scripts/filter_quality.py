"""Filter the localizations of a shard's samples."""

from ainu.errors import job
from ainu.quality.filters import filter_shard

with job(snakemake.log[0]):
    params, paths = snakemake.params, snakemake.input
    filter_shard(paths.raw, paths.drift, snakemake.output[0], params.samples, params.settings, snakemake.threads)
