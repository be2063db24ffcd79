"""Samples that failed in a stage: left out of all later ones, with the stage and the reason, and never silently.

In the shard's file such a sample is an empty group that says why. Opening it raises `LeftOut`, so that every later
stage leaves the sample out for the same reason.
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
LONGEST = 1000
"""Characters of a reason that are kept."""


class LeftOut(AinuError):  # noqa: N818 - a record of a sample as much as an error
    """The stage in which a sample failed, and why."""

    def __init__(self, stage: str, why: str) -> None:
        super().__init__(stage, " ".join(why.split())[:LONGEST])

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return str(self.args[0])

    @property
    def why(self) -> str:
        """What went wrong, in one line."""
        return str(self.args[1])

    def __str__(self) -> str:
        return f"{self.stage}: {self.why}"


def mark(group: h5py.Group, reason: LeftOut) -> None:
    """Write into a sample's group why it is left out."""
    group.attrs[ATTRIBUTE] = json.dumps({"stage": reason.stage, "why": reason.why}, sort_keys=True)


def reason_of(group: h5py.Group) -> LeftOut | None:
    """Why a sample is left out; None for one that is there."""
    return LeftOut(**json.loads(group.attrs[ATTRIBUTE])) if ATTRIBUTE in group.attrs else None


def require(group: h5py.Group) -> h5py.Group:
    """The group of a sample that is there; raises `LeftOut` for one that is not."""
    if reason := reason_of(group):
        raise reason
    return group


@contextmanager
def open_sample(path: str | Path, sample: str) -> Iterator[h5py.Group]:
    """The group of a sample in the shard's file of a stage, read only; `LeftOut` if it failed there or before."""
    with open_file(path) as file:
        yield require(file[sample])
