"""Predict unlabelled and test samples by packed models, those of an experiment of this run or others."""

from ainu import files
from ainu.errors import job
from ainu.images import dataset
from ainu.prediction import bundle as pack

with job(snakemake.log[0]):
    params = snakemake.params
    ensemble = pack.read(params.pack)
    pack.tell_other_preparation(params.pack, params.preparation)
    files.write_table(snakemake.output[0], ensemble.predict(dataset.read(snakemake.input.unseen)))
