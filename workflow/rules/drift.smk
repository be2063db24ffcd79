# How the stage moved while each sample was recorded.


rule correct_drift:
    input:
        raw=stage("localizations"),
    output:
        stage("drift"),
    log:
        "results/logs/correct_drift/{shard}.log",
    benchmark:
        "results/benchmarks/correct_drift/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=RESOURCES.shard_memory(20, least=4000),
        runtime=RESOURCES.shard_minutes(120),
    params:
        samples=by_shard(PLAN.samples_of_shard),
        settings=plain(CONFIG.drift),
        code=code_of("correct_drift"),
    message:
        "Estimating the drift of {wildcards.shard}"
    script:
        "../scripts/correct_drift.py"
