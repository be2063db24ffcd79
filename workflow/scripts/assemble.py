"""Gather the images of an experiment's samples in one dataset, and their localizations where it reads those."""

from pathlib import Path

from ainu.dataset import assemble
from ainu.errors import job

with job(snakemake.log[0]):
    files = {name: {Path(path).stem: path for path in paths} for name, paths in snakemake.input.items()}
    shards = files.pop("voxels")
    tables = {shard: {name: paths[shard] for name, paths in files.items()} for shard in shards} if files else None
    assemble(shards, snakemake.params.rows, snakemake.params.channels, snakemake.output[0], tables)
