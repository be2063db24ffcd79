"""Pack the models of an experiment into a bundle that predicts without the training data."""

from ainu.errors import job
from ainu.images.settings import Render
from ainu.prediction import bundle
from ainu.prediction.ensemble import read_ensemble
from ainu.typed import typed

with job(snakemake.log[0]):
    name, files, params = snakemake.wildcards.experiment, dict(snakemake.input.items()), snakemake.params
    render = typed(Render, params.render)
    origin = bundle.Origin.read(name, files, render, params.preparation, params.ood_quantile)
    ensemble = read_ensemble(params.models, files, params.coverage, params.ood_quantile)
    bundle.write(snakemake.output[0], ensemble, params.models, origin)
