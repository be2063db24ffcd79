"""Check the attribution methods on some nuclei."""

import torch

from ainu import files
from ainu.attribution.sanity import examine
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
    models, settings = list(map(load_model, params.models)), typed(AttributionSettings, params.settings)
    files.write_json(snakemake.output[0], examine(nuclei, split, models, settings, params.seed))
