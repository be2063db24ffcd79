"""Divide the attribution of the best method among the localizations of a shard."""

from ainu import files
from ainu.attribution.catalogue import DEFAULT
from ainu.attribution.per_localization import Source, explain_shard
from ainu.errors import job

with job(snakemake.log[0]):
    paths, params, out = snakemake.input, snakemake.params, snakemake.output
    inputs = {name: paths[name] for name in ("raw", "drift", "quality", "nuclei")}
    source = Source(paths.dataset, paths.maps, files.read_json(paths.scorecard)["best"] or DEFAULT[0])
    explain_shard(inputs, source, params.samples, out.table, out.folder, params.formats, snakemake.threads)
