"""Put the attribution methods to their checks on some nuclei."""

import torch

from ainu import attribution, dataset, files, folds, sanity
from ainu.errors import job
from ainu.networks.model import load_model

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    paths, params = snakemake.input, snakemake.params
    found = sanity.examine(
        dataset.read(paths.dataset),
        folds.read_folds(paths.folds),
        [load_model(folder) for folder in params.models],
        params.settings["methods"],
        attribution.Settings.of(params.settings, params.seed),
        params.settings["sanity_nuclei"],
    )
    files.write_json(snakemake.output[0], found)
