"""The hand-made features of nuclei seen with less and less resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from zlib import crc32

import h5py
import numpy as np

from ainu.evaluation.features import Effort, nucleus_features
from ainu.evaluation.window import Window
from ainu.hdf5 import write_array
from ainu.images.blur import BLUR_SEED, LIGHT, Blur, levels_of_blur
from ainu.images.render import split_by_nucleus
from ainu.localizations.table import Localizations, load
from ainu.nuclei.table import read_nuclei
from ainu.shards import write_shard

EFFORT = Effort(neighbours=5_000, cells=2_000)
"""At every level, no blur among them, so that levels compare: half the cost of all features at full effort."""
PHOTONS = 10
"""Of each localization in the image of the light microscope."""


def blurred_features(nucleus: Localizations, window: Window, blur: Blur, rng: np.random.Generator) -> dict[str, float]:
    """Hand-made features of a nucleus seen with less resolution.

    The outline stays that of the sharp nucleus. A light microscope makes an image: each localization adds `PHOTONS`
    counts to it, spread by the point spread function. Neighbours and Voronoi cells, which only localizations have, are
    NaN there; the other features are measured on the pixels.

    Parameters
    ----------
    nucleus : Localizations
        Of one nucleus, with or without z.
    window : Window
        Its outline.
    blur : Blur
        How much resolution is lost.
    rng : Generator
        Moves localizations, and draws them where there are many.

    Returns
    -------
    dict of str to float
        By name, as `nucleus_features` gives them.
    """
    imaged = blur.name == LIGHT
    source = nucleus[np.repeat(np.arange(len(nucleus)), PHOTONS)] if imaged else nucleus
    position = blur.moved(source.positions, rng, (window.x_nm, window.y_nm))
    z = None if source.z is None else position[:, 2]
    moved = replace(source, x=position[:, 0], y=position[:, 1], z=z)
    return nucleus_features(moved, window, rng, Effort(0, 0) if imaged else EFFORT)


def measure_shard(
    inputs: Mapping[str, str],
    output: str | Path,
    samples: list[str],
    levels_nm: Sequence[float],
    seed: int,
    threads: int = 1,
) -> None:
    """Measure the features of every nucleus of a shard's samples at every level of blur.

    Parameters
    ----------
    inputs : mapping of str to path
        Its raw, drift, quality and nuclei files.
    output : path
        The shard to write; each sample has an array per level, by its name.
    samples : list of str
        Of the shard.
    levels_nm : sequence of float
        Jitters; none and the light microscope are added.
    seed : int
        Of what is drawn.
    threads : int
        Samples at the same time.
    """
    work = partial(_measure_sample, dict(inputs), levels_of_blur(levels_nm), seed)
    write_shard(output, samples, work, threads=threads, title="measure_blurred_features")


def _measure_sample(inputs: dict[str, str], levels: list[Blur], seed: int, sample: str, group: h5py.Group) -> None:
    table = load(inputs["raw"], sample, drift=inputs["drift"], quality=inputs["quality"], nuclei=inputs["nuclei"])
    nuclei = read_nuclei(inputs["nuclei"], sample)
    numbers = [int(number) for number in nuclei.table["nucleus"]]
    parts = split_by_nucleus(table, len(numbers))
    write_array(group, "nucleus", np.array([f"{sample}/{k}" for k in numbers], dtype=object))
    for blur in levels:
        rows = []
        for number, part in zip(numbers, parts, strict=True):
            name = crc32(f"{sample}/{number}/{blur.name}".encode())
            rng = np.random.default_rng([seed, BLUR_SEED, name])
            rows.append(blurred_features(part, Window.of(nuclei, number), blur, rng))
        names = list(rows[0]) if rows else []
        values = np.array([list(row.values()) for row in rows], np.float32).reshape(len(rows), len(names))
        write_array(group, blur.name, values)
        group[blur.name].attrs["names"] = names
