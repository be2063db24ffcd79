"""Judge the attribution methods, and draw what the best one says of the nuclei."""

from ainu import files
from ainu.attribution import summary as biology
from ainu.errors import job
from ainu.images import dataset

with job(snakemake.log[0]):
    paths, params = snakemake.input, snakemake.params
    nuclei, checks = dataset.read(paths.dataset), files.read_json(paths.sanity)
    outputs = dict(snakemake.output.items())
    biology.summarise(nuclei, paths.maps, checks, params.classes, params.settings, params.seed, outputs)
