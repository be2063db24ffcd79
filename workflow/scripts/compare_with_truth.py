"""Hold the attribution maps of simulated nuclei against what was simulated."""

from ainu import dataset, files, truth
from ainu.errors import job

with job(snakemake.log[0]):
    paths = snakemake.input
    files.write_json(snakemake.output[0], truth.compare(dataset.read(paths.dataset), paths.maps, paths.truth))
