# How many nuclei a new cell type takes: the experiment trained on few of them, from other starts.


rule study_part:
    input:
        initial_models,
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
    threads: lambda wildcards: experiment_of(wildcards)["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=training_memory,
        runtime=minutes(720, per_gb=600),
    params:
        experiment=recipe_of,
        initial=lambda wildcards: models_of(experiment_of(wildcards)["init_from"] or ""),
        seed=CONFIG["seed"],
        code=code_of("study_part"),
    script:
        "../scripts/study_part.py"


rule study:
    input:
        lambda wildcards: expand(
            "results/experiments/{experiment}/study/{modes}-{sizes}-draw{draw}.tsv",
            experiment=wildcards.experiment,
            draw=range(study_of(wildcards.experiment)["draws"]),
            modes=study_of(wildcards.experiment)["modes"],
            sizes=study_of(wildcards.experiment)["sizes"],
        ),
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
        classes=lambda wildcards: experiment_of(wildcards)["classes"],
        code=code_of("study"),
    message:
        "Putting the study of {wildcards.experiment} together"
    script:
        "../scripts/study.py"
