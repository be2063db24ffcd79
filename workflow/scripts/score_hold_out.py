"""Score the held-out test set by the ensemble of an experiment, and record this evaluation."""

from ainu.errors import job
from ainu.evaluation.hold_out import evaluate_hold_out
from ainu.files import write_json, write_table
from ainu.folds.duplicate_recordings import refuse_duplicates
from ainu.images.dataset import read
from ainu.prediction.ensemble import read_ensemble

with job(snakemake.log[0]):
    files, params, out = dict(snakemake.input.items()), snakemake.params, snakemake.output
    refuse_duplicates(params.rows, files["fingerprints"], params.raw)
    ensemble = read_ensemble(params.models, files, params.coverage, params.ood_quantile)
    table, score = evaluate_hold_out(ensemble, params.models, read(files["unseen"]), params.record, params.seed)
    write_table(out.predictions, table)
    write_json(out.score, score)
