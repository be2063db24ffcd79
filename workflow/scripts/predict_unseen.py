"""Predict unlabelled samples and the held-out test set by a model bundle, of an experiment of this run or another."""

from ainu.errors import job
from ainu.files import write_table
from ainu.images.dataset import read
from ainu.prediction import bundle

with job(snakemake.log[0]):
    params = snakemake.params
    ensemble = bundle.read(params.pack)
    bundle.warn_of_other_preparation(params.pack, params.preparation)
    write_table(snakemake.output[0], ensemble.predict(read(snakemake.input.unseen)))
