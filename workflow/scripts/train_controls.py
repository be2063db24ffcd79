"""Train the control networks of one fold, and predict the nuclei held out."""

from ainu import dataset, folds
from ainu.controls import train_controls
from ainu.errors import job

with job(snakemake.log[0]):
    params = snakemake.params
    train_controls(
        dataset.read(snakemake.input.dataset, memory_gb=params.experiment["training"]["memory_gb"]),
        folds.read_folds(snakemake.input.folds),
        params.experiment,
        params.controls,
        params.masks,
        fold=int(snakemake.wildcards.fold),
        seed=params.seed,
        threads=snakemake.threads,
        initial=params.initial,
        output=snakemake.output[0],
    )
