"""Train the control networks of one fold, and predict the nuclei held out."""

from ainu.errors import job
from ainu.training.controls import train_controls
from ainu.training.cross_validation import CrossValidation
from ainu.training.recipe import Design
from ainu.typed import typed

with job(snakemake.log[0]):
    params, fold = snakemake.params, int(snakemake.wildcards.fold)
    validation = CrossValidation.read(
        snakemake.input.dataset,
        snakemake.input.folds,
        typed(Design, params.experiment),
        seed=params.seed,
        threads=snakemake.threads,
        initial=params.initial,
    )
    train_controls(validation, params.controls, params.masks, fold=fold, output=snakemake.output[0])
