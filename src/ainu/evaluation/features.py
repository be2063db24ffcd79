"""Hand-made features of the spatial arrangement of a nucleus's localizations, as the field uses them.

They are the baseline for a network: nearest-neighbour distances, pair correlation and Ripley's L, Voronoi densities,
the radial profile and the texture of the image, per channel and between channels, in two or three dimensions. Counts
and area are left out on purpose (they are the confounders), though distances and densities follow the labelling too.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from zlib import crc32

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.evaluation.pair_correlation import Raster, pair_correlation, ripley_l
from ainu.evaluation.recording import Recording, acquisition
from ainu.evaluation.voronoi import cell_sizes
from ainu.evaluation.window import Window
from ainu.hdf5 import write_array
from ainu.localizations.table import Localizations
from ainu.nuclei.table import read_nuclei
from ainu.shards import write_shard

Floats = NDArray[np.float64]

FEWEST = 20
"""Localizations of a channel below which its features are unknown (NaN)."""
MOST = 20_000
"""Localizations whose neighbours are sought; more are thinned to this."""
MOST_CELLS = 5_000
"""Localizations with Voronoi cells; more are thinned to this."""
SHELLS = 5
PIXEL_NM = 100.0
"""Of the image whose texture is measured."""
LEVELS = 16


@dataclass(frozen=True)
class Effort:
    """How many localizations of a channel are looked at one by one; more are thinned, and none leaves features out.

    Attributes
    ----------
    neighbours : int
        Those whose neighbours are sought.
    cells : int
        Those with Voronoi cells.
    """

    neighbours: int = MOST
    cells: int = MOST_CELLS


def nucleus_features(
    nucleus: Localizations, window: Window, rng: np.random.Generator, effort: Effort = Effort()
) -> dict[str, float]:
    """All features of a nucleus by name ("PolII: ...", "PolII, DNA: ..."); NaN for too few localizations.

    Parameters
    ----------
    nucleus : Localizations
        Of one nucleus, with or without z.
    window : Window
        Its outline.
    rng : Generator
        Draws localizations where there are many.
    effort : Effort
        How many are looked at one by one; features of neighbours are NaN where that is none.

    Returns
    -------
    dict
    """
    table = nucleus.positions.astype(np.float64)
    own = {name: table[nucleus.channel == index] for index, name in enumerate(nucleus.channels)}
    rasters = {
        name: Raster.of(part, window.mask, (window.x_nm, window.y_nm), window.pixel_nm)
        for name, part in own.items()
        if len(part) >= FEWEST
    }
    found: dict[str, float] = {}
    for name, part in own.items():
        values = channel_features(part, rasters[name], window, rng, effort) if name in rasters else {}
        found |= {f"{name}: {what}": values.get(what, np.nan) for what in CHANNEL_FEATURES}
    for one, other in itertools.combinations(own, 2):
        both = one in rasters and other in rasters
        parts = ((own[one], own[other]), (rasters[one], rasters[other])) if both else None
        pair = pair_features(*parts, window, rng, effort.neighbours) if parts else {}
        found |= {f"{one}, {other}: {what}": pair.get(what, np.nan) for what in PAIR_FEATURES}
    return found


def channel_features(
    part: Floats, raster: Raster, window: Window, rng: np.random.Generator, effort: Effort = Effort()
) -> dict[str, float]:
    """Features of one channel.

    Parameters
    ----------
    part : (n, 2 or 3) float64
        Positions, nm.
    raster : Raster
        The same, counted in cells.
    window : Window
        The nucleus.
    rng : Generator
        Draws the positions whose neighbours are measured.
    effort : Effort
        How many are drawn.

    Returns
    -------
    dict of str to float
        By the name of the feature.
    """
    correlation = pair_correlation(raster, raster)
    return (
        (neighbour_distances(part, window, rng, effort.neighbours) if effort.neighbours else {})
        | {name: float(np.log(max(value, 1e-3))) for name, value in zip(G_NAMES, correlation, strict=True)}
        | dict(zip(L_NAMES, ripley_l(correlation, raster.dimensions), strict=True))
        | (voronoi_densities(part, window, rng, effort.cells) if effort.cells else {})
        | radial_profile(part, window)
        | texture(part, window)
    )


def neighbour_distances(part: Floats, window: Window, rng: np.random.Generator, most: int = MOST) -> dict[str, float]:
    """Distances to neighbours (nm), and the ratio of Clark and Evans (Ecology 1954).

    Parameters
    ----------
    part : (n, 2 or 3) float64
        Positions, nm.
    window : Window
        The nucleus.
    rng : Generator
        Draws the positions whose neighbours are measured.
    most : int
        How many are drawn.

    Returns
    -------
    dict of str to float
        By the names in `NEIGHBOUR_NAMES`.
    """
    from scipy.spatial import cKDTree

    distance = cKDTree(part).query(drawn(part, most, rng), k=11)[0]
    low, middle, high = np.percentile(distance[:, 1], [10, 50, 90])
    expected = 0.5 / np.sqrt(len(part) / window.area_nm2)
    flat = (
        distance[:, 1]
        if part.shape[1] == 2
        else cKDTree(part[:, :2]).query(drawn(part[:, :2], most, rng), k=2)[0][:, 1]
    )
    values = (low, middle, high, np.median(distance[:, 10]), flat.mean() / expected)
    return dict(zip(NEIGHBOUR_NAMES, map(float, values), strict=True))


def drawn(part: Floats, most: int, rng: np.random.Generator) -> Floats:
    """Positions drawn without replacement.

    Parameters
    ----------
    part : (n, d) float64
        Positions.
    most : int
        Largest number to keep.
    rng : Generator
        Draws them.

    Returns
    -------
    (m, d) float64
        All of them if there are no more than `most`.
    """
    return part if len(part) <= most else part[rng.choice(len(part), most, replace=False, shuffle=False)]


def voronoi_densities(
    part: Floats, window: Window, rng: np.random.Generator, most: int = MOST_CELLS
) -> dict[str, float]:
    """Local density, one over the size of a Voronoi cell, in units of its median (Levet et al., Nature Methods 2015).

    Cells that reach beyond the window are left out.

    Parameters
    ----------
    part : (n, 2 or 3) float64
        Positions of one channel, nm.
    window : Window
        The outline of the nucleus.
    rng : Generator
        Draws localizations where there are many.
    most : int
        How many are drawn.

    Returns
    -------
    dict
        Percentiles of the logarithm, and the share of localizations in places twice and ten times as dense.
    """
    points = np.unique(drawn(part, most, rng), axis=0)
    density = 1 / cell_sizes(points, window.mask, (window.x_nm, window.y_nm), window.pixel_nm)
    density = density[np.isfinite(density) & (density > 0)]
    if len(density) < FEWEST:
        return {}
    relative = np.log10(density / np.median(density))
    values = (*np.percentile(relative, [10, 90]), (relative > np.log10(2)).mean(), (relative > 1).mean())
    return dict(zip(VORONOI_NAMES, map(float, values), strict=True))


def radial_profile(part: Floats, window: Window) -> dict[str, float]:
    """Density of (n, 2 or 3) positions in shells of equal area from the rim (1) inwards, relative to the nucleus."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(window.mask, 1))[1:-1, 1:-1]
    rank = np.argsort(np.argsort(depth[window.mask], kind="stable"), kind="stable")
    shell = np.zeros(depth.shape, np.intp)
    shell[window.mask] = rank * SHELLS // max(len(rank), 1)
    inside = window.mask[window.pixels_of(part)]
    number = np.bincount(shell[window.pixels_of(part)][inside], minlength=SHELLS)
    area = np.bincount(shell[window.mask], minlength=SHELLS)
    density = number / np.maximum(area, 1) * area.sum() / max(number.sum(), 1)
    return dict(zip(SHELL_NAMES, map(float, density), strict=True))


