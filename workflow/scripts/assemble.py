"""Gather the images of an experiment's samples in one dataset, and their localizations where it reads those."""

from pathlib import Path

from ainu.errors import job
from ainu.images.assemble import assemble

with job(snakemake.log[0]):
    params = snakemake.params
    files = {name: {Path(path).stem: path for path in paths} for name, paths in snakemake.input.items()}
    shards, fingerprints = files.pop("voxels"), files.pop("fingerprints").values()
    tables = {shard: {name: paths[shard] for name, paths in files.items()} for shard in shards} if files else None
    what = (shards, params.rows, params.channels, snakemake.output[0], tables)
    assemble(*what, fingerprints=fingerprints, on_bad_file=params.on_bad_file)
