# The images of an experiment in one file, and which fold each replicate falls into.


rule assemble:
    input:
        unpack(lambda wildcards: dataset_files(experiment_of(wildcards), SETTINGS.samples_of(wildcards.experiment))),
        fingerprints=lambda wildcards: shard_files("fingerprints", SETTINGS.samples_of(wildcards.experiment)),
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
        rows=lambda wildcards: experiment_rows(SETTINGS.samples_of(wildcards.experiment)),
        channels=lambda wildcards: experiment_of(wildcards)["channels"],
        on_bad_file=CONFIG["ingest"]["on_bad_file"],
        code=code_of("assemble"),
    message:
        "Assembling the dataset of {wildcards.experiment}"
    script:
        "../scripts/assemble.py"


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
        mem_mb=shard_memory(4, least=1000),
        runtime=shard_minutes(30),
    params:
        samples=samples_of,
        code=code_of("fingerprint"),
    message:
        "Taking the fingerprints of the recordings of {wildcards.shard}"
    script:
        "../scripts/fingerprint.py"


rule split:
    input:
        dataset="results/experiments/{experiment}/dataset.h5",
        fingerprints=lambda wildcards: shard_files("fingerprints", SETTINGS.samples_of(wildcards.experiment)),
        raw=lambda wildcards: shard_files("localizations", SETTINGS.samples_of(wildcards.experiment)),
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
        rows=lambda wildcards: compared_rows(SETTINGS.samples_of(wildcards.experiment)),
        raw=lambda wildcards: shard_file_of_samples("localizations", SETTINGS.samples_of(wildcards.experiment)),
        folds=lambda wildcards: experiment_of(wildcards)["folds"],
        repeats=lambda wildcards: experiment_of(wildcards)["repeats"],
        seed=CONFIG["seed"],
        code=code_of("split"),
    message:
        "Splitting {wildcards.experiment} into folds by replicate"
    script:
        "../scripts/split.py"
