"""Train one model for choosing: without a fold, and without an inner fold of the rest."""

from ainu.errors import job
from ainu.training.cross_validation import CrossValidation
from ainu.training.inner_folds import train_inner_fold

with job(snakemake.log[0]):
    which = snakemake.wildcards
    validation = CrossValidation.of_job(snakemake.input, snakemake.params, snakemake.threads)
    fit = validation.fit(int(which.repeat), int(which.fold))
    train_inner_fold(fit, int(which.inner), snakemake.params.inner_folds, snakemake.output[0])
