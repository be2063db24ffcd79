# Simulated fields for every row of the sheet whose file lies below results/simulated/: the demo's raw data.

import yaml

with open(HOME / "resources" / "simulation.yaml", encoding="utf-8") as file:
    CONDITIONS = yaml.safe_load(file)


if PLAN.simulated_rows():

    rule simulate:
        output:
            fields=[file for row in PLAN.simulated_rows() for file in with_sidecar(row["path"])],
            truth=f"{SIMULATED}truth.h5",
        log:
            "results/logs/simulate.log",
        benchmark:
            "results/benchmarks/simulate.tsv"
        conda:
            ENVIRONMENT
        threads: 8
        resources:
            mem_mb=memory(0, least=2000),
            runtime=minutes(30),
        params:
            rows=PLAN.simulated_rows(),
            conditions=CONDITIONS,
            seed=CONFIG.seed,
            code=code_of("simulate"),
        message:
            "Simulating the demo's fields of view"
        script:
            "../scripts/simulate.py"
