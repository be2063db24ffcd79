"""Judge the attribution methods, and draw the maps of the best one."""

from ainu import files
from ainu.attribution.settings import AttributionSettings
from ainu.attribution.summary import summarise
from ainu.errors import job
from ainu.images import dataset
from ainu.typed import typed

with job(snakemake.log[0]):
    paths, params = snakemake.input, snakemake.params
    nuclei, checks = dataset.read(paths.dataset), files.read_json(paths.sanity)
    settings, outputs = typed(AttributionSettings, params.settings), dict(snakemake.output.items())
    summarise(nuclei, paths.maps, checks, params.classes, settings, params.seed, outputs)
