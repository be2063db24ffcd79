"""Join the quality summaries of all shards."""

from ainu.errors import job
from ainu.quality.gather import gather

with job(snakemake.log[0]):
    folders, stages = snakemake.input.folders, snakemake.input.stages
    gather([f"{folder}/summary.tsv" for folder in folders], snakemake.output[0], stages, snakemake.params.unused)
