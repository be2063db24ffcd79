# What else than the arrangement of the molecules could explain the result: hand-made features, control networks, and the
# locked hold-out.


rule measure_features:
    input:
        raw=stage("localizations"),
        drift=stage("drift"),
        quality=stage("quality"),
        nuclei=stage("nuclei"),
    output:
        "results/features/{shard}.h5",
    log:
        "results/logs/measure_features/{shard}.log",
    benchmark:
        "results/benchmarks/measure_features/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=shard_memory(12, least=2000),
        runtime=shard_minutes(60),
    params:
        samples=samples_of,
        seed=CONFIG["seed"],
        code=code_of("measure_features"),
    message:
        "Measuring how localizations are arranged in the nuclei of {wildcards.shard}"
    script:
        "../scripts/measure_features.py"


rule train_controls:
    input:
        control_initial_models,
        mask_files,
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
    threads: lambda wildcards: experiment_of(wildcards)["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=memory(20, least=4000),
        runtime=minutes(720, per_gb=600),
    params:
        controls=lambda wildcards: controls_of(wildcards.experiment),
        experiment=control_recipe,
        initial=control_initial_folders,
        masks=lambda wildcards: shard_file_of_samples("nuclei", SETTINGS.samples_of(wildcards.experiment)),
        seed=CONFIG["seed"],
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
    threads: lambda wildcards: experiment_of(wildcards)["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=memory(20, least=4000),
        runtime=minutes(720, per_gb=600),
    params:
        experiment=control_recipe,
        seed=CONFIG["seed"],
        code=code_of("train_permuted"),
    script:
        "../scripts/train_permuted.py"


rule score_hold_out:
    input:
        lambda wildcards: model_files(wildcards.experiment),
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
        predictions="results/experiments/{experiment}/predictions.tsv",
        unseen="results/predictions/{experiment}.h5",
        fingerprints=lambda wildcards: shard_files("fingerprints", locked_and_trained(wildcards)),
        raw=lambda wildcards: shard_files("localizations", locked_and_trained(wildcards)),
    output:
        score="results/experiments/{experiment}/hold_out.json",
        predictions="results/experiments/{experiment}/hold_out.tsv",
    log:
        "results/logs/score_hold_out/{experiment}.log",
    benchmark:
        "results/benchmarks/score_hold_out/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(20, least=4000),
        runtime=minutes(60),
    params:
        rows=lambda wildcards: compared_rows(locked_and_trained(wildcards)),
        raw=lambda wildcards: shard_file_of_samples("localizations", locked_and_trained(wildcards)),
        models=lambda wildcards: models_of(wildcards.experiment),
        coverage=CONFIG["predict"]["coverage"],
        ood_quantile=CONFIG["predict"]["ood_quantile"],
        # No output: it has to outlive the jobs that read and write it.
        record=lambda wildcards: f"results/hold-out/{wildcards.experiment}.json",
        seed=CONFIG["seed"],
        code=code_of("score_hold_out"),
    message:
        "Scoring the locked hold-out of {wildcards.experiment}"
    script:
        "../scripts/score_hold_out.py"
