# One self-contained page per experiment.


rule report:
    input:
        by_experiment(PLAN.histories),
        truth=by_experiment(PLAN.ground_truth_files),
        metrics="results/experiments/{experiment}/metrics.json",
        predictions="results/experiments/{experiment}/predictions.tsv",
        margins="results/experiments/{experiment}/margins.tsv",
        dataset="results/experiments/{experiment}/dataset.h5",
        folds="results/experiments/{experiment}/folds.tsv",
        leakage="results/experiments/{experiment}/leakage.json",
        qc="results/qc/summary.tsv",
        figures=[*figures_of(rules.evaluate), *figures_of(rules.audit_resolution)],
        attribution_figures=figures_of(rules.summarise_attribution),
        maps="results/experiments/{experiment}/attribution/maps.h5",
        scorecard="results/experiments/{experiment}/attribution/scorecard.json",
        compartments="results/experiments/{experiment}/attribution/compartments.json",
        gathering=lambda wildcards: PLAN.clustering_files([wildcards.experiment]),
        new_predictions=by_experiment(PLAN.new_predictions_of),
    output:
        report(
            "results/experiments/{experiment}/report.html",
            caption="../report/report.rst",
            category="{experiment}",
            labels={"figure": "Report (start here)"},
        ),
    log:
        "results/logs/report/{experiment}.log",
    benchmark:
        "results/benchmarks/report/{experiment}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(10, least=2000),
        runtime=minutes(60, per_gb=60),
    params:
        models=by_experiment(PLAN.models_of),
        experiment=lambda wildcards: plain(PLAN.experiment(wildcards.experiment)),
        config=PLAN.report_settings(),
        code=code_of("report"),
    message:
        "Writing the report of {wildcards.experiment}"
    script:
        "../scripts/report.py"
