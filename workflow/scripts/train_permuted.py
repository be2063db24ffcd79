"""Train the control network of every fold on permuted labels, and predict the nuclei held out."""

from ainu.errors import job
from ainu.training.cross_validation import CrossValidation
from ainu.training.permuted import train_permuted

with job(snakemake.log[0]):
    validation = CrossValidation.of_job(snakemake.input, snakemake.params, snakemake.threads)
    train_permuted(validation, draw=int(snakemake.wildcards.draw), output=snakemake.output[0])
