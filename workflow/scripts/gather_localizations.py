"""Whether the localizations that matter most lie together."""

from ainu import files
from ainu.attribution import clustering as gathering
from ainu.errors import job

with job(snakemake.log[0]):
    params = snakemake.params
    near = 2 * params.voxel_nm
    far = max(params.settings["gather_nm"], 2 * near)
    names = [{row["sample"]: row[key] for row in params.rows} for key in ("replicate", "label")]
    found = gathering.gathering(snakemake.input.tables, *names, params.settings["top"], near, far, params.seed)
    files.write_json(snakemake.output[0], found)
