# What the rules share: the plan of the run, and short names for looking things up in it.

import re

from ainu import AinuError
from ainu.record.kept_digests import code_digests
from ainu.settings.check import check
from ainu.settings.plan import RECORD, Plan
from ainu.settings.plan_shards import SIMULATED, with_sidecar
from ainu.settings.resources import JobResources, memory, minutes, size_mb
from ainu.settings.verbatim import take_verbatim, without_wildcards
from ainu.typed import plain

try:
    PLAN = Plan(check(config))
    take_verbatim(PLAN.files_read())
    CODE = code_digests(HOME / "workflow" / "scripts", Path(".snakemake") / "ainu-code.json")
    if workflow.is_main_process:
        PLAN.check_bundles()
        PLAN.tell_unused()
except AinuError as error:
    raise WorkflowError(str(error)) from None

CONFIG = PLAN.config
RESOURCES = JobResources(PLAN)
ENVIRONMENT = without_wildcards(HOME / "envs" / "cpu.yaml")
GPU_ENVIRONMENT = without_wildcards(HOME / "envs" / "cuda.yaml")


def one_of(names):
    """A regular expression that matches the given names and nothing else."""
    return "|".join(map(re.escape, names)) or "none"


def by_shard(look_up):
    """What the plan says of a job's shard."""
    return lambda wildcards: look_up(wildcards.shard)


def by_experiment(look_up):
    """What the plan says of a job's experiment."""
    return lambda wildcards: look_up(wildcards.experiment)


def by_predictor(look_up):
    """What the plan says of who predicts."""
    return lambda wildcards: look_up(wildcards.predictor)


def stage(name):
    """The shard's file of a stage."""
    return f"results/{name}/{{shard}}.h5"


def code_of(script):
    """Digest of a script and of the modules that it uses: an edited one runs its rule again, and nothing else."""
    return CODE[script]


def figures_of(rule):
    """The figures that a rule draws."""
    return [str(path) for path in rule.output if path.endswith(".svg")]
