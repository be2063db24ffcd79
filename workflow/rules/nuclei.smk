# Where the nuclei are.


rule find_nuclei:
    input:
        lambda wildcards: [file for file, _ in PLAN.rois(wildcards.shard).values()],
        raw=stage("localizations"),
        drift=stage("drift"),
        quality=stage("quality"),
    output:
        stage("nuclei"),
    log:
        "results/logs/find_nuclei/{shard}.log",
    benchmark:
        "results/benchmarks/find_nuclei/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=RESOURCES.shard_memory(12, least=2000),
        runtime=RESOURCES.shard_minutes(60),
    params:
        samples=by_shard(PLAN.samples_of_shard),
        rois=by_shard(PLAN.rois),
        settings=PLAN.nuclei_settings(),
        code=code_of("find_nuclei"),
    message:
        "Finding the nuclei of {wildcards.shard}"
    script:
        "../scripts/find_nuclei.py"
