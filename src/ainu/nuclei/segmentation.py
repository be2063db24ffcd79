"""Segmentation of nuclei by the density of localizations: an unbiased edge, and touching nuclei separated.

A nucleus is where the density exceeds half of that nearby. Touching nuclei are separated at their necks: parts grow
from the points farthest from the edge (watershed), and neighbours whose union is convex belong together. Empty holes
are nucleoli, unless they lie outside the ellipses fitted to the nuclei around: those are gaps between nuclei.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ainu.nuclei.discs import closed, opened

Mask = NDArray[np.bool_]
Labels = NDArray[np.int64]

CONVEX, FRAGMENT = 0.93, 0.75
"""Solidity above which a union of parts is one nucleus (two touching discs of one size have 0.88), and above which a
part too small for a nucleus is a fragment of its neighbour, cut off by nucleoli at the rim."""
MISFIT, MARGIN_PX = 0.06, 5
"""Share of its area in which a part differs from its ellipse (a nucleus: 0.02 to 0.045) above which it may include a
gap or lack a nucleolus; pixels around the parts in which ellipses are compared."""
GAIN_UM2, LEAST_GAP_UM2, PAIRED = 1.0, 0.5, 5
"""By how much the misfit of the ellipses has to decrease for a hole to be a gap; smallest gap; how many of the
largest holes are also tried in pairs."""
INSIDE, FITS = 0.9, 10
"""Mean radius in a nucleus' ellipse (1 is its outline) up to which a hole is a nucleolus; iterations of the fit."""
COARSE_NM = 200.0
"""Pixel at which touching nuclei are separated."""
NECK_NM, BRIDGED_NM, NOTCH_NM, TAIL_NM = 200.0, 300.0, 1500.0, 500.0
"""Smoothing of the distance to the edge; gaps closed before the separation; notches filled and tails cut after it."""


def segment(count: NDArray[np.float32], pixel_nm: float, smooth_nm: float, least_um2: float | None) -> Labels:
    """Label the nuclei of a field.

    Parameters
    ----------
    count : (Y, X) float32
        Localizations per pixel.
    pixel_nm, smooth_nm : float
        Edge of a pixel; spread (sd) of the smoothing of the density.
    least_um2 : float, optional
        Area of the smallest nucleus: holes from this size on are gaps, smaller parts are fragments of a nucleus.

    Returns
    -------
    (Y, X) int64
        Nuclei from 1; 0 outside.
    """
    dense = _dense_mask(count, smooth_nm / pixel_nm)
    factor = max(1, round(COARSE_NM / pixel_nm))
    scene = _Scene.of(_coarse(dense, factor), pixel_nm * factor, least_um2)
    parts, gaps = scene.separated()
    shape = dense.shape
    return _outlined(dense, _fine(parts, factor, shape), _fine(gaps, factor, shape) > 0, pixel_nm)


def _dense_mask(count: NDArray[np.float32], sigma_px: float) -> Mask:
    """(Y, X) where the smoothed density exceeds half of the plateau around: smoothing does not move such an edge."""
    # Nuclei as a whole are found by the threshold of Otsu (IEEE Trans. Syst. Man Cybern. 9, 62, 1979) on the square
    # root of the density, whose counting noise is the same everywhere.
    from skimage.filters import threshold_otsu

    density = ndimage.gaussian_filter(count, sigma_px, mode="constant")
    root = np.sqrt(density)
    near = root > threshold_otsu(root)
    background = float(np.median(density[~near])) if not near.all() else 0.0
    inside = near
    for _ in range(2):
        plateau = _mean_within(density, inside, 4 * sigma_px)
        inside = near & (density - background > (plateau - background) / 2)
    return inside


def _mean_within(values: NDArray[np.float32], mask: Mask, sigma_px: float) -> NDArray[np.float32]:
    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma_px)
    return ndimage.gaussian_filter(values * mask, sigma_px) / np.maximum(weight, 1e-6)


def solidity(mask: Mask) -> float:
    """Area of a mask (Y, X) over that of its convex hull, holes filled; 0 for an empty mask."""
    from scipy.spatial import ConvexHull

    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return 0.0
    first = mask[rows].argmax(axis=1)
    behind = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    corners = [np.stack([rows + edge, column], axis=1) for edge in (0, 1) for column in (first, behind)]
    hull = ConvexHull(np.concatenate(corners)).volume
    return float(np.count_nonzero(ndimage.binary_fill_holes(mask)) / hull)


