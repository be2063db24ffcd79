"""Explain every nucleus by the models that held it out."""

import torch

from ainu.attribution.explain import attribute
from ainu.attribution.settings import AttributionSettings
from ainu.errors import job
from ainu.folds.table import read_folds
from ainu.images import dataset
from ainu.networks.model import load_model
from ainu.typed import typed

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    paths, params = snakemake.input, snakemake.params
    nuclei, split = dataset.read(paths.dataset), read_folds(paths.folds)
    models, settings = map(load_model, params.models), typed(AttributionSettings, params.settings)
    attribute(nuclei, split, models, settings, params.seed, snakemake.output[0])
