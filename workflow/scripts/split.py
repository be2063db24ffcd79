"""Assign the replicates of an experiment to folds, after making sure that no recording is in two of them."""

from ainu.errors import job
from ainu.folds.assign import assign_folds
from ainu.folds.duplicate_recordings import check_recordings
from ainu.folds.table import write_folds
from ainu.images.dataset import read_labels

with job(snakemake.log[0]):
    params, paths = snakemake.params, snakemake.input
    check_recordings(params.rows, paths.fingerprints, params.raw, snakemake.output.leakage)
    nuclei = read_labels(paths.dataset)
    folds = assign_folds(nuclei, folds=params.folds, repeats=params.repeats, seed=params.seed)
    write_folds(folds.table, snakemake.output.folds)
