"""A clone of the project that submits its jobs, with the profile as a user would fill it in."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from project import Project

SITE = {"partition": "cpu", "gpu_partition": "gpu"}
# There is no accounting database, so `squeue` tells how jobs are; it is asked soon, since these jobs take seconds.
QUICK = ("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "8")


@dataclass(frozen=True)
class OnCluster(Project):
    """A clone of the project that submits its jobs."""

    def command(self, *arguments: str) -> list[str]:
        return [*super().command(*arguments), "--profile", "slurm", *QUICK]


def on_cluster(project: Project, folder: Path) -> OnCluster:
    """A copy of a project whose profile names the partitions of the test cluster."""
    profile = project.copy(folder).folder / "slurm" / "config.yaml"
    text = profile.read_text()
    for name, value in SITE.items():
        assert f'\n  {name}: ""\n' in text
        text = text.replace(f'\n  {name}: ""\n', f'\n  {name}: "{value}"\n')
    profile.write_text(text)
    return OnCluster(folder)


def jobs_of_slurm() -> dict[str, dict[str, str]]:
    """What Slurm knows of every job since the cluster started, by its id (of an array: <id>_<task>)."""
    text = subprocess.run(["scontrol", "--oneliner", "show", "job"], capture_output=True, text=True).stdout
    jobs = {}
    for line in filter(lambda line: line.startswith("JobId="), text.splitlines()):
        fields = dict(pair.split("=", 1) for pair in line.split() if "=" in pair)
        array = f"{fields['ArrayJobId']}_{fields['ArrayTaskId']}" if "ArrayTaskId" in fields else None
        jobs[array or fields["JobId"]] = fields
    return jobs
