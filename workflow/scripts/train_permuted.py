"""Train the control network of every fold on exchanged labels, and predict the nuclei held out."""

from ainu.errors import job
from ainu.folds.table import read_folds
from ainu.images import dataset
from ainu.training.controls import train_permuted

with job(snakemake.log[0]):
    params = snakemake.params
    train_permuted(
        dataset.read(snakemake.input.dataset, memory_gb=params.experiment["training"]["memory_gb"]),
        read_folds(snakemake.input.folds),
        params.experiment,
        draw=int(snakemake.wildcards.draw),
        seed=params.seed,
        threads=snakemake.threads,
        output=snakemake.output[0],
    )
