"""What was simulated, to compare results with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ainu.hdf5 import new_file, open_file, write_array
from ainu.simulation.shapes import Ellipse, HalfPlane, Region


@dataclass(frozen=True)
class Truth:
    """What was simulated in a field.

    Attributes
    ----------
    condition : str
        Its name.
    nuclei : tuple of Ellipse
        Their outlines.
    nucleoli : tuple of tuples of Ellipse
        Those of each nucleus.
    drift : (n_frames, 2 or 3) float32
        In nm.
    regions : tuple of Ellipse, HalfPlane or None
        The part of each nucleus whose clusters are altered; None where no place decides it.
    emitter : (n,) int32
        Which emitter a localization shows, in the order of the table and of its file; -1: none, a false localization.
    cluster : (n,) int32
        Which cluster or clutch of the field the emitter belongs to; -1: none.
    altered : (n,) bool
        Whether that cluster is altered.
    """

    condition: str
    nuclei: tuple[Ellipse, ...]
    nucleoli: tuple[tuple[Ellipse, ...], ...]
    drift: NDArray[np.float32]
    regions: tuple[Region | None, ...]
    emitter: NDArray[np.int32]
    cluster: NDArray[np.int32]
    altered: NDArray[np.bool_]


COLUMNS = ("drift", "emitter", "cluster", "altered")


def write_truth(path: str | Path, truths: Mapping[str, Truth]) -> None:
    """Write the truth of several samples as one HDF5 file (a group per sample)."""
    with new_file(path) as file:
        for sample, truth in truths.items():
            group = file.create_group(sample)
            for name in COLUMNS:
                write_array(group, name, getattr(truth, name))
            shapes = {
                "condition": truth.condition,
                "nuclei": [asdict(nucleus) for nucleus in truth.nuclei],
                "nucleoli": [[asdict(nucleolus) for nucleolus in each] for each in truth.nucleoli],
                "regions": [region and asdict(region) for region in truth.regions],
            }
            group.attrs["truth"] = json.dumps(shapes, sort_keys=True)


def read_truth(path: str | Path, sample: str) -> Truth:
    """Read the truth of one sample."""
    with open_file(path) as file:
        shapes = json.loads(file[sample].attrs["truth"])
        columns = {name: file[sample][name][()] for name in COLUMNS}
    return Truth(
        condition=shapes["condition"],
        nuclei=tuple(Ellipse(**values) for values in shapes["nuclei"]),
        nucleoli=tuple(tuple(Ellipse(**values) for values in each) for each in shapes["nucleoli"]),
        regions=tuple(values and _region(values) for values in shapes["regions"]),
        **columns,
    )


def _region(values: dict[str, float]) -> Region:
    return Ellipse(**values) if "a" in values else HalfPlane(**values)
