"""Read the localization files of a shard's samples."""

from ainu.errors import job
from ainu.localizations.ingest import ingest_shard

with job(snakemake.log[0]):
    params = snakemake.params
    ingest_shard(
        *(params.rows, snakemake.output[0], params.settings, params.keep, snakemake.threads), filtered=params.filtered
    )