def _coarse(mask: Mask, factor: int) -> Mask:
    """Blocks of which at least half is in the mask."""
    rows, columns = (-(-n // factor) * factor for n in mask.shape)
    padded = np.pad(mask, ((0, rows - mask.shape[0]), (0, columns - mask.shape[1])))
    return padded.reshape(rows // factor, factor, columns // factor, factor).mean(axis=(1, 3)) >= 0.5


def _fine(labels: Labels, factor: int, shape: tuple[int, ...]) -> Labels:
    return np.repeat(np.repeat(labels, factor, axis=0), factor, axis=1)[: shape[0], : shape[1]]


@dataclass(frozen=True)
class _Scene:
    """Dense objects with their holes filled, and the holes by number; both (Y, X)."""

    filled: Mask
    holes: Labels
    pixel_nm: float
    least_um2: float

    @classmethod
    def of(cls, dense: Mask, pixel_nm: float, least_um2: float | None) -> _Scene:
        whole = closed(dense, BRIDGED_NM / pixel_nm)
        holes, _ = ndimage.label(ndimage.binary_fill_holes(whole) & ~whole)
        small = np.bincount(holes.ravel()) * pixel_nm**2 / 1e6 < (np.inf if least_um2 is None else least_um2)
        small[0] = False
        holes = np.where(small[holes], holes, 0).astype(np.int64)
        return cls(opened(whole | (holes > 0), BRIDGED_NM / pixel_nm), holes, pixel_nm, least_um2 or 0.0)

    def separated(self) -> tuple[Labels, Labels]:
        """Nuclei (Y, X) from 1, and the holes (Y, X) that are gaps between them."""
        objects, _ = ndimage.label(self.filled)
        parts, gaps = np.zeros(objects.shape, np.int64), np.zeros(objects.shape, np.int64)
        for number, box in enumerate(ndimage.find_objects(objects), start=1):
            own = objects[box] == number
            found, between = _Scene(own, self.holes[box] * own, self.pixel_nm, self.least_um2)._best()
            parts[box] = np.where(found > 0, found + parts.max(), parts[box])
            gaps[box] = np.where(between, self.holes[box], gaps[box])
        return parts, gaps

    def _best(self) -> tuple[Labels, Mask]:
        """The parts of one object, and gaps: holes outside the nuclei, or without which ellipses fit better."""
        parts, gaps = self._fitted_parts(np.zeros(self.filled.shape, bool))
        while any(self._separated_anew(parts, gaps, *chosen) for chosen in self._candidates(parts, gaps)):
            pass
        return parts, gaps

    def _separated_anew(self, parts: Labels, gaps: Mask, around: tuple[int, ...], opened: tuple[int, ...]) -> bool:
        """Separate the parts around some holes anew, in place, with others open, if the fit of ellipses improves."""
        box, near = self._neighbourhood(parts, gaps, np.isin(self.holes, around))
        scene = _Scene(near, self.holes[box] * near, self.pixel_nm, self.least_um2)
        new, between = scene._fitted_parts(np.isin(scene.holes, opened) & near)
        if scene._misfit_um2(new) > scene._misfit_um2(np.where(near, parts[box], 0)) - GAIN_UM2:
            return False
        parts[box] = np.where(near, np.where(new > 0, new + parts.max(), 0), parts[box])
        gaps[box] = np.where(near, between, gaps[box])
        return True

    def _neighbourhood(self, parts: Labels, gaps: Mask, hole: Mask) -> tuple[tuple[slice, ...], Mask]:
        """The box around the parts at some holes, those that touch them and their gaps, and where these are in it."""
        own = set(np.unique(parts[_grown(hole)]).tolist()) - {0}
        near = own | {other for one, other in _touching(parts) if one in own}
        mask = np.isin(parts, list(near))
        mask |= np.isin(self.holes, np.unique(self.holes[gaps & _grown(mask)])) & gaps
        box = ndimage.find_objects(mask.astype(np.uint8))[0]
        return box, mask[box]

    def _misfit_um2(self, parts: Labels) -> float:
        """Area in which the parts differ from their ellipses, and that of parts too small for a nucleus, µm²."""
        odd, area = _misfits(parts) * self.pixel_nm**2 / 1e6
        return float(np.sum(np.where(area < self.least_um2, area, odd)))

    def _candidates(self, parts: Labels, gaps: Mask) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Holes to examine and those of them to open."""
        # First each hole in parts that are not elliptic, the largest first; then pairs, since two gaps may lie between
        # the same nuclei; then no hole in place of a gap, which may be a nucleolus.
        odd, area = _misfits(parts)
        misfit = np.append(False, odd > MISFIT * area)[parts]
        size = np.bincount(self.holes[misfit], minlength=1) * self.pixel_nm**2 / 1e6
        size[0] = 0
        holes = [int(hole) for hole in np.argsort(-size, kind="stable") if size[hole] >= LEAST_GAP_UM2]
        yield from (((hole,), (hole,)) for hole in holes)
        yield from ((pair, pair) for pair in combinations(holes[:PAIRED], 2))
        yield from (((int(gap),), ()) for gap in np.unique(self.holes[gaps & _grown(misfit)]))

    def _fitted_parts(self, gaps: Mask) -> tuple[Labels, Mask]:
        """Parts and gaps, separated anew as long as the ellipses show more gaps."""
        while True:
            filled = self.filled & ~gaps
            parts, between = _fitted(self._parts(filled), self.holes, filled)
            if not between.any():
                return parts, gaps
            gaps = gaps | between

    def _parts(self, filled: Mask) -> Labels:
        from skimage.morphology import h_maxima
        from skimage.segmentation import watershed

        depth = ndimage.distance_transform_edt(np.pad(filled, 1))[1:-1, 1:-1]
        depth = ndimage.gaussian_filter(depth, NECK_NM / self.pixel_nm) * filled
        seeds, _ = ndimage.label(h_maxima(depth, 0.05 * depth.max()))
        return _merged(watershed(-depth, seeds, mask=filled).astype(np.int64), self.least_um2 * 1e6 / self.pixel_nm**2)


def _fitted(parts: Labels, holes: Labels, filled: Mask) -> tuple[Labels, Mask]:
    """Parts of which each is nearest to its own ellipse, and the holes that lie between the ellipses."""
    if parts.max(initial=0) < 2:
        return parts, np.zeros(parts.shape, bool)
    where = np.nonzero(filled)
    powers, hole, part = _powers(*where), holes[where], parts[where]
    for _ in range(FITS):
        radius = _ellipse_radius(powers, part)
        before, part = part, np.where(hole > 0, _containing(radius, hole, part)[hole], radius.argmin(axis=0) + 1)
        if np.array_equal(before, part):
            break
    fitted = np.zeros(parts.shape, np.int64)
    fitted[where] = part
    return fitted, filled & (fitted == 0)


def _powers(y: NDArray[np.intp], x: NDArray[np.intp]) -> NDArray[np.float64]:
    """(6, n) terms of a conic at n points; their means are the moments up to the second."""
    v, u = y - y.mean(), x - x.mean()
    return np.stack([np.ones(len(y)), v, u, v * v, u * v, u * u])


def _ellipse_radius(powers: NDArray[np.float64], part: NDArray[np.int64]) -> NDArray[np.float64]:
    """(parts, n) distance of n points from the ellipse with the moments of each part: 0 centre, 1 outline."""
    sums = np.stack([np.bincount(part, weights=power)[1:] for power in powers])
    n, y, x, yy, xy, xx = np.where(sums[0] > 0, sums / np.maximum(sums[0], 1), np.nan)
    # A pixel has an area: with its own second moment a line of pixels is an ellipse as well.
    yy, xy, xx = yy - y * y + 1 / 12, xy - x * y, xx - x * x + 1 / 12
    a, b, c = np.array([xx, -xy, yy]) / (4 * (yy * xx - xy * xy))
    conic = np.stack([a * y * y + 2 * b * x * y + c * x * x, -2 * (a * y + b * x), -2 * (b * y + c * x), a, 2 * b, c])
    squared = np.where(np.isfinite(n)[:, None], np.nan_to_num(conic.T) @ powers, np.inf)
    return np.sqrt(np.maximum(squared, 0))


def _containing(radius: NDArray[np.float64], hole: NDArray[np.int64], part: NDArray[np.int64]) -> NDArray[np.int64]:
    """The part in whose ellipse each hole lies (0: none, so that it is a gap)."""
    mean = np.array([np.bincount(hole, weights=row) for row in radius]) / np.maximum(np.bincount(hole), 1)
    containing = np.where(mean.min(axis=0) < INSIDE, mean.argmin(axis=0) + 1, 0)
    # A part that is mostly hole is not a nucleus but the gap in a ring of nuclei.
    empty = np.bincount(containing[hole[hole > 0]], minlength=len(radius) + 1)
    full = np.bincount(part[hole == 0], minlength=len(radius) + 1)
    return np.where((empty > full)[containing], 0, containing)


def _misfits(parts: Labels) -> NDArray[np.float64]:
    """(2, parts) pixels in which each part differs from the ellipse with its moments, and all of its pixels."""
    wide = np.pad(parts, MARGIN_PX)
    part = wide.ravel()
    inside = _ellipse_radius(_powers(*np.nonzero(np.ones(wide.shape, bool))), part) < 1
    area = np.bincount(part)[1:]
    shared = np.array([np.count_nonzero(one[part == number]) for number, one in enumerate(inside, start=1)])
    return np.stack([area + inside.sum(axis=1) - 2 * shared, area]).astype(np.float64)


def _grown(mask: Mask) -> Mask:
    return ndimage.binary_dilation(mask, iterations=2)


def _merged(parts: Labels, least_px: float) -> Labels:
    """Neighbours joined, the most convex union first, as long as there is a convex one; less convex for fragments."""
    groups = [frozenset([number]) for number in range(1, int(parts.max(initial=0)) + 1)]
    touching, boxes, area = _touching(parts), ndimage.find_objects(parts), np.bincount(parts.ravel())
    known: dict[frozenset[int], float] = {}
    while True:
        pairs = [a | b for a, b in combinations(groups, 2) if any((i, j) in touching for i in a for j in b)]
        for union in pairs:
            if union not in known:
                known[union] = solidity(_union(parts, boxes, union))
        small = {group for group in groups if area[list(group)].sum() < least_px}
        fit = [pair for pair in pairs if known[pair] >= (FRAGMENT if any(g < pair for g in small) else CONVEX)]
        best = max(fit, key=known.__getitem__, default=None)
        if best is None:
            break
        groups = [group for group in groups if not group <= best] + [best]
    new = np.zeros(int(parts.max(initial=0)) + 1, np.int64)
    for number, group in enumerate(sorted(groups, key=min), start=1):
        new[list(group)] = number
    return new[parts]


def _union(parts: Labels, boxes: list[tuple[slice, slice]], numbers: frozenset[int]) -> Mask:
    """Mask of some parts, in the smallest box that holds them."""
    own = [boxes[number - 1] for number in numbers]
    box = tuple(slice(min(b[axis].start for b in own), max(b[axis].stop for b in own)) for axis in (0, 1))
    chosen = np.zeros(len(boxes) + 1, bool)
    chosen[list(numbers)] = True
    return chosen[parts[box]]


def _touching(parts: Labels) -> set[tuple[int, int]]:
    """Pairs of parts, in both orders, that share an edge."""
    pairs: set[tuple[int, int]] = set()
    for one, other in ((parts[1:], parts[:-1]), (parts[:, 1:], parts[:, :-1])):
        meet = (one != other) & (one > 0) & (other > 0)
        pairs |= set(zip(one[meet].tolist(), other[meet].tolist(), strict=True))
    return pairs | {(b, a) for a, b in pairs}


def _outlined(dense: Mask, parts: Labels, gaps: Mask, pixel_nm: float) -> Labels:
    """The nuclei at full resolution: notches and holes filled but for gaps and neighbours, tails cut."""
    found = np.zeros(dense.shape, np.int64)
    margin = int(NOTCH_NM / pixel_nm) + 2
    parts = _spread(parts, dense)
    for number, tight in enumerate(ndimage.find_objects(parts), start=1):
        if tight is None:
            continue
        box = tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in tight)
        own = parts[box] == number
        whole = closed(own & dense[box], NOTCH_NM / pixel_nm) & ~gaps[box]
        whole = ndimage.binary_fill_holes(whole) & (own | (parts[box] == 0))
        found[box][opened(whole, TAIL_NM / pixel_nm)] = number
    return found


def _spread(parts: Labels, dense: Mask) -> Labels:
    """Dense pixels next to the coarse parts are added to the nearest of them."""
    distance, nearest = ndimage.distance_transform_edt(parts == 0, return_indices=True)
    return np.where(dense & (distance <= 3), parts[tuple(nearest)], parts)
