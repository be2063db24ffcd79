"""Pair correlation and Ripley's L of localizations in an outline of any shape, corrected for its boundary.

Localizations and outline are counted into the same fine raster. The autocorrelation of the first, by Fourier
transform, is the number of pairs at each displacement; that of the second is the area in which such a pair fits. Their
ratio, over rings of displacements, is the pair correlation function with the translation correction of Ohser (1983):
no pair is lost and no point left out at the rim, and the cost does not grow with the number of pairs, so that all
localizations count, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Raster:
    """Localizations counted into a raster over an outline, and their Fourier transform.

    Attributes
    ----------
    counts : (..., Y, X) float64
        With a leading Z in three dimensions.
    window : (Y, X) float64
        1 inside the outline.
    depth : (Z,) float64
        In three dimensions the share of the localizations in each plane: an acquisition sees some depths better than
        others, which is no clustering.
    edge_nm : float
        Of a cell.
    """

    EDGES_NM: ClassVar[tuple[float, ...]] = (0, 50, 100, 200, 400, 800)
    """Ends of the rings of displacements."""
    CELL_NM: ClassVar[dict[int, float]] = {2: 25.0, 3: 50.0}

    counts: Floats
    window: Floats
    depth: Floats
    edge_nm: float

    @classmethod
    def of(cls, positions: Floats, mask: NDArray[np.bool_], corner_nm: tuple[float, float], pixel_nm: float) -> Raster:
        """Count positions in cells over the mask of a nucleus.

        Parameters
        ----------
        positions : (n, 2 or 3) float64
            x, y and z, nm.
        mask : (h, w) bool
            Pixels of the nucleus.
        corner_nm : (float, float)
            x and y of the mask's corner, nm.
        pixel_nm : float
            Edge of a pixel of the mask, nm.

        Returns
        -------
        Raster
        """
        edge, dimensions = cls.CELL_NM[positions.shape[1]], positions.shape[1]
        shape = tuple(max(1, round(n * pixel_nm / edge)) for n in mask.shape)
        at = [
            np.minimum(((np.arange(n) + 0.5) * edge / pixel_nm).astype(int), m - 1)
            for n, m in zip(shape, mask.shape, strict=True)
        ]
        window = mask[np.ix_(*at)].astype(np.float64)
        low = [*corner_nm, *([positions[:, 2].min()] if dimensions == 3 else [])]
        place = ((positions - low) / edge).astype(np.intp)
        planes = int(place[:, 2].max()) + 1 if dimensions == 3 else 1
        column, row = (np.clip(place[:, axis], 0, shape[1 - axis] - 1) for axis in (0, 1))
        plane = place[:, 2] if dimensions == 3 else 0
        flat = (plane * shape[0] + row) * shape[1] + column
        counts = np.bincount(flat, minlength=planes * shape[0] * shape[1]).astype(np.float64)
        # A localization in a cell whose middle lies just outside the outline opens that cell.
        counts = counts.reshape(planes, *shape)
        window = np.maximum(window, counts.any(axis=0))
        depth = counts.sum(axis=(1, 2)) / counts.sum()
        return cls(counts if dimensions == 3 else counts[0], window, depth, edge)

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return self.counts.ndim

    def coarse(self, cells: int = 8) -> Floats:
        """(m,) localizations in squares of `cells` cells that lie inside the outline, summed along z."""
        flat = self.counts.sum(axis=0) if self.dimensions == 3 else self.counts
        rows, columns = (n // cells for n in flat.shape)
        blocks = [
            part[: rows * cells, : columns * cells].reshape(rows, cells, columns, cells) for part in (flat, self.window)
        ]
        inside = blocks[1].mean(axis=(1, 3)) > 0.99
        return blocks[0].sum(axis=(1, 3))[inside]


def pair_correlation(one: Raster, other: Raster) -> Floats:
    """Pair correlation of a channel with itself (the same raster twice) or of two channels over the same outline.

    Parameters
    ----------
    one, other : Raster
        Of the same outline.

    Returns
    -------
    (m,) float64
        In each ring of displacements of `Raster.EDGES_NM`; 1 means independent.
    """
    reach = int(np.ceil(Raster.EDGES_NM[-1] / one.edge_nm))
    pairs = _correlation(one.counts, other.counts, reach)
    room = _correlation(one.window, other.window, reach)
    if one.dimensions == 3:
        room = np.correlate(np.pad(one.depth, reach), np.pad(other.depth, reach), "full")[:, None, None] * room
        middle = len(room) // 2
        room = room[middle - reach : middle + reach + 1]
    number, cells = one.counts.sum() * other.counts.sum(), one.window.sum() * other.window.sum()
    if one is other:
        pairs[(reach,) * one.dimensions] -= one.counts.sum()
        number -= one.counts.sum()
    away = [np.arange(-reach, reach + 1)] * one.dimensions
    distance = np.sqrt(sum(axis.astype(np.float64) ** 2 for axis in np.meshgrid(*away, indexing="ij"))) * one.edge_nm
    ring = np.digitize(distance, Raster.EDGES_NM[1:])
    wanted = len(Raster.EDGES_NM) - 1
    found = np.bincount(ring.ravel(), pairs.ravel(), minlength=wanted)[:wanted]
    expected = np.bincount(ring.ravel(), room.ravel(), minlength=wanted)[:wanted] * number / cells
    return np.maximum(found, 0) / np.maximum(expected, 1e-12)


def _correlation(one: Floats, other: Floats, reach: int) -> Floats:
    """Sum of products at each displacement of up to `reach` cells along each axis."""
    from scipy.fft import irfftn, next_fast_len, rfftn

    shape = [next_fast_len(max(a, b) + reach, real=True) for a, b in zip(one.shape, other.shape, strict=True)]
    transformed = rfftn(one, shape)
    product = irfftn(np.conj(transformed) * (transformed if one is other else rfftn(other, shape)), shape)
    lags = np.arange(-reach, reach + 1)
    return product[np.ix_(*[lags % n for n in shape])]


def ripley_l(correlation: Floats, dimensions: int) -> list[float]:
    """L(r) - r in nm at the end of each ring, from (m,) pair correlations: 0 if independent, positive if clustered."""
    edges = np.array(Raster.EDGES_NM)
    ball = np.pi * edges**2 if dimensions == 2 else 4 / 3 * np.pi * edges**3
    k = np.cumsum(correlation * np.diff(ball))
    radius = np.sqrt(k / np.pi) if dimensions == 2 else np.cbrt(3 * k / (4 * np.pi))
    return (radius - edges[1:]).tolist()
