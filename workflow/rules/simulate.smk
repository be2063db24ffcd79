# Simulated fields for every row of the sheet whose file lies below results/simulated/: the demo's raw data.

import yaml

SIMULATED_ROWS = SETTINGS.samples.loc[
    SETTINGS.samples["path"].str.startswith(SIMULATED), ["sample", "path", "label", "replicate"]
].to_dict("records")
with open(HOME / "resources" / "simulation.yaml", encoding="utf-8") as file:
    CONDITIONS = yaml.safe_load(file)


if SIMULATED_ROWS:

    rule simulate:
        output:
            fields=[file for row in SIMULATED_ROWS for file in with_sidecar(row["path"])],
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
            rows=SIMULATED_ROWS,
            conditions=CONDITIONS,
            seed=CONFIG["seed"],
            code=code_of("simulate"),
        message:
            "Simulating the demo's fields of view"
        script:
            "../scripts/simulate.py"
