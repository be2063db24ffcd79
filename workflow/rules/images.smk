# Images of the nuclei, for each render of the config; those of an experiment in one file.


rule fit_canvas:
    input:
        PLAN.all_shard_files("nuclei"),
    output:
        "results/voxels/{render}/canvas.json",
    log:
        "results/logs/fit_canvas/{render}.log",
    benchmark:
        "results/benchmarks/fit_canvas/{render}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(0),
        runtime=minutes(10),
    params:
        render=lambda wildcards: plain(CONFIG.renders[wildcards.render]),
        code=code_of("fit_canvas"),
    message:
        "Fitting the canvas of {wildcards.render} to all nuclei"
    script:
        "../scripts/fit_canvas.py"


rule voxelize:
    input:
        raw=stage("localizations"),
        drift=stage("drift"),
        quality=stage("quality"),
        nuclei=stage("nuclei"),
        canvas=branch(
            lambda wildcards: CONFIG.renders[wildcards.render].canvas_nm == "fitted",
            then="results/voxels/{render}/canvas.json",
            otherwise=[],
        ),
    output:
        "results/voxels/{render}/{shard}.h5",
    log:
        "results/logs/voxelize/{render}/{shard}.log",
    benchmark:
        "results/benchmarks/voxelize/{render}/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=RESOURCES.shard_memory(12, least=2000),
        runtime=RESOURCES.shard_minutes(60),
    params:
        samples=by_shard(PLAN.samples_of_shard),
        render=lambda wildcards: plain(CONFIG.renders[wildcards.render]),
        channels=lambda wildcards: list(CONFIG.channels),
        code=code_of("voxelize"),
    message:
        "Voxelizing the nuclei of {wildcards.shard} as {wildcards.render}"
    script:
        "../scripts/voxelize.py"


rule voxelize_views:
    input:
        raw=stage("localizations"),
        drift=stage("drift"),
        quality=stage("quality"),
        nuclei=stage("nuclei"),
    output:
        "results/voxels/views/{shard}.h5",
    log:
        "results/logs/voxelize/views/{shard}.log",
    benchmark:
        "results/benchmarks/voxelize/views/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=RESOURCES.shard_memory(12, least=2000),
        runtime=RESOURCES.shard_minutes(60),
    params:
        samples=by_shard(PLAN.samples_of_shard),
        channels=lambda wildcards: list(CONFIG.channels),
        code=code_of("voxelize_views"),
    message:
        "Ordering the localizations of the nuclei of {wildcards.shard} by place"
    script:
        "../scripts/voxelize_views.py"


rule assemble:
    input:
        unpack(lambda wildcards: PLAN.dataset_files(wildcards.experiment, PLAN.samples_of(wildcards.experiment))),
        fingerprints=lambda wildcards: PLAN.shard_files("fingerprints", PLAN.samples_of(wildcards.experiment)),
    output:
        "results/experiments/{experiment}/dataset.h5",
    log:
        "results/logs/assemble/{experiment}.log",
    benchmark:
        "results/benchmarks/assemble/{experiment}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(0, least=2000),
        runtime=minutes(60, per_gb=20),
    params:
        rows=lambda wildcards: PLAN.dataset_rows(PLAN.samples_of(wildcards.experiment)),
        channels=lambda wildcards: list(PLAN.experiment(wildcards.experiment).channels),
        on_bad_file=CONFIG.ingest.on_bad_file,
        clipped_share=lambda wildcards: PLAN.experiment(wildcards.experiment).clipped_share,
        code=code_of("assemble"),
    message:
        "Assembling the dataset of {wildcards.experiment}"
    script:
        "../scripts/assemble.py"


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
        mem_mb=RESOURCES.shard_memory(12, least=2000),
        runtime=RESOURCES.shard_minutes(60),
    params:
        code=code_of("export_images"),
    message:
        "Exporting the images of {wildcards.shard} ({wildcards.render}) as OME-TIFF"
    script:
        "../scripts/export_images.py"
