"""Train the control network of every fold on permuted labels, and predict the nuclei held out."""

from ainu.errors import job
from ainu.training.controls import train_permuted
from ainu.training.cross_validation import CrossValidation
from ainu.training.recipe import Design
from ainu.typed import typed

with job(snakemake.log[0]):
    params = snakemake.params
    validation = CrossValidation.read(
        snakemake.input.dataset,
        snakemake.input.folds,
        typed(Design, params.experiment),
        seed=params.seed,
        threads=snakemake.threads,
    )
    train_permuted(validation, draw=int(snakemake.wildcards.draw), output=snakemake.output[0])
