"""What makes Snakemake run a job again. The one place where its own settings are changed."""

from __future__ import annotations

from typing import Any

from snakemake.settings.types import RerunTrigger

LARGEST_COMPARED = 10**12
"""Larger files (bytes) are compared by their age, all others by their content."""


def compare_by_content(workflow: Any) -> None:
    """Content decides what runs again, not age: a touched input, a touched script or a fresh clone reruns nothing.

    Snakemake compares the content of small inputs only, and of scripts only the age; what a script does is in each
    rule's parameter `code`. Snakemake's settings come after the workflow is read, so they are changed when they do. A
    workflow that uses this one as a module keeps its own.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        The one that is being read.
    """
    type(workflow).dag_settings = property(lambda self: vars(self)["dag_settings"], _set)


def _set(workflow: Any, settings: Any) -> None:
    if settings is not None:
        settings.max_checksum_file_size = max(settings.max_checksum_file_size, LARGEST_COMPARED)
        settings.rerun_triggers = frozenset(settings.rerun_triggers) - {RerunTrigger.CODE}
    vars(workflow)["dag_settings"] = settings
