"""Train one model: one fold of one repeat of an experiment."""

from pathlib import Path

from ainu.errors import job
from ainu.training.cross_validation import CrossValidation, train_fold

with job(snakemake.log[0]):
    which, output = snakemake.wildcards, snakemake.output
    validation = CrossValidation.of_job(snakemake.input, snakemake.params, snakemake.threads)
    train_fold(validation.fit(int(which.repeat), int(which.fold)), Path(output.weights).parent, output.speed)
