"""A field and its parts: tiles, of which some measure the drift and others judge it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.intp] | slice
EVERY = slice(None)
FOLDS = 3
LOCALIZATIONS_OF_A_FIT = 40_000


@dataclass(frozen=True)
class Scene:
    """What a correction is judged on.

    Attributes
    ----------
    axes : 2 or 3 of (n,) float32
        Positions, nm.
    rank : (n,) int32
        Their frames, counted among the m frames that occur.
    precision_nm : float
        Typical lateral precision.
    measured : tuple of int
        Axes in which the drift is judged: (0, 1), or (2,) once x and y are corrected.
    """

    axes: tuple[NDArray[np.float32], ...]
    rank: NDArray[np.int32]
    precision_nm: float
    measured: tuple[int, ...] = (0, 1)

    def __len__(self) -> int:
        return len(self.rank)

    def sides(self, times: float) -> list[float]:
        """Sides of a cell along each axis, nm: of those not measured, of fixed size."""
        side = 2.5 * float(np.clip(self.precision_nm, 5, 25))
        if self.measured == (0, 1):
            return [times * side] * len(self.axes)
        return [2 * side, 2 * side, 2 * times * side]

    def moved(self, rows: Rows, path: Array | None) -> list[Array]:
        """Positions along each axis of some rows, less a path of the measured axes, (m, d) nm."""
        own = [axis[rows].astype(np.float64) for axis in self.axes]
        if path is not None:
            for axis, shift in zip(self.measured, path.T, strict=True):
                own[axis] -= np.take(shift, self.rank[rows])
        return own


@dataclass(frozen=True)
class Taught:
    """Rows (k,) of all but one part of the field, the drift (m, d) nm measured from them alone, how it is divided."""

    rows: NDArray[np.intp]
    path: Array
    tiling: Tiling


@dataclass(frozen=True)
class Tiling:
    """Square tiles of the field: their side and where the first begins, nm."""

    side: float
    low: tuple[float, float]

    @classmethod
    def of(cls, scene: Scene, path: Array) -> Tiling:
        """Choose tiles that are large beside what a path moves, and several along each axis.

        Parameters
        ----------
        scene : Scene
            The localizations.
        path : (m, d) float64
            The drift, nm.

        Returns
        -------
        Tiling
        """
        x, y = scene.axes[:2]
        extent = float(max(np.ptp(x), np.ptp(y)))
        moves = float(np.ptp(path, axis=0).max()) if scene.measured == (0, 1) else 0.0
        side = max(min(max(extent / 8, 2 * moves), extent / 2.5, 20_000.0), 1000.0)
        return cls(side, (float(x.min()), float(y.min())))

    def number(self, scene: Scene, rows: Rows, path: Array) -> NDArray[np.int64]:
        """Number the tiles in which localizations lie; the remainder by `FOLDS` is the part of the field.

        Parameters
        ----------
        scene : Scene
            The localizations.
        rows : (k,) int or slice
            Which.
        path : (m, d) float64
            The drift by which they are corrected, nm.

        Returns
        -------
        (k,) int64
        """
        x, y = in_plane(scene, rows, path - np.median(path, axis=0))
        column, row = (
            np.floor((axis - low) / self.side).astype(np.int64) for axis, low in zip((x, y), self.low, strict=True)
        )
        # neighbours along either axis are in different parts: 1 and 2 are no multiples of 3
        return FOLDS * ((column * 7919 + row * 104_729) & 0xFFFF) + (column + 2 * row) % FOLDS

    def stay(self, scene: Scene, rows: NDArray[np.intp], path: Array) -> NDArray[np.bool_]:
        """Tell which localizations lie in the same tile with and without a correction; only those are judged.

        Parameters
        ----------
        scene : Scene
            The localizations.
        rows : (k,) int
            Which.
        path : (m, d) float64
            The drift, nm.

        Returns
        -------
        (k,) bool
        """
        # borders that moved with the path would bring together, and borders that lie still would part, what they hold
        return self.number(scene, rows, path) == self.number(scene, rows, 0 * path)


def in_plane(scene: Scene, rows: Rows, path: Array) -> list[Array]:
    """Give x and y of some localizations, corrected.

    Parameters
    ----------
    scene : Scene
        The localizations.
    rows : (k,) int or slice
        Which.
    path : (m, d) float64
        The drift, nm.

    Returns
    -------
    list of (k,) float64
        nm.
    """
    return scene.moved(rows, path)[:2]


def some_rows(rows: NDArray[np.intp], tile: NDArray[np.int64], bead: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """Choose all localizations in some tiles of the field, where there are more than enough.

    Parameters
    ----------
    rows : (k,) int
        Localizations to choose from.
    tile : (n,) int
        Tile of every localization.
    bead : (n,) bool
        Whether it is one of a bead: tiles with beads come first.
    most : int
        So many are enough.

    Returns
    -------
    (l,) intp
        Rows.
    """
    if len(rows) <= 1.2 * most:
        return rows
    held = np.bincount(tile[rows])
    own = np.flatnonzero(held)
    # an order in which neighbours are far apart, but those with beads first
    crowded = np.bincount(tile[rows], bead[rows])[own] > 0
    order = own[np.lexsort((own * 40_503 % 65_521, ~crowded))]
    taken = np.zeros(len(held), bool)
    taken[order[: np.searchsorted(np.cumsum(held[order]), most) + 1]] = True
    chosen = rows[taken[tile[rows]]]
    return chosen if len(chosen) <= 3 * most else chosen[:: len(chosen) // (2 * most) + 1]


def first_part(scene: Scene, path: Array) -> tuple[NDArray[np.intp], Tiling]:
    """All of the field but the first part, or enough of it, to measure the drift before that of all is.

    Parameters
    ----------
    scene : Scene
        The localizations.
    path : (m, d) float64
        About how the field drifts, nm.

    Returns
    -------
    rows : (k,) intp
        Localizations.
    tiling : Tiling
        How the field is divided.
    """
    # borders that lay still would tell that nothing moves
    tiling = Tiling.of(scene, path)
    tile = tiling.number(scene, EVERY, path)
    return some_rows(np.flatnonzero(tile % FOLDS), tile, beads(scene, path), LOCALIZATIONS_OF_A_FIT), tiling


def beads(scene: Scene, path: Array, side_nm: float = 250.0, times: float = 20.0) -> NDArray[np.bool_]:
    """Find localizations of places that, corrected, are seen in many frames and far more often than typical ones.

    Parameters
    ----------
    scene : Scene
        The localizations.
    path : (m, d) float64
        The drift, nm.
    side_nm : float
        Side of a place.
    times : float
        How many times as many localizations as a typical place it holds.

    Returns
    -------
    (n,) bool
    """
    x, y = in_plane(scene, EVERY, path)
    column, row = (np.floor((axis - axis.min()) / side_nm).astype(np.int64) & 1023 for axis in (x, y))
    place = (row << 10) + column
    held = np.bincount(place)
    most = max(times * float(np.median(held[held > 0])), len(path) / 10, 100.0)
    return (held > most)[place] if held.max() > most else np.zeros(len(place), bool)
