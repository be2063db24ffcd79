"""Check the attribution methods on some nuclei."""

import torch

from ainu.attribution.sanity import examine
from ainu.attribution.settings import AttributionSettings
from ainu.errors import job
from ainu.files import write_json
from ainu.folds.table import read_folds
from ainu.images.dataset import read
from ainu.networks.model import load_model
from ainu.typed import typed

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    nuclei, folds = read(snakemake.input.dataset), read_folds(snakemake.input.folds)
    models = [load_model(folder) for folder in snakemake.params.models]
    settings = typed(AttributionSettings, snakemake.params.settings)
    write_json(snakemake.output[0], examine(nuclei, folds, models, settings, snakemake.params.seed))
