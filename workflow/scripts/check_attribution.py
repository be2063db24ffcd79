"""Put the attribution methods to their checks on some nuclei."""

import torch

from ainu import files
from ainu.attribution import explain as attribution
from ainu.attribution import sanity
from ainu.errors import job
from ainu.folds.table import read_folds
from ainu.images import dataset
from ainu.networks.model import load_model

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    paths, params = snakemake.input, snakemake.params
    found = sanity.examine(
        dataset.read(paths.dataset),
        read_folds(paths.folds),
        [load_model(folder) for folder in params.models],
        params.settings["methods"],
        attribution.Settings.of(params.settings, params.seed),
        params.settings["sanity_nuclei"],
    )
    files.write_json(snakemake.output[0], found)
