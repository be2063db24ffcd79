"""Filter the localizations of a shard's samples."""

from ainu.errors import job
from ainu.quality.filters import filter_shard
from ainu.quality.settings import QualitySettings
from ainu.typed import typed

with job(snakemake.log[0]):
    params, paths = snakemake.params, snakemake.input
    settings = typed(QualitySettings, params.settings)
    filter_shard(paths.raw, paths.drift, snakemake.output[0], params.samples, settings, snakemake.threads)
