"""Gather the images of an experiment's samples in one dataset, and their localizations where it reads those."""

from ainu.errors import job
from ainu.images.assemble import assemble_files

with job(snakemake.log[0]):
    params, files = snakemake.params, dict(snakemake.input.items())
    told = {"on_bad_file": params.on_bad_file, "clipped_share": params.clipped_share}
    assemble_files(files, params.rows, params.channels, snakemake.output[0], **told)
