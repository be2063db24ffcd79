"""Train one model for choosing: without a fold, and without an inner fold of the rest."""

from ainu.errors import job
from ainu.folds.table import read_folds
from ainu.images import dataset
from ainu.training.cross_validation import fold_fit, inner_fold

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
    inner_fold(fit, int(which.inner), params.inner_folds, snakemake.output[0])
