# From localization files to a table per sample, and cleaned tables for other programs: one job per shard.
# `snakemake inspect` shows how the files of the sheet are understood.


rule ingest:
    input:
        by_shard(PLAN.localization_files),
        PLAN.bead_tables(),
    output:
        stage("localizations"),
    log:
        "results/logs/ingest/{shard}.log",
    benchmark:
        "results/benchmarks/ingest/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=RESOURCES.shard_memory(6),
        runtime=RESOURCES.shard_minutes(60),
    params:
        rows=by_shard(PLAN.read_rows),
        settings=PLAN.ingest_settings(),
        keep=lambda wildcards: PLAN.columns_to_keep(),
        filtered=lambda wildcards: PLAN.columns_to_filter(),
        code=code_of("ingest"),
    message:
        "Reading the localization files of {wildcards.shard}"
    script:
        "../scripts/ingest.py"


rule inspect:
    input:
        PLAN.files_to_inspect(),
    output:
        "results/inspect.txt",
    log:
        "results/logs/inspect.log",
    benchmark:
        "results/benchmarks/inspect.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(6),
        runtime=minutes(10, per_gb=10),
    params:
        rows=PLAN.rows_to_inspect(),
        settings=PLAN.ingest_settings(),
        code=code_of("inspect_files"),
    message:
        "Showing how each localization file is understood, in {output}"
    script:
        "../scripts/inspect_files.py"


rule export:
    input:
        raw=stage("localizations"),
        drift=stage("drift"),
        quality=stage("quality"),
        nuclei=stage("nuclei"),
    output:
        directory("results/export/{format}/{shard}"),
    log:
        "results/logs/export/{format}/{shard}.log",
    benchmark:
        "results/benchmarks/export/{format}/{shard}.tsv"
    wildcard_constraints:
        format=one_of(["picasso", "thunderstorm"]),
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=RESOURCES.shard_memory(12, least=2000),
        runtime=RESOURCES.shard_minutes(60),
    params:
        samples=by_shard(PLAN.samples_of_shard),
        pixel_size_nm=CONFIG.ingest.pixel_size_nm,
        code=code_of("export"),
    message:
        "Exporting {wildcards.shard} as {wildcards.format}"
    script:
        "../scripts/export.py"
