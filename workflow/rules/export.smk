# For other programs: cleaned tables (corrected, filtered, inside nuclei), and the images of the nuclei.


rule export:
    input:
        raw=stage("localizations"),
        drift=stage("drift"),
        quality=stage("quality"),
        nuclei=stage("nuclei"),
    output:
        directory("results/export/{format}/{shard}"),
    log:
        "results/logs/export/{format}/{shard}.log",
    benchmark:
        "results/benchmarks/export/{format}/{shard}.tsv"
    wildcard_constraints:
        format=one_of(["picasso", "thunderstorm"]),
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=shard_memory(12, least=2000),
        runtime=shard_minutes(60),
    params:
        samples=samples_of,
        pixel_size_nm=CONFIG["ingest"]["pixel_size_nm"],
        code=code_of("export"),
    message:
        "Exporting {wildcards.shard} as {wildcards.format}"
    script:
        "../scripts/export.py"


rule export_images:
    input:
        "results/voxels/{render}/{shard}.h5",
    output:
        directory("results/export/ome_tiff/{render}/{shard}"),
    log:
        "results/logs/export/ome_tiff/{render}/{shard}.log",
    benchmark:
        "results/benchmarks/export/ome_tiff/{render}/{shard}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=shard_memory(12, least=2000),
        runtime=shard_minutes(60),
    params:
        code=code_of("export_images"),
    message:
        "Exporting the images of {wildcards.shard} ({wildcards.render}) as OME-TIFF"
    script:
        "../scripts/export_images.py"
