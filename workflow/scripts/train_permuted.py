"""Train the control network of every fold on exchanged labels, and predict the nuclei held out."""

from ainu import dataset, folds
from ainu.controls import train_permuted
from ainu.errors import job

with job(snakemake.log[0]):
    params = snakemake.params
    train_permuted(
        dataset.read(snakemake.input.dataset, memory_gb=params.experiment["training"]["memory_gb"]),
        folds.read_folds(snakemake.input.folds),
        params.experiment,
        draw=int(snakemake.wildcards.draw),
        seed=params.seed,
        threads=snakemake.threads,
        output=snakemake.output[0],
    )
