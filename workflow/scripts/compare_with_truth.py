"""Hold the attribution maps of simulated nuclei against what was simulated."""

from ainu import files
from ainu.attribution import ground_truth as truth
from ainu.errors import job
from ainu.images import dataset

with job(snakemake.log[0]):
    paths = snakemake.input
    files.write_json(snakemake.output[0], truth.compare(dataset.read(paths.dataset), paths.maps, paths.truth))
