# How well the classes are told apart, and whether something trivial explains it.


rule evaluate:
    input:
        histories=lambda wildcards: [f"{folder}/history.tsv" for folder in models_of(wildcards.experiment)],
        features=lambda wildcards: shard_files("features", SETTINGS.samples_of(wildcards.experiment)),
        controls=control_tables,
        permuted=permuted_tables,
        test=hold_out_score,
        predictions="results/experiments/{experiment}/predictions.tsv",
        thinned="results/experiments/{experiment}/thinned.tsv",
        embedding="results/experiments/{experiment}/embedding.h5",
        leakage="results/experiments/{experiment}/leakage.json",
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
        classes=lambda wildcards: experiment_of(wildcards)["classes"],
        network=lambda wildcards: experiment_of(wildcards)["network"],
        control_network=lambda wildcards: control_network(wildcards.experiment),
        permutations=lambda wildcards: experiment_of(wildcards)["audit"]["baseline_permutations"],
        seed=CONFIG["seed"],
        code=code_of("evaluate"),
    message:
        "Evaluating {wildcards.experiment}"
    script:
        "../scripts/evaluate.py"
