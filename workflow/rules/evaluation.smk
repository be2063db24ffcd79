# How well the classes are distinguished, what else could explain it, and experiments that compare.


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
        mem_mb=RESOURCES.shard_memory(12, least=2000),
        runtime=RESOURCES.shard_minutes(60),
    params:
        samples=by_shard(PLAN.samples_of_shard),
        seed=CONFIG.seed,
        code=code_of("measure_features"),
    message:
        "Measuring features of the nuclei of {wildcards.shard}"
    script:
        "../scripts/measure_features.py"


rule measure_blurred_features:
    input:
        raw=stage("localizations"),
        drift=stage("drift"),
        quality=stage("quality"),
        nuclei=stage("nuclei"),
    output:
        "results/blurred_features/{shard}.h5",
    log:
        "results/logs/measure_blurred_features/{shard}.log",
    benchmark:
        "results/benchmarks/measure_blurred_features/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=RESOURCES.shard_memory(16, least=2000),
        runtime=RESOURCES.shard_minutes(120),
    params:
        samples=by_shard(PLAN.samples_of_shard),
        levels_nm=PLAN.blur_levels_nm,
        seed=CONFIG.seed,
        code=code_of("measure_blurred_features"),
    message:
        "Measuring features of the blurred nuclei of {wildcards.shard}"
    script:
        "../scripts/measure_blurred_features.py"


rule audit_resolution:
    input:
        by_experiment(PLAN.blurred_model_files),
        features=by_experiment(PLAN.blurred_features),
        controls=by_experiment(PLAN.retrained_tables),
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
        predictions="results/experiments/{experiment}/predictions.tsv",
    output:
        result="results/experiments/{experiment}/resolution.json",
        table="results/experiments/{experiment}/evaluation/resolution.tsv",
        figure=report(
            "results/experiments/{experiment}/evaluation/resolution.svg",
            caption="../report/resolution.rst",
            category="{experiment}",
            labels={"figure": "Score against blur"},
        ),
    log:
        "results/logs/audit_resolution/{experiment}.log",
    benchmark:
        "results/benchmarks/audit_resolution/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(20, least=4000),
        runtime=minutes(60, per_gb=60),
    params:
        classes=lambda wildcards: list(PLAN.experiment(wildcards.experiment).classes),
        levels_nm=lambda wildcards: list(PLAN.experiment(wildcards.experiment).audit.resolution),
        models=by_experiment(PLAN.blurred_models),
        seed=CONFIG.seed,
        code=code_of("audit_resolution"),
    message:
        "Auditing the resolution of {wildcards.experiment}"
    script:
        "../scripts/audit_resolution.py"


rule score_hold_out:
    input:
        by_experiment(PLAN.model_files),
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
        predictions="results/experiments/{experiment}/predictions.tsv",
        unseen="results/predictions/{experiment}.h5",
        fingerprints=lambda wildcards: PLAN.shard_files("fingerprints", PLAN.held_out_and_trained(wildcards.experiment)),
        raw=lambda wildcards: PLAN.shard_files("localizations", PLAN.held_out_and_trained(wildcards.experiment)),
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
        rows=lambda wildcards: PLAN.leakage_rows(PLAN.held_out_and_trained(wildcards.experiment)),
        raw=lambda wildcards: PLAN.shard_file_of("localizations", PLAN.held_out_and_trained(wildcards.experiment)),
        models=by_experiment(PLAN.models_of),
        coverage=CONFIG.predict.coverage,
        ood_quantile=CONFIG.predict.ood_quantile,
        # No output: it has to outlive the jobs that read and write it.
        record=lambda wildcards: f"results/hold-out/{wildcards.experiment}.json",
        seed=CONFIG.seed,
        code=code_of("score_hold_out"),
    message:
        "Evaluating the held-out test set of {wildcards.experiment}"
    script:
        "../scripts/score_hold_out.py"


