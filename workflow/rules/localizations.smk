# From localization files to a table per sample with its drift, its quality and its nuclei: one job per shard and stage.


rule ingest:
    input:
        lambda wildcards: [
            file for rows in sheet_rows(wildcards).values() for row in rows for file in with_sidecar(row["path"])
        ],
        bead_tables(),
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
        mem_mb=shard_memory(6),
        runtime=shard_minutes(60),
    params:
        rows=read_rows,
        # What becomes of a file that cannot be read is decided later, by `assemble`.
        settings={key: value for key, value in CONFIG["ingest"].items() if key != "on_bad_file"},
        keep=([CONFIG["nuclei"]["column"]] if CONFIG["nuclei"]["method"] == "column" else []),
        filtered=filtered_columns(CONFIG["quality"]),
        code=code_of("ingest"),
    message:
        "Reading the localization files of {wildcards.shard}"
    script:
        "../scripts/ingest.py"


rule correct_drift:
    input:
        raw=stage("localizations"),
    output:
        stage("drift"),
    log:
        "results/logs/correct_drift/{shard}.log",
    benchmark:
        "results/benchmarks/correct_drift/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=shard_memory(20, least=4000),
        runtime=shard_minutes(120),
    params:
        samples=samples_of,
        settings=CONFIG["drift"],
        code=code_of("correct_drift"),
    message:
        "Measuring the drift of {wildcards.shard}"
    script:
        "../scripts/correct_drift.py"


rule filter_quality:
    input:
        raw=stage("localizations"),
        drift=stage("drift"),
    output:
        stage("quality"),
    log:
        "results/logs/filter_quality/{shard}.log",
    benchmark:
        "results/benchmarks/filter_quality/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=shard_memory(12, least=2000),
        runtime=shard_minutes(60),
    params:
        samples=samples_of,
        settings=CONFIG["quality"],
        code=code_of("filter_quality"),
    message:
        "Filtering the localizations of {wildcards.shard}"
    script:
        "../scripts/filter_quality.py"


rule find_nuclei:
    input:
        lambda wildcards: [roi for roi, _ in roi_pixels(wildcards).values()],
        raw=stage("localizations"),
        drift=stage("drift"),
        quality=stage("quality"),
    output:
        stage("nuclei"),
    log:
        "results/logs/find_nuclei/{shard}.log",
    benchmark:
        "results/benchmarks/find_nuclei/{shard}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=shard_memory(12, least=2000),
        runtime=shard_minutes(60),
    params:
        samples=samples_of,
        rois=roi_pixels,
        settings={key: value for key, value in CONFIG["nuclei"].items() if key != "roi_pixel_nm"},
        code=code_of("find_nuclei"),
    message:
        "Finding the nuclei of {wildcards.shard}"
    script:
        "../scripts/find_nuclei.py"
