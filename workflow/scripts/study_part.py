"""Train on few nuclei, fold by fold, and predict the nuclei held out."""

from ainu.errors import job
from ainu.files import write_table
from ainu.training.cross_validation import CrossValidation
from ainu.training.learning_study import forget, predict_from_few
from ainu.training.recipe import Design
from ainu.typed import typed

with job(snakemake.log[0]):
    params, which, output = snakemake.params, snakemake.wildcards, snakemake.output[0]
    validation = CrossValidation.read(
        snakemake.input.dataset,
        snakemake.input.folds,
        typed(Design, params.experiment),
        seed=params.seed,
        threads=snakemake.threads,
        initial=params.initial,
    )
    few = predict_from_few(validation, mode=which.mode, size=which.size, draw=int(which.draw), resume=output)
    write_table(output, few)
    forget(output)