def texture(part: Floats, window: Window) -> dict[str, float]:
    """Haralick's co-occurrence features (1973) of the image of (n, 2 or 3) positions, at 100 and 400 nm."""
    from skimage.feature import graycomatrix, graycoprops

    factor = PIXEL_NM / window.pixel_nm
    shape = tuple(int(np.ceil(edge / factor)) for edge in window.mask.shape)
    column, row = ((part[:, :2] - [window.x_nm, window.y_nm]) / PIXEL_NM).astype(np.intp).T
    row, column = np.clip(row, 0, shape[0] - 1), np.clip(column, 0, shape[1] - 1)
    image = np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)
    at = [
        np.minimum(((np.arange(n) + 0.5) * factor).astype(int), m - 1)
        for n, m in zip(shape, window.mask.shape, strict=True)
    ]
    inside = window.mask[np.ix_(*at)]
    relative = np.sqrt(image / max(image[inside].mean() if inside.any() else 1.0, 1e-9))
    level = np.where(inside, 1 + np.minimum((relative * LEVELS / 4).astype(int), LEVELS - 1), 0).astype(np.uint8)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    matrix = graycomatrix(level, [1, 4], angles, LEVELS + 1, symmetric=True)[1:, 1:].astype(np.float64)
    matrix = matrix.sum(axis=3, keepdims=True)
    matrix /= np.maximum(matrix.sum(axis=(0, 1)), 1)
    values = [graycoprops(matrix, what)[:, 0] for what in TEXTURES]
    return dict(zip(TEXTURE_NAMES, map(float, np.ravel(values)), strict=True))


