"""Train the control networks of one fold, and predict the nuclei held out."""

from ainu.errors import job
from ainu.training.controls import train_controls
from ainu.training.cross_validation import CrossValidation

with job(snakemake.log[0]):
    params, fold = snakemake.params, int(snakemake.wildcards.fold)
    validation = CrossValidation.of_job(snakemake.input, snakemake.params, snakemake.threads)
    train_controls(validation, params.controls, params.masks, fold=fold, output=snakemake.output[0])
