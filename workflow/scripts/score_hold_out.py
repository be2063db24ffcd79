"""Score the locked hold-out by all models of an experiment, and write down that it was looked at."""

from ainu import files
from ainu.errors import job
from ainu.evaluation import hold_out
from ainu.folds.duplicate_recordings import refuse_duplicates
from ainu.folds.table import read_folds
from ainu.images import dataset
from ainu.networks.model import load_model
from ainu.prediction.ensemble import fit_ensemble, truth_of

with job(snakemake.log[0]):
    paths, params, out = snakemake.input, snakemake.params, snakemake.output
    refuse_duplicates(params.rows, paths.fingerprints, params.raw)
    models = [load_model(folder) for folder in params.models]
    classes = models[0].classes
    known = truth_of(files.read_table(paths.predictions), classes)
    nuclei, split = dataset.read(paths.dataset), read_folds(paths.folds)
    ensemble = fit_ensemble(models, nuclei, split, known, params.coverage, params.ood_quantile)
    locked = hold_out.labelled(dataset.read(paths.unseen), classes)
    table = ensemble.predict(locked)
    looks = hold_out.record(params.record, hold_out.digest_of_models(params.models), hold_out.digest_of_nuclei(locked))
    files.write_table(out.predictions, table)
    files.write_json(out.score, hold_out.score(table, classes, params.seed, looks))