rule evaluate:
    input:
        histories=by_experiment(PLAN.histories),
        features=lambda wildcards: PLAN.shard_files("features", PLAN.samples_of(wildcards.experiment)),
        controls=by_experiment(PLAN.control_tables),
        permuted=by_experiment(PLAN.permuted_tables),
        test=by_experiment(PLAN.held_out_score),
        predictions="results/experiments/{experiment}/predictions.tsv",
        thinned="results/experiments/{experiment}/thinned.tsv",
        embedding="results/experiments/{experiment}/embedding.h5",
        leakage="results/experiments/{experiment}/leakage.json",
        resolution="results/experiments/{experiment}/resolution.json",
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
    output:
        metrics="results/experiments/{experiment}/metrics.json",
        places="results/experiments/{experiment}/evaluation/embedding.tsv",
        confusion=report(
            "results/experiments/{experiment}/evaluation/confusion.svg",
            caption="../report/confusion.rst",
            category="{experiment}",
            labels={"figure": "Confusion matrix"},
        ),
        roc=report(
            "results/experiments/{experiment}/evaluation/roc.svg",
            caption="../report/roc.rst",
            category="{experiment}",
            labels={"figure": "ROC"},
        ),
        precision_recall=report(
            "results/experiments/{experiment}/evaluation/precision_recall.svg",
            caption="../report/precision_recall.rst",
            category="{experiment}",
            labels={"figure": "Precision and recall"},
        ),
        reliability=report(
            "results/experiments/{experiment}/evaluation/reliability.svg",
            caption="../report/reliability.rst",
            category="{experiment}",
            labels={"figure": "Reliability"},
        ),
        embedding=report(
            "results/experiments/{experiment}/evaluation/embedding.svg",
            caption="../report/embedding.rst",
            category="{experiment}",
            labels={"figure": "Map of the nuclei"},
        ),
        errors=report(
            "results/experiments/{experiment}/evaluation/errors.svg",
            caption="../report/errors.rst",
            category="{experiment}",
            labels={"figure": "Most confident errors"},
        ),
        permutation=report(
            "results/experiments/{experiment}/evaluation/permutation.svg",
            caption="../report/permutation.rst",
            category="{experiment}",
            labels={"figure": "Label permutation"},
        ),
        learning_curve=report(
            "results/experiments/{experiment}/evaluation/learning_curve.svg",
            caption="../report/learning_curve.rst",
            category="{experiment}",
            labels={"figure": "Learning curve"},
        ),
        score_by_count=report(
            "results/experiments/{experiment}/evaluation/score_by_count.svg",
            caption="../report/score_by_count.rst",
            category="{experiment}",
            labels={"figure": "Score against localizations left"},
        ),
        training="results/experiments/{experiment}/evaluation/training.svg",
    log:
        "results/logs/evaluate/{experiment}.log",
    benchmark:
        "results/benchmarks/evaluate/{experiment}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(8, least=2000),
        runtime=minutes(60, per_gb=60),
    params:
        classes=lambda wildcards: list(PLAN.experiment(wildcards.experiment).classes),
        network=lambda wildcards: PLAN.experiment(wildcards.experiment).network_name,
        control_network=by_experiment(PLAN.control_network),
        permutations=lambda wildcards: PLAN.experiment(wildcards.experiment).audit.baseline_permutations,
        seed=CONFIG.seed,
        code=code_of("evaluate"),
    message:
        "Evaluating {wildcards.experiment}"
    script:
        "../scripts/evaluate.py"


rule compare:
    input:
        by_experiment(PLAN.compared_files),
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
        runs=by_experiment(PLAN.compared_runs),
        classes=lambda wildcards: list(PLAN.experiment(wildcards.experiment).classes),
        seed=CONFIG.seed,
        code=code_of("compare"),
    message:
        "Comparing the runs of {wildcards.experiment}"
    script:
        "../scripts/compare.py"


rule study:
    input:
        by_experiment(PLAN.study_tables),
    output:
        table="results/experiments/{experiment}/study.tsv",
        picture=report(
            "results/experiments/{experiment}/study.svg",
            caption="../report/study.rst",
            category="{experiment}",
            labels={"figure": "Accuracy against training nuclei"},
        ),
    log:
        "results/logs/study/{experiment}.log",
    benchmark:
        "results/benchmarks/study/{experiment}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(0, least=2000),
        runtime=minutes(30),
    params:
        classes=lambda wildcards: list(PLAN.experiment(wildcards.experiment).classes),
        code=code_of("study"),
    message:
        "Summarising the learning study of {wildcards.experiment}"
    script:
        "../scripts/study.py"
