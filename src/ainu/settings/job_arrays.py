"""Tasks of a Slurm job array: each is to be the job that it runs.

In snakemake-executor-plugin-slurm-jobstep 0.6.1 every task of an array starts as the job of the first task, runs its
own as a child, and then waits for the first one's output: tasks fail where the first is slower than `latency-wait`, or
fails (https://github.com/snakemake/snakemake-executor-plugin-slurm/issues/447). So a task becomes its own job right
away.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence

ARRAY = "--slurm-jobstep-array-execs="


def command_of_task(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The command of a task of an array that is not its first; None for all other processes.

    Parameters
    ----------
    arguments : sequence of str
        Of this process (`sys.argv`).
    environment : mapping of str to str
        With what Slurm says of arrays.

    Returns
    -------
    str, optional
        For a shell.
    """
    given = [argument.removeprefix(ARRAY) for argument in arguments if argument.startswith(ARRAY)]
    task = environment.get("SLURM_ARRAY_TASK_ID")
    if not given or task == environment.get("SLURM_ARRAY_TASK_MIN"):
        return None
    from snakemake_executor_plugin_slurm_jobstep import parse_array_execs

    return zlib.decompress(bytes.fromhex(parse_array_execs(given[0])[task])).decode()


def become_own_job(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """In a task of an array that is not its first: go on as the command of this task; as for `command_of_task`."""
    command = command_of_task(arguments, environment)
    if command is not None:
        os.execvp("sh", ["sh", "-c", command])
