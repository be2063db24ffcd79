"""Join the quality summaries of all shards."""

from ainu.errors import job
from ainu.qc import gather

with job(snakemake.log[0]):
    gather([f"{folder}/summary.tsv" for folder in snakemake.input], snakemake.output[0])
