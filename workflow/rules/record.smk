# What a run was made from and what it gave, whether its files are still as they were (`snakemake verify`), and what lies
# there of settings that are gone (`snakemake tidy`).

from ainu.record.left_out import print_left_out, refuse_bad_files, samples_left_out
from ainu.settings.tidy import SWITCH


rule record:
    input:
        PLAN.targets(),
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
        config=plain(CONFIG),
        inputs=lambda wildcards: PLAN.files_read(),
        workflow=lambda wildcards: relpath(HOME),
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


rule tidy:
    log:
        "results/logs/tidy.log",
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory(0),
        runtime=minutes(10),
    params:
        snakefile=lambda wildcards: str(HOME / "Snakefile"),
        config=config,
        switch=environ.get(SWITCH, ""),
        code=code_of("tidy"),
    message:
        "Looking for results that belong to nothing any more"
    script:
        "../scripts/tidy.py"


onsuccess:
    left_out = samples_left_out(workflow.dag.jobs)
    print_left_out(left_out)
    try:
        refuse_bad_files(left_out, CONFIG.ingest.on_bad_file)
    except AinuError as error:
        raise WorkflowError(str(error)) from None


onerror:
    print_left_out(samples_left_out(workflow.dag.jobs))
