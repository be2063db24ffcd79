# ainu: from localization lists of nuclei to trained, audited and explained classifiers of cell states.
# Settings: config/config.yaml and the sample sheet that it names. Rules: workflow/rules. Logic: src/ainu.

import sys
from os import environ, pathsep
from os.path import relpath
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.10")

# The package is used from this clone, here and in the jobs.
HOME = Path(str(workflow.current_basedir))
SOURCE = str(HOME / "src")
sys.path.insert(0, SOURCE)
environ["PYTHONPATH"] = pathsep.join(filter(None, [SOURCE, environ.get("PYTHONPATH")]))

from ainu.settings.job_arrays import become_own_job

become_own_job(sys.argv, environ)


# A config of your own (--configfile) replaces the demo's; it does not mix with it.
if "samples" not in config:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


wildcard_constraints:
    shard=one_of(PLAN.settings.shards),
    render=one_of(CONFIG.renders),
    experiment=one_of(CONFIG.experiments),
    predictor=one_of(PLAN.predictors),
    repeat=r"\d+",
    fold=r"\d+",
    inner=r"\d+",
    draw=r"\d+",
    size=r"\d+|all",
    mode="finetune|frozen|scratch",


include: "workflow/rules/simulation.smk"
include: "workflow/rules/localizations.smk"
include: "workflow/rules/drift.smk"
include: "workflow/rules/quality.smk"
include: "workflow/rules/nuclei.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/folds.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/attribution.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/record.smk"


rule all:
    default_target: True
    input:
        PLAN.targets(),
        RECORD,


if Path(workflow.basedir) in (HOME, HOME / "workflow"):
    from ainu.settings.in_use import one_run_at_a_time
    from ainu.settings.leftovers import tell_leftovers
    from ainu.settings.reruns import compare_by_content

    one_run_at_a_time(workflow)
    compare_by_content(workflow)
    tell_leftovers([*PLAN.on_request(), *PLAN.files_read()])
