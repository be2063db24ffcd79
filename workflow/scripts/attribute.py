"""Explain every nucleus by the models that held it out."""

import torch

from ainu.attribution import explain as attribution
from ainu.errors import job
from ainu.folds.table import read_folds
from ainu.images import dataset
from ainu.networks.model import load_model

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    paths, params = snakemake.input, snakemake.params
    attribution.attribute(
        dataset.read(paths.dataset),
        read_folds(paths.folds),
        map(load_model, params.models),
        params.settings["methods"],
        attribution.Settings.of(params.settings, params.seed),
        snakemake.output[0],
    )
