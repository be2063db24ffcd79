"""Train on few nuclei, fold by fold, and predict the nuclei held out."""

from ainu import files
from ainu.errors import job
from ainu.folds.table import read_folds
from ainu.images import dataset
from ainu.training.learning_study import forget, predict_from_few

with job(snakemake.log[0]):
    params, which = snakemake.params, snakemake.wildcards
    table = predict_from_few(
        dataset.read(snakemake.input.dataset, memory_gb=params.experiment["training"]["memory_gb"]),
        read_folds(snakemake.input.folds),
        params.experiment,
        mode=which.mode,
        size=which.size,
        draw=int(which.draw),
        seed=params.seed,
        threads=snakemake.threads,
        initial=params.initial,
        resume=snakemake.output[0],
    )
    files.write_table(snakemake.output[0], table)
    forget(snakemake.output[0])
