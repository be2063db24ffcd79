"""Write the record of a complete run."""

from pathlib import Path

from ainu.errors import job
from ainu.record.ro_crate import write_record

with job(snakemake.log[0]):
    params = snakemake.params
    write_record(snakemake.output[0], params.config, params.inputs, Path(params.workflow))
