"""Find the nuclei of a shard's samples."""

from ainu.errors import job
from ainu.nuclei.find import find_shard

with job(snakemake.log[0]):
    params, inputs = snakemake.params, {name: snakemake.input[name] for name in ("raw", "drift", "quality")}
    find_shard(inputs, snakemake.output[0], params.samples, params.settings, params.rois, snakemake.threads)
