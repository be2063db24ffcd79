"""Measure the canvas of a render that holds every nucleus."""

from ainu.errors import job
from ainu.images.render import fit_canvas
from ainu.images.settings import Render
from ainu.typed import typed

with job(snakemake.log[0]):
    fit_canvas(snakemake.input, typed(Render, snakemake.params.render), snakemake.output[0])
