# Which localizations stay, and the quality of every sample: one row of numbers and one page of pictures.


rule filter_quality:
    input:
        raw=stage("localizations"),
        drift=stage("drift"),
    output:
        stage("quality"),
    log:
        "results/logs/filter_quality/{shard}.log",
    benchmark:
        "results/benchmarks/filter_quality/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=RESOURCES.shard_memory(12, least=2000),
        runtime=RESOURCES.shard_minutes(60),
    params:
        samples=by_shard(PLAN.samples_of_shard),
        settings=plain(CONFIG.quality),
        code=code_of("filter_quality"),
    message:
        "Filtering the localizations of {wildcards.shard}"
    script:
        "../scripts/filter_quality.py"


rule qc:
    input:
        raw=stage("localizations"),
        drift=stage("drift"),
        quality=stage("quality"),
        nuclei=stage("nuclei"),
    output:
        report(
            directory("results/qc/{shard}"),
            patterns=["{sample}.png"],
            caption="../report/qc.rst",
            category="Quality",
            labels={"sample": "{sample}"},
        ),
    log:
        "results/logs/qc/{shard}.log",
    benchmark:
        "results/benchmarks/qc/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=RESOURCES.shard_memory(12, least=2000),
        runtime=RESOURCES.shard_minutes(60),
    params:
        samples=by_shard(PLAN.samples_of_shard),
        code=code_of("qc"),
    message:
        "Summarising the quality of {wildcards.shard}"
    script:
        "../scripts/qc.py"


rule gather_qc:
    input:
        folders=expand("results/qc/{shard}", shard=PLAN.settings.shards),
        stages=PLAN.stages_beside_qc(),
    output:
        "results/qc/summary.tsv",
    log:
        "results/logs/gather_qc.log",
    benchmark:
        "results/benchmarks/gather_qc.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(0),
        runtime=minutes(10),
    params:
        unused=PLAN.unused,
        code=code_of("gather_qc"),
    message:
        "Gathering the quality of all samples"
    script:
        "../scripts/gather_qc.py"
