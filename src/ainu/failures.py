"""Samples that failed in a stage: all later stages leave them out, and every message says in which stage and why.

In the shard's file of a stage, such a sample is an empty group with an attribute that holds the failure. Opening it
raises `SampleFailure`, so that every later stage leaves the sample out for the same reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from ainu.errors import AinuError
from ainu.hdf5 import open_file

ATTRIBUTE = "left_out"
LONGEST_REASON = 1000
"""Characters of a reason that are kept."""


class SampleFailure(AinuError):  # noqa: N818 - raised, but also handed on as a result
    """A failed sample: in which stage it failed, and the reason.

    Parameters
    ----------
    stage : str
        Name of the stage.
    reason : str
        What went wrong; kept on one line and shortened to `LONGEST_REASON`.
    """

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(stage, " ".join(reason.split())[:LONGEST_REASON])

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return str(self.args[0])

    @property
    def reason(self) -> str:
        """What went wrong."""
        return str(self.args[1])

    def __str__(self) -> str:
        return f"{self.stage}: {self.reason}"


def mark_failed(group: h5py.Group, failure: SampleFailure) -> None:
    """Write into the empty group of a sample that, where and why it failed."""
    group.attrs[ATTRIBUTE] = json.dumps({"stage": failure.stage, "why": failure.reason}, sort_keys=True)


def failure_of(group: h5py.Group) -> SampleFailure | None:
    """The failure that a sample's group holds; None if the sample did not fail."""
    if ATTRIBUTE not in group.attrs:
        return None
    found = json.loads(group.attrs[ATTRIBUTE])
    return SampleFailure(found["stage"], found["why"])


def require(group: h5py.Group) -> h5py.Group:
    """The group of a sample, given that it did not fail.

    Parameters
    ----------
    group : h5py.Group
        In the shard's file of a stage.

    Returns
    -------
    h5py.Group
        The same.

    Raises
    ------
    SampleFailure
        The sample failed in this stage or before.
    """
    if failure := failure_of(group):
        raise failure
    return group


@contextmanager
def open_sample(path: str | Path, sample: str) -> Iterator[h5py.Group]:
    """The group of a sample in the shard's file of a stage, read only.

    Parameters
    ----------
    path : path
        The shard's file.
    sample : str
        Name of the sample.

    Yields
    ------
    h5py.Group
        Until the block ends. Raises `SampleFailure` if the sample failed in this stage or before.
    """
    with open_file(path) as file:
        yield require(file[sample])
