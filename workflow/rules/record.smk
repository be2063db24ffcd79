# What a run was made from and what it gave, and whether its files are still as they were: `snakemake verify`.


rule record:
    input:
        TARGETS,
    output:
        report(
            RECORD,
            caption="../report/record.rst",
            category="Record",
            labels={"file": "Workflow Run RO-Crate"},
        ),
    log:
        "results/logs/record.log",
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(0),
        runtime=minutes(120),
    params:
        config=CONFIG,
        inputs=files_read(),
        workflow=relpath(HOME),
        code=code_of("record"),
    message:
        "Recording the run"
    script:
        "../scripts/record.py"


rule verify:
    log:
        "results/logs/verify.log",
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=memory(0),
        runtime=minutes(120),
    params:
        record=RECORD,
        code=code_of("verify"),
    message:
        "Comparing the files of the run with its record"
    script:
        "../scripts/verify.py"
