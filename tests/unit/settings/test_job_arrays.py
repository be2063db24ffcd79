"""Tasks of a Slurm job array become their own job. (A real array runs in tests/slurm.)"""

import json
import zlib

import pytest
from snakemake_executor_plugin_slurm_jobstep import parse_array_execs

from ainu.settings.job_arrays import ARRAY, command_of_task


def packed(commands: dict[str, str]) -> str:
    """The argument by which the plugin hands the commands of an array to its tasks."""
    execs = {task: zlib.compress(command.encode()).hex() for task, command in commands.items()}
    text = json.dumps(execs)
    assert parse_array_execs(text) == execs
    return ARRAY + text


@pytest.mark.parametrize(("task", "command"), [("1", None), ("2", "echo two"), ("3", "echo three")])
def test_every_task_but_the_first_becomes_its_own_job(task, command):
    argument = packed({"1": "echo one", "2": "echo two", "3": "echo three"})
    environment = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MIN": "1"}
    assert command_of_task(["snakemake", argument], environment) == command


def test_any_other_process_stays_what_it_is():
    assert command_of_task(["snakemake", "--cores", "2"], {"SLURM_ARRAY_TASK_ID": "2"}) is None
