"""What the canvases of whole nuclei cut off, by sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import h5py
import numpy as np

from ainu.hdf5 import open_file


def clipped_flags(images: Iterable[str | Path]) -> dict[str, list[str]]:
    """A flag for each render whose canvas cuts nuclei of a sample.

    Parameters
    ----------
    images : paths
        Voxel files, `{render}/{shard}.h5`. Files of other stages, which hold nothing of canvases, may be among them.

    Returns
    -------
    dict of str to list of str
        By sample, those that are cut.
    """
    found: dict[str, list[str]] = {}
    for path in images:
        with open_file(path) as file:
            for sample, group in file.items():
                if "clipped" in group and (cut := _cut(group)):
                    found.setdefault(sample, []).append(f"the canvas of {Path(path).parent.name} cuts off {cut}")
    return found


def _cut(group: Mapping[str, h5py.Dataset]) -> str:
    """What is cut off a sample's nuclei, in words."""
    cut, held = group["clipped"][()].sum(axis=1), group["localizations"][()].sum(axis=1)
    shares = cut[cut > 0] / np.maximum(held[cut > 0], 1)
    if not len(shares):
        return ""
    least, most = f"{100 * shares.min():.2g}", f"{100 * shares.max():.2g}"
    span = most if least == most else f"{least} to {most}"
    nuclei = "a nucleus" if len(shares) == 1 else f"{len(shares)} nuclei"
    return f"{span} % of the localizations of {nuclei}"