def pair_features(
    parts: tuple[Floats, Floats],
    rasters: tuple[Raster, Raster],
    window: Window,
    rng: np.random.Generator,
    most: int = MOST,
) -> dict[str, float]:
    """Features of two channels together: cross-correlation, distances (nm) and correlation of the images.

    Parameters
    ----------
    parts : two (n, 2 or 3) float64
        Positions of the channels, nm.
    rasters : two Raster
        The same, counted in cells.
    window : Window
        The nucleus.
    rng : Generator
        Draws the positions from which distances are measured.
    most : int
        How many are drawn; 0 measures none.

    Returns
    -------
    dict of str to float
        By the names in `G_NAMES` and `CROSS_NAMES`.
    """
    from scipy.spatial import cKDTree

    correlation = pair_correlation(*rasters)
    found = {name: float(np.log(max(value, 1e-3))) for name, value in zip(G_NAMES, correlation, strict=True)}
    if most:
        there = cKDTree(parts[1]).query(drawn(parts[0], most, rng))[0]
        back = cKDTree(parts[0]).query(drawn(parts[1], most, rng))[0]
        found |= dict(zip(CROSS_NAMES, (float(np.median(there)), float(np.median(back))), strict=False))
    # A cell at the outline that holds a localization is inside for that channel alone.
    common = np.minimum(*(raster.window for raster in rasters))
    coarse = [replace(raster, window=common).coarse() for raster in rasters]
    alike = np.corrcoef(coarse[0], coarse[1])[0, 1] if all(values.std() > 0 for values in coarse) else np.nan
    return found | {CROSS_NAMES[-1]: float(alike)}


NEIGHBOUR_NAMES = (
    "nearest neighbour, 10 % (nm)",
    "nearest neighbour, median (nm)",
    "nearest neighbour, 90 % (nm)",
    "tenth neighbour, median (nm)",
    "Clark-Evans ratio",
)
_RANGES = [f"{low:g}-{high:g} nm" for low, high in itertools.pairwise(Raster.EDGES_NM)]
G_NAMES = tuple(f"pair correlation at {span} (log)" for span in _RANGES)
L_NAMES = tuple(f"Ripley's L - r at {edge:g} nm" for edge in Raster.EDGES_NM[1:])
VORONOI_NAMES = (
    "Voronoi density, 10 % (log10)",
    "Voronoi density, 90 % (log10)",
    "share twice as dense",
    "share ten times as dense",
)
SHELL_NAMES = tuple(f"radial profile, shell {number} of {SHELLS}" for number in range(1, SHELLS + 1))
TEXTURES = ("contrast", "homogeneity", "ASM", "correlation")
TEXTURE_NAMES = tuple(f"texture, {what} at {reach} nm" for what in TEXTURES for reach in (100, 400))
CHANNEL_FEATURES = (*NEIGHBOUR_NAMES, *G_NAMES, *L_NAMES, *VORONOI_NAMES, *SHELL_NAMES, *TEXTURE_NAMES)
CROSS_NAMES = ("distance there, median (nm)", "distance back, median (nm)", "correlation of the images")
PAIR_FEATURES = (*G_NAMES, *CROSS_NAMES)


# --- files ------------------------------------------------------------------------------------------------------------


def measure_shard(
    inputs: Mapping[str, str], output: str | Path, samples: list[str], seed: int, threads: int = 1
) -> None:
    """Measure the features of every nucleus of a shard's samples.

    Parameters
    ----------
    inputs : mapping of str to path
        Its raw, drift, quality and nuclei files.
    output : path
        The shard to write.
    samples : list of str
        Of the shard.
    seed : int
        Of what is drawn.
    threads : int
        Samples at the same time.
    """
    work = partial(_measure_sample, dict(inputs), seed)
    write_shard(output, samples, work, threads=threads, title="measure_features")


def _measure_sample(inputs: dict[str, str], seed: int, sample: str, group: h5py.Group) -> None:
    recorded = Recording.read(inputs, sample)
    nuclei = read_nuclei(inputs["nuclei"], sample)
    rows = []
    for number, part in zip(nuclei.table["nucleus"], recorded.nuclei(len(nuclei.table)), strict=True):
        rng = np.random.default_rng([seed, crc32(f"{sample}/{number}".encode())])
        own = nucleus_features(part.kept, Window.of(nuclei, int(number)), rng)
        rows.append({("arrangement", name): value for name, value in own.items()})
        rows[-1] |= {("acquisition", name): value for name, value in acquisition(part, rng).items()}
    write_array(group, "nucleus", np.array([f"{sample}/{k}" for k in nuclei.table["nucleus"]], dtype=object))
    for kind in ("arrangement", "acquisition"):
        names = [name for own, name in (rows[0] if rows else {}) if own == kind]
        values = [[row[kind, name] for name in names] for row in rows]
        write_array(group, kind, np.array(values, np.float32).reshape(len(rows), len(names)))
        group[kind].attrs["names"] = names
