"""What was simulated, to compare results with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ainu.hdf5 import new_file, open_file, write_array
from ainu.simulation.shapes import Ellipse


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
    """

    condition: str
    nuclei: tuple[Ellipse, ...]
    nucleoli: tuple[tuple[Ellipse, ...], ...]
    drift: NDArray[np.float32]


def write_truth(path: str | Path, truths: Mapping[str, Truth]) -> None:
    """Write the truth of several samples as one HDF5 file (a group per sample)."""
    with new_file(path) as file:
        for sample, truth in truths.items():
            group = file.create_group(sample)
            write_array(group, "drift", truth.drift)
            shapes = {
                "condition": truth.condition,
                "nuclei": [asdict(nucleus) for nucleus in truth.nuclei],
                "nucleoli": [[asdict(nucleolus) for nucleolus in each] for each in truth.nucleoli],
            }
            group.attrs["truth"] = json.dumps(shapes, sort_keys=True)


def read_truth(path: str | Path, sample: str) -> Truth:
    """Read the truth of one sample."""
    with open_file(path) as file:
        shapes = json.loads(file[sample].attrs["truth"])
        drift = file[sample]["drift"][()]
    nuclei = tuple(Ellipse(**values) for values in shapes["nuclei"])
    nucleoli = tuple(tuple(Ellipse(**values) for values in each) for each in shapes["nucleoli"])
    return Truth(shapes["condition"], nuclei, nucleoli, drift)
