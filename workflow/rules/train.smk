# One training job per fold and repeat of an experiment, on a GPU where there is one. Without a message, so that a dry run
# shows what the job asks the cluster for.


rule train:
    input:
        initial_models,
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
    output:
        weights="results/experiments/{experiment}/models/repeat{repeat}-fold{fold}/model.safetensors",
        info="results/experiments/{experiment}/models/repeat{repeat}-fold{fold}/model.json",
        history="results/experiments/{experiment}/models/repeat{repeat}-fold{fold}/history.tsv",
        speed="results/benchmarks/train/{experiment}/repeat{repeat}-fold{fold}.speed.json",
    log:
        "results/logs/train/{experiment}/repeat{repeat}-fold{fold}.log",
    benchmark:
        "results/benchmarks/train/{experiment}/repeat{repeat}-fold{fold}.tsv"
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
        seed=CONFIG["seed"],
        code=code_of("train"),
    script:
        "../scripts/train.py"
