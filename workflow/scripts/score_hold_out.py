"""Score the held-out test set by the ensemble of an experiment, and record that it was looked at."""

from ainu.errors import job
from ainu.evaluation import hold_out
from ainu.files import write_json, write_table
from ainu.folds.duplicate_recordings import refuse_duplicates
from ainu.images.dataset import read
from ainu.prediction.ensemble import read_ensemble

with job(snakemake.log[0]):
    paths, params, out = snakemake.input, snakemake.params, snakemake.output
    refuse_duplicates(params.rows, paths.fingerprints, params.raw)
    limits = {"coverage": params.coverage, "ood_quantile": params.ood_quantile}
    ensemble = read_ensemble(params.models, paths.dataset, paths.folds, paths.predictions, **limits)
    classes = ensemble.models[0].classes
    held_out = hold_out.labelled(read(paths.unseen), classes)
    table = ensemble.predict(held_out)
    looks = hold_out.record(
        params.record, hold_out.digest_of_models(params.models), hold_out.digest_of_nuclei(held_out)
    )
    write_table(out.predictions, table)
    write_json(out.score, hold_out.score(table, classes, params.seed, looks))
