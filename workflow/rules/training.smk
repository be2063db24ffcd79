# One training job per fold and repeat of an experiment, on a GPU where there is one; trainings of sweeps, controls and
# learning studies beside them. Without a message, so that a dry run shows what a job asks the cluster for.


rule train:
    input:
        by_experiment(PLAN.initial_files),
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
    threads: lambda wildcards: PLAN.experiment(wildcards.experiment).training.threads
    resources:
        gpu=1,
        mem_mb=RESOURCES.training_memory,
        runtime=minutes(720, per_gb=600),
    params:
        experiment=by_experiment(PLAN.design),
        initial=by_experiment(PLAN.initial_folders),
        seed=CONFIG.seed,
        code=code_of("train"),
    script:
        "../scripts/train.py"


rule train_inner:
    input:
        by_experiment(PLAN.initial_files),
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
    threads: lambda wildcards: PLAN.experiment(wildcards.experiment).training.threads
    resources:
        gpu=1,
        mem_mb=RESOURCES.training_memory,
        runtime=minutes(720, per_gb=600),
    params:
        experiment=by_experiment(PLAN.design),
        initial=by_experiment(PLAN.initial_folders),
        inner_folds=by_experiment(PLAN.inner_folds_of),
        seed=CONFIG.seed,
        code=code_of("train_inner"),
    script:
        "../scripts/train_inner.py"


rule train_controls:
    input:
        by_experiment(PLAN.control_initial_files),
        by_experiment(PLAN.mask_files),
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
    output:
        "results/experiments/{experiment}/controls/fold{fold}.tsv",
    log:
        "results/logs/train_controls/{experiment}/fold{fold}.log",
    benchmark:
        "results/benchmarks/train_controls/{experiment}/fold{fold}.tsv"
    conda:
        GPU_ENVIRONMENT
    threads: lambda wildcards: PLAN.experiment(wildcards.experiment).training.threads
    resources:
        gpu=1,
        mem_mb=memory(20, least=4000),
        runtime=minutes(720, per_gb=600),
    params:
        controls=by_experiment(PLAN.controls_of),
        experiment=by_experiment(PLAN.control_design),
        initial=by_experiment(PLAN.control_initial_folders),
        masks=lambda wildcards: PLAN.shard_file_of("nuclei", PLAN.samples_of(wildcards.experiment)),
        seed=CONFIG.seed,
        code=code_of("train_controls"),
    script:
        "../scripts/train_controls.py"


rule train_permuted:
    input:
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
    output:
        "results/experiments/{experiment}/permuted/draw{draw}.tsv",
    log:
        "results/logs/train_permuted/{experiment}/draw{draw}.log",
    benchmark:
        "results/benchmarks/train_permuted/{experiment}/draw{draw}.tsv"
    conda:
        GPU_ENVIRONMENT
    threads: lambda wildcards: PLAN.experiment(wildcards.experiment).training.threads
    resources:
        gpu=1,
        mem_mb=memory(20, least=4000),
        runtime=minutes(720, per_gb=600),
    params:
        experiment=by_experiment(PLAN.control_design),
        seed=CONFIG.seed,
        code=code_of("train_permuted"),
    script:
        "../scripts/train_permuted.py"


rule study_part:
    input:
        by_experiment(PLAN.initial_files),
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
    output:
        "results/experiments/{experiment}/study/{mode}-{size}-draw{draw}.tsv",
    log:
        "results/logs/study_part/{experiment}/{mode}-{size}-draw{draw}.log",
    benchmark:
        "results/benchmarks/study_part/{experiment}/{mode}-{size}-draw{draw}.tsv"
    conda:
        GPU_ENVIRONMENT
    threads: lambda wildcards: PLAN.experiment(wildcards.experiment).training.threads
    resources:
        gpu=1,
        mem_mb=RESOURCES.training_memory,
        runtime=minutes(720, per_gb=600),
    params:
        experiment=by_experiment(PLAN.design),
        initial=by_experiment(PLAN.initial_folders),
        seed=CONFIG.seed,
        code=code_of("study_part"),
    script:
        "../scripts/study_part.py"
