"""Compare the attribution maps of simulated nuclei with the ground truth."""

from ainu import files
from ainu.attribution.ground_truth import compare
from ainu.errors import job
from ainu.images import dataset

with job(snakemake.log[0]):
    paths = snakemake.input
    files.write_json(snakemake.output[0], compare(dataset.read(paths.dataset), paths.maps, paths.truth))
