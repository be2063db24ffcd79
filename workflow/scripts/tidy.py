"""List the results that belong to nothing any more, or remove them."""

from ainu.errors import job
from ainu.settings.tidy import tidy

with job(snakemake.log[0]):
    tidy(snakemake.params.snakefile, snakemake.params.config, snakemake.params.switch)
