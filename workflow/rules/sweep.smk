# Experiments with a `sweep`: their runs side by side, and what choosing among them within each fold would achieve.


rule train_inner:
    input:
        initial_models,
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
    output:
        "results/experiments/{experiment}/inner/repeat{repeat}-fold{fold}/inner{inner}.tsv",
    log:
        "results/logs/train_inner/{experiment}/repeat{repeat}-fold{fold}-inner{inner}.log",
    benchmark:
        "results/benchmarks/train_inner/{experiment}/repeat{repeat}-fold{fold}-inner{inner}.tsv"
    conda:
        GPU_ENVIRONMENT
    threads: lambda wildcards: experiment_of(wildcards)["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=training_memory,
        runtime=minutes(720, per_gb=600),
    params:
        experiment=recipe_of,
        initial=lambda wildcards: models_of(experiment_of(wildcards)["init_from"] or ""),
        inner_folds=lambda wildcards: inner_folds_of(wildcards.experiment),
        seed=CONFIG["seed"],
        code=code_of("train_inner"),
    script:
        "../scripts/train_inner.py"


rule compare:
    input:
        lambda wildcards: [
            file
            for run in RUNS[wildcards.experiment]
            for files in run_files(run).values()
            for file in ([files] if isinstance(files, str) else files)
        ],
    output:
        table="results/experiments/{experiment}/sweep.tsv",
        picture=report(
            "results/experiments/{experiment}/sweep.svg",
            caption="../report/sweep.rst",
            category="{experiment}",
            labels={"figure": "Sweep"},
        ),
    log:
        "results/logs/compare/{experiment}.log",
    benchmark:
        "results/benchmarks/compare/{experiment}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(0, least=2000),
        runtime=minutes(30),
    params:
        runs=lambda wildcards: {run: run_files(run) for run in RUNS[wildcards.experiment]},
        classes=lambda wildcards: experiment_of(wildcards)["classes"],
        seed=CONFIG["seed"],
        code=code_of("compare"),
    message:
        "Comparing the runs of {wildcards.experiment}"
    script:
        "../scripts/compare.py"
