"""Write the cleaned tables of a shard's samples for another program."""

from ainu.errors import job
from ainu.localizations.export import export_shard

with job(snakemake.log[0]):
    params, inputs = snakemake.params, dict(snakemake.input.items())
    export_shard(
        inputs, snakemake.output[0], params.samples, snakemake.wildcards.format, params.pixel_size_nm, snakemake.threads
    )
