# Tasks of a job array: each is to be the job that it runs.
#
# In snakemake-executor-plugin-slurm-jobstep 0.6.1 every task of an array starts as the job of the first task, runs its own
# as a child, and then waits for the first one's output: tasks fail where the first is slower than `latency-wait`, or fails
# (https://github.com/snakemake/snakemake-executor-plugin-slurm/issues/447). So a task becomes its own job right away.

import zlib
from os import execvp

ARRAY = "--slurm-jobstep-array-execs="


def become_own_job():
    """In a task of an array that is not its first: go on as the command of this task."""
    given = [argument.removeprefix(ARRAY) for argument in sys.argv if argument.startswith(ARRAY)]
    task = environ.get("SLURM_ARRAY_TASK_ID")
    if given and task != environ.get("SLURM_ARRAY_TASK_MIN"):
        from snakemake_executor_plugin_slurm_jobstep import parse_array_execs

        command = zlib.decompress(bytes.fromhex(parse_array_execs(given[0])[task])).decode()
        execvp("sh", ["sh", "-c", command])


become_own_job()
