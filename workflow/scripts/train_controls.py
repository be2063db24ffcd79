"""Train the control networks of one fold, and predict the nuclei held out."""

from ainu.errors import job
from ainu.folds.table import read_folds
from ainu.images import dataset
from ainu.training.controls import train_controls

with job(snakemake.log[0]):
    params = snakemake.params
    train_controls(
        dataset.read(snakemake.input.dataset, memory_gb=params.experiment["training"]["memory_gb"]),
        read_folds(snakemake.input.folds),
        params.experiment,
        params.controls,
        params.masks,
        fold=int(snakemake.wildcards.fold),
        seed=params.seed,
        threads=snakemake.threads,
        initial=params.initial,
        output=snakemake.output[0],
    )
