"""Compare the files of a run with its record."""

import sys

from ainu.errors import job
from ainu.record.ro_crate import verify

with job(snakemake.log[0]):
    print(f"ainu: {verify(snakemake.params.record)} files are as recorded", file=sys.stderr)
