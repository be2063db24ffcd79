"""Pack the models of an experiment into a bundle that predicts without the training data."""

from ainu.errors import job
from ainu.files import read_json
from ainu.images.dataset import read_labels
from ainu.images.settings import Render
from ainu.prediction import bundle
from ainu.prediction.ensemble import read_ensemble
from ainu.typed import typed

with job(snakemake.log[0]):
    paths, params = snakemake.input, snakemake.params
    origin = bundle.Origin(
        experiment=snakemake.wildcards.experiment,
        render=typed(Render, params.render),
        preparation=params.preparation,
        nuclei=read_labels(paths.dataset)["label"].value_counts().to_dict(),
        metrics=read_json(paths.metrics),
        ood_quantile=params.ood_quantile,
    )
    limits = {"coverage": params.coverage, "ood_quantile": params.ood_quantile}
    ensemble = read_ensemble(params.models, paths.dataset, paths.folds, paths.predictions, **limits)
    bundle.write(snakemake.output[0], ensemble, params.models, origin)
