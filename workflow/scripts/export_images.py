"""Write the images of a shard's nuclei as OME-TIFF."""

from ainu.errors import job
from ainu.images.ome_tiff import export_images

with job(snakemake.log[0]):
    export_images(snakemake.input[0], snakemake.output[0])
