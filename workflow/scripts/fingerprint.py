"""Write the fingerprints of a shard's recordings, by which duplicates are found."""

from ainu.errors import job
from ainu.folds.fingerprints import fingerprint_shard

with job(snakemake.log[0]):
    fingerprint_shard(snakemake.input[0], snakemake.output[0], snakemake.params.samples, snakemake.threads)
