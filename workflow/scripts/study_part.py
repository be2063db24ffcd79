"""Train on few nuclei, fold by fold, and predict the nuclei held out."""

from ainu.errors import job
from ainu.training.cross_validation import CrossValidation
from ainu.training.learning_study import study_part

with job(snakemake.log[0]):
    which = snakemake.wildcards
    validation = CrossValidation.of_job(snakemake.input, snakemake.params, snakemake.threads)
    study_part(validation, mode=which.mode, size=which.size, draw=int(which.draw), output=snakemake.output[0])
