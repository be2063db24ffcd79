"""Predict every nucleus by the models that held its replicate out: as it is, and with fewer localizations."""

from ainu.errors import job
from ainu.files import write_table
from ainu.folds.table import read_folds
from ainu.images.dataset import read
from ainu.networks.model import load_model
from ainu.prediction.embedding import relative_features, write_relative
from ainu.prediction.out_of_fold import predict_out_of_fold
from ainu.prediction.thinned import thinned_predictions

with job(snakemake.log[0]):
    seed, out = snakemake.params.seed, snakemake.output
    models = [load_model(folder) for folder in snakemake.params.models]
    nuclei, folds = read(snakemake.input.dataset), read_folds(snakemake.input.folds)
    found = predict_out_of_fold(nuclei, folds, models)
    write_table(out.predictions, found.predictions)
    write_table(out.margins, found.margins)
    write_relative(out.embedding, nuclei, relative_features(nuclei, folds, models, seed))
    write_table(out.thinned, thinned_predictions(nuclei, folds, models, seed))
