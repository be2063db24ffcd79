# What the models predict for nuclei that they have not seen, and trained experiments packed to predict elsewhere.


rule predict:
    input:
        PLAN.new_predictions(),


rule predict_out_of_fold:
    input:
        by_experiment(PLAN.model_files),
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
    output:
        predictions="results/experiments/{experiment}/predictions.tsv",
        margins="results/experiments/{experiment}/margins.tsv",
        thinned="results/experiments/{experiment}/thinned.tsv",
        embedding="results/experiments/{experiment}/embedding.h5",
    log:
        "results/logs/predict_out_of_fold/{experiment}.log",
    benchmark:
        "results/benchmarks/predict_out_of_fold/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(20, least=4000),
        runtime=minutes(60, per_gb=60),
    params:
        models=by_experiment(PLAN.models_of),
        seed=CONFIG.seed,
        code=code_of("predict_out_of_fold"),
    message:
        "Predicting {wildcards.experiment} out of fold"
    script:
        "../scripts/predict_out_of_fold.py"


rule pack:
    input:
        by_experiment(PLAN.model_files),
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
        predictions="results/experiments/{experiment}/predictions.tsv",
        metrics="results/experiments/{experiment}/metrics.json",
    output:
        directory("results/experiments/{experiment}/ainu-model"),
    log:
        "results/logs/pack/{experiment}.log",
    benchmark:
        "results/benchmarks/pack/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(20, least=4000),
        runtime=minutes(60, per_gb=60),
    params:
        models=by_experiment(PLAN.models_of),
        render=lambda wildcards: plain(CONFIG.renders[PLAN.experiment(wildcards.experiment).render]),
        preparation=PLAN.preparation(),
        coverage=CONFIG.predict.coverage,
        ood_quantile=CONFIG.predict.ood_quantile,
        code=code_of("pack"),
    message:
        "Packing the models of {wildcards.experiment}"
    script:
        "../scripts/pack.py"


rule assemble_unseen:
    input:
        unpack(lambda wildcards: PLAN.dataset_files(wildcards.predictor, PLAN.unseen_samples(wildcards.predictor))),
        fingerprints=lambda wildcards: PLAN.shard_files("fingerprints", PLAN.compared_samples(wildcards.predictor)),
    output:
        "results/predictions/{predictor}.h5",
    log:
        "results/logs/assemble_unseen/{predictor}.log",
    benchmark:
        "results/benchmarks/assemble_unseen/{predictor}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(0, least=2000),
        runtime=minutes(60, per_gb=20),
    params:
        rows=lambda wildcards: PLAN.dataset_rows(PLAN.unseen_samples(wildcards.predictor)),
        channels=lambda wildcards: list(PLAN.predictors[wildcards.predictor].channels),
        on_bad_file=CONFIG.ingest.on_bad_file,
        clipped_share=1.0,
        code=code_of("assemble"),
    message:
        "Assembling the unlabelled and test samples for {wildcards.predictor}"
    script:
        "../scripts/assemble.py"


rule predict_unseen:
    input:
        by_predictor(PLAN.bundle_files),
        unseen="results/predictions/{predictor}.h5",
    output:
        "results/predictions/{predictor}.tsv",
    log:
        "results/logs/predict_unseen/{predictor}.log",
    benchmark:
        "results/benchmarks/predict_unseen/{predictor}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(20, least=4000),
        runtime=minutes(60, per_gb=60),
    params:
        pack=by_predictor(PLAN.bundle_folder),
        preparation=PLAN.preparation(),
        code=code_of("predict_unseen"),
    message:
        "Predicting unlabelled and test samples by {wildcards.predictor}"
    script:
        "../scripts/predict_unseen.py"
