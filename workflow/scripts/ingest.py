"""Read the localization files of a shard's samples."""

from ainu.errors import job
from ainu.localizations.ingest import ingest_shard
from ainu.localizations.settings import ReadingSettings
from ainu.typed import typed

with job(snakemake.log[0]):
    params = snakemake.params
    settings = typed(ReadingSettings, params.settings)
    ingest_shard(params.rows, snakemake.output[0], settings, params.keep, snakemake.threads, filtered=params.filtered)
