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


include: "workflow/rules/arrays.smk"


# A config of your own (--configfile) replaces the demo's; it does not mix with it.
if "samples" not in config:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/shards.smk"


wildcard_constraints:
    shard=one_of(SETTINGS.shards),
    render=one_of(CONFIG["renders"]),
    experiment=one_of(CONFIG["experiments"]),
    predictor=one_of([*CONFIG["experiments"], *CONFIG["predict"]["models"]]),
    repeat=r"\d+",
    fold=r"\d+",
    inner=r"\d+",
    draw=r"\d+",
    size=r"\d+|all",
    mode="finetune|frozen|scratch",


include: "workflow/rules/trainings.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/localizations.smk"
include: "workflow/rules/voxels.smk"
include: "workflow/rules/qc.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/predictors.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/attributions.smk"
include: "workflow/rules/attribute.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/record.smk"


rule all:
    default_target: True
    input:
        TARGETS,
        RECORD,


# Content, not age.
compare_by_content()
