# Where the evidence lies: each nucleus explained by the models that held it out, and whether that can be trusted.


rule attribute:
    input:
        by_experiment(PLAN.model_files),
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
    output:
        "results/experiments/{experiment}/attribution/maps.h5",
    log:
        "results/logs/attribute/{experiment}.log",
    benchmark:
        "results/benchmarks/attribute/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: lambda wildcards: PLAN.experiment(wildcards.experiment).attribution.threads
    resources:
        mem_mb=RESOURCES.attribution_memory,
        runtime=minutes(240, per_gb=240),
    params:
        models=by_experiment(PLAN.models_of),
        settings=by_experiment(PLAN.attribution_settings),
        seed=CONFIG.seed,
        code=code_of("attribute"),
    message:
        "Attributing the predictions of {wildcards.experiment}"
    script:
        "../scripts/attribute.py"


rule check_attribution:
    input:
        by_experiment(PLAN.model_files),
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
    output:
        "results/experiments/{experiment}/attribution/sanity.json",
    log:
        "results/logs/check_attribution/{experiment}.log",
    benchmark:
        "results/benchmarks/check_attribution/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: lambda wildcards: PLAN.experiment(wildcards.experiment).attribution.threads
    resources:
        mem_mb=RESOURCES.attribution_memory,
        runtime=minutes(240, per_gb=240),
    params:
        models=by_experiment(PLAN.models_of),
        settings=by_experiment(PLAN.attribution_settings),
        seed=CONFIG.seed,
        code=code_of("check_attribution"),
    message:
        "Checking the attribution methods of {wildcards.experiment}"
    script:
        "../scripts/check_attribution.py"


rule summarise_attribution:
    input:
        dataset="results/experiments/{experiment}/dataset.h5",
        maps="results/experiments/{experiment}/attribution/maps.h5",
        sanity="results/experiments/{experiment}/attribution/sanity.json",
    output:
        scorecard="results/experiments/{experiment}/attribution/scorecard.json",
        compartments="results/experiments/{experiment}/attribution/compartments.json",
        class_means=report(
            "results/experiments/{experiment}/attribution/class_means.svg",
            caption="../report/attribution.rst",
            category="{experiment}",
            labels={"figure": "Attribution, mean per class"},
        ),
        curves=report(
            "results/experiments/{experiment}/attribution/removal.svg",
            caption="../report/removal.rst",
            category="{experiment}",
            labels={"figure": "Attribution, removing localizations"},
        ),
        enrichment=report(
            "results/experiments/{experiment}/attribution/compartments.svg",
            caption="../report/compartments.rst",
            category="{experiment}",
            labels={"figure": "Attribution, by compartment"},
        ),
        radial=report(
            "results/experiments/{experiment}/attribution/radial.svg",
            caption="../report/radial.rst",
            category="{experiment}",
            labels={"figure": "Attribution, from rim to middle"},
        ),
        examples=report(
            "results/experiments/{experiment}/attribution/examples.svg",
            caption="../report/attribution_examples.rst",
            category="{experiment}",
            labels={"figure": "Attribution, nuclei"},
        ),
        detail=report(
            "results/experiments/{experiment}/attribution/detail.svg",
            caption="../report/attribution_detail.rst",
            category="{experiment}",
            labels={"figure": "Attribution, localizations"},
        ),
    log:
        "results/logs/summarise_attribution/{experiment}.log",
    benchmark:
        "results/benchmarks/summarise_attribution/{experiment}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(10, least=2000),
        runtime=minutes(60, per_gb=60),
    params:
        settings=by_experiment(PLAN.attribution_settings),
        classes=lambda wildcards: list(PLAN.experiment(wildcards.experiment).classes),
        seed=CONFIG.seed,
        code=code_of("summarise_attribution"),
    message:
        "Summarising the attribution of {wildcards.experiment}"
    script:
        "../scripts/summarise_attribution.py"


rule explain_localizations:
    input:
        raw=stage("localizations"),
        drift=stage("drift"),
        quality=stage("quality"),
        nuclei=stage("nuclei"),
        dataset="results/experiments/{experiment}/dataset.h5",
        maps="results/experiments/{experiment}/attribution/maps.h5",
        scorecard="results/experiments/{experiment}/attribution/scorecard.json",
    output:
        table="results/experiments/{experiment}/attribution/localizations/{shard}.h5",
        folder=directory("results/experiments/{experiment}/attribution/localizations/{shard}"),
    log:
        "results/logs/explain_localizations/{experiment}/{shard}.log",
    benchmark:
        "results/benchmarks/explain_localizations/{experiment}/{shard}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RESOURCES.shard_memory(12, least=2000, tables=("raw", "drift", "quality", "nuclei")),
        runtime=RESOURCES.shard_minutes(60),
    params:
        samples=lambda wildcards: PLAN.explained_samples(wildcards.experiment, wildcards.shard),
        formats=lambda wildcards: list(PLAN.experiment(wildcards.experiment).attribution.localizations),
        code=code_of("explain_localizations"),
    message:
        "Assigning the attribution of {wildcards.experiment} to the localizations of {wildcards.shard}"
    script:
        "../scripts/explain_localizations.py"


rule gather_localizations:
    input:
        tables=by_experiment(PLAN.explained_tables),
    output:
        "results/experiments/{experiment}/attribution/gathering.json",
    log:
        "results/logs/gather_localizations/{experiment}.log",
    benchmark:
        "results/benchmarks/gather_localizations/{experiment}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(4, least=2000),
        runtime=minutes(60, per_gb=60),
    params:
        rows=lambda wildcards: PLAN.dataset_rows(PLAN.samples_of(wildcards.experiment)),
        settings=by_experiment(PLAN.attribution_settings),
        voxel_nm=by_experiment(PLAN.voxel_nm),
        seed=CONFIG.seed,
        code=code_of("gather_localizations"),
    message:
        "Testing whether the localizations of highest attribution in {wildcards.experiment} cluster"
    script:
        "../scripts/gather_localizations.py"


rule compare_with_truth:
    input:
        truth=f"{SIMULATED}truth.h5",
        dataset="results/experiments/{experiment}/dataset.h5",
        maps="results/experiments/{experiment}/attribution/maps.h5",
    output:
        "results/experiments/{experiment}/attribution/truth.json",
    log:
        "results/logs/compare_with_truth/{experiment}.log",
    benchmark:
        "results/benchmarks/compare_with_truth/{experiment}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(0, least=2000),
        runtime=minutes(20),
    params:
        code=code_of("compare_with_truth"),
    message:
        "Comparing the attribution of {wildcards.experiment} with the simulated ground truth"
    script:
        "../scripts/compare_with_truth.py"
