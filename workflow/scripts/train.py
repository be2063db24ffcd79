"""Train one model: one fold of one repeat of an experiment."""

from pathlib import Path

from ainu.errors import job
from ainu.training.cross_validation import CrossValidation, train_fold
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
    train_fold(fit, Path(snakemake.output.weights).parent, snakemake.output.speed)
