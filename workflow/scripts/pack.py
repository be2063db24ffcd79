"""Pack the models of an experiment with all that predicting by them takes."""

from ainu import files
from ainu.errors import job
from ainu.folds.table import read_folds
from ainu.images import dataset
from ainu.networks.model import load_model
from ainu.prediction import bundle as pack
from ainu.prediction.ensemble import fit_ensemble, truth_of

with job(snakemake.log[0]):
    paths, params = snakemake.input, snakemake.params
    models = [load_model(folder) for folder in params.models]
    nuclei, known = dataset.read(paths.dataset), truth_of(files.read_table(paths.predictions), models[0].classes)
    origin = pack.Origin(
        experiment=snakemake.wildcards.experiment,
        render=params.render,
        preparation=params.preparation,
        nuclei=nuclei.table["label"].value_counts().to_dict(),
        metrics=files.read_json(paths.metrics),
        ood_quantile=params.ood_quantile,
    )
    ensemble = fit_ensemble(models, nuclei, read_folds(paths.folds), known, params.coverage, params.ood_quantile)
    pack.write(snakemake.output[0], ensemble, params.models, origin)
