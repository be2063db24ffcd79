"""The hand-made features of the nuclei of an experiment, from the files of their shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ainu.errors import AinuError
from ainu.evaluation.recording import DESCRIBES
from ainu.failures import failure_of
from ainu.hdf5 import open_file


def read_features(
    paths: Sequence[str | Path], nuclei: Sequence[str], channels: Sequence[str], kind: str = "arrangement"
) -> pd.DataFrame:
    """Features of nuclei from the files of their shards.

    Parameters
    ----------
    paths : sequence of path
        As `measure_shard` of `features` or `blurred_features` writes them.
    nuclei : sequence of str
        Which nuclei, and in which order.
    channels : sequence of str
        Features of other channels are left out.
    kind : str
        "arrangement" or "acquisition"; of blurred nuclei the name of the level.

    Returns
    -------
    DataFrame
        A row per nucleus, a column per feature; NaN for nuclei of samples whose features could not be measured.

    Raises
    ------
    AinuError
        If no sample could be measured.
    """
    parts, lost = [], set()
    for path in paths:
        with open_file(path) as file:
            for sample, group in file.items():
                if failure_of(group):
                    lost.add(sample)
                    continue
                names = [str(name) for name in group[kind].attrs["names"]]
                parts.append(pd.DataFrame(group[kind][()], group["nucleus"].asstr()[()], names, dtype=np.float64))
    measured = [nucleus for nucleus in nuclei if nucleus.rpartition("/")[0] not in lost]
    if not measured:
        raise AinuError("measure_features failed for every sample with nuclei; see results/logs/measure_features")
    table = pd.concat([part for part in parts if len(part)]).loc[measured].reindex(list(nuclei))
    return table[[name for name in table if set(channels_of(str(name))) <= set(channels)]]


def channels_of(name: str) -> list[str]:
    """The channels that a feature concerns, from its name."""
    for what in DESCRIBES:
        if name.startswith(f"{what} of "):
            return [name.removeprefix(f"{what} of ")]
    before, colon, _ = name.partition(": ")
    return before.split(", ") if colon else []
