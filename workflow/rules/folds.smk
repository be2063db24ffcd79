# Which fold each replicate falls into, and whether two samples are the same recording.


rule fingerprint:
    input:
        stage("localizations"),
    output:
        "results/fingerprints/{shard}.h5",
    log:
        "results/logs/fingerprint/{shard}.log",
    benchmark:
        "results/benchmarks/fingerprint/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=RESOURCES.shard_memory(4, least=1000),
        runtime=RESOURCES.shard_minutes(30),
    params:
        samples=by_shard(PLAN.samples_of_shard),
        code=code_of("fingerprint"),
    message:
        "Fingerprinting the recordings of {wildcards.shard}"
    script:
        "../scripts/fingerprint.py"


rule split:
    input:
        dataset="results/experiments/{experiment}/dataset.h5",
        fingerprints=lambda wildcards: PLAN.shard_files("fingerprints", PLAN.samples_of(wildcards.experiment)),
        raw=lambda wildcards: PLAN.shard_files("localizations", PLAN.samples_of(wildcards.experiment)),
    output:
        folds="results/experiments/{experiment}/folds.tsv",
        leakage="results/experiments/{experiment}/leakage.json",
    log:
        "results/logs/split/{experiment}.log",
    benchmark:
        "results/benchmarks/split/{experiment}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, input, attempt: int((2000 + 3 * size_mb(input.fingerprints)) * attempt),
        runtime=minutes(60, per_gb=20),
    params:
        rows=lambda wildcards: PLAN.leakage_rows(PLAN.samples_of(wildcards.experiment)),
        raw=lambda wildcards: PLAN.shard_file_of("localizations", PLAN.samples_of(wildcards.experiment)),
        folds=lambda wildcards: PLAN.experiment(wildcards.experiment).folds,
        repeats=lambda wildcards: PLAN.experiment(wildcards.experiment).repeats,
        seed=CONFIG.seed,
        code=code_of("split"),
    message:
        "Splitting {wildcards.experiment} into folds by replicate"
    script:
        "../scripts/split.py"
