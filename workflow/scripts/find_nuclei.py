"""Find the nuclei of a shard's samples."""

from ainu.errors import job
from ainu.nuclei.find import find_shard
from ainu.nuclei.settings import SearchSettings
from ainu.typed import typed

with job(snakemake.log[0]):
    params, inputs = snakemake.params, {name: snakemake.input[name] for name in ("raw", "drift", "quality")}
    settings = typed(SearchSettings, params.settings)
    find_shard(inputs, snakemake.output[0], params.samples, settings, params.rois, snakemake.threads)
