"""Train one model for choosing: without a fold, and without an inner fold of the rest."""

from ainu.errors import job
from ainu.training.cross_validation import CrossValidation
from ainu.training.inner_folds import train_inner_fold
from ainu.training.recipe import Design
from ainu.typed import typed

with job(snakemake.log[0]):
    params, which = snakemake.params, snakemake.wildcards
    validation = CrossValidation.read(
        snakemake.input.dataset,
        snakemake.input.folds,
        typed(Design, params.experiment),
        seed=params.seed,
        threads=snakemake.threads,
        initial=params.initial,
    )
    fit = validation.fit(int(which.repeat), int(which.fold))
    train_inner_fold(fit, int(which.inner), params.inner_folds, snakemake.output[0])
