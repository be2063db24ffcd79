"""Train one model: one fold of one repeat of an experiment."""

from pathlib import Path

from ainu.errors import job
from ainu.folds.table import read_folds
from ainu.images import dataset
from ainu.training.cross_validation import fold_fit, train_fold

with job(snakemake.log[0]):
    params, which = snakemake.params, snakemake.wildcards
    fit = fold_fit(
        dataset.read(snakemake.input.dataset, memory_gb=params.experiment["training"]["memory_gb"]),
        read_folds(snakemake.input.folds),
        params.experiment,
        repeat=int(which.repeat),
        fold=int(which.fold),
        seed=params.seed,
        threads=snakemake.threads,
        initial=params.initial,
    )
    train_fold(fit, Path(snakemake.output.weights).parent, snakemake.output.speed)
