# Images of the nuclei, for each render of the config.


rule fit_canvas:
    input:
        expand("results/nuclei/{shard}.h5", shard=SETTINGS.shards),
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
        render=lambda wildcards: CONFIG["renders"][wildcards.render],
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
            lambda wildcards: CONFIG["renders"][wildcards.render]["canvas_nm"] == "fitted",
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
        mem_mb=shard_memory(12, least=2000),
        runtime=shard_minutes(60),
    params:
        samples=samples_of,
        render=lambda wildcards: CONFIG["renders"][wildcards.render],
        channels=CONFIG["channels"],
        code=code_of("voxelize"),
    message:
        "Imaging the nuclei of {wildcards.shard} as {wildcards.render}"
    script:
        "../scripts/voxelize.py"
