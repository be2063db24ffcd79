"""Test whether the localizations with the highest attribution cluster."""

from ainu import files
from ainu.attribution.clustering import measure_clustering
from ainu.attribution.settings import AttributionSettings
from ainu.errors import job
from ainu.typed import typed

with job(snakemake.log[0]):
    params = snakemake.params
    settings = typed(AttributionSettings, params.settings)
    found = measure_clustering(snakemake.input.tables, params.rows, settings, params.voxel_nm, params.seed)
    files.write_json(snakemake.output[0], found)
