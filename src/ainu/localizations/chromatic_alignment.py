"""Chromatic alignment: the channels of a field laid over one of them, by beads or by their own structure."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter

from ainu.errors import AinuError
from ainu.localizations.correlation_peak import parabola_vertex
from ainu.localizations.settings import AlignmentSettings
from ainu.localizations.table import Localizations

METHODS = ("beads", "cross_correlation")
FEWEST_BEADS = 4
MOST_PIXELS = 50_000_000
BEAD_COLUMNS = ("bead", "channel", "x_nm", "y_nm")

Beads = dict[str, dict[str, tuple[float, float]]]


def align(localizations: Localizations, settings: AlignmentSettings) -> tuple[Localizations, dict[str, Any]]:
    """Move every channel onto the reference.

    Parameters
    ----------
    localizations : Localizations
        Several channels.
    settings : AlignmentSettings
        Method "beads": the affine transformation that lays the beads of a table over each other (tab- or
        comma-separated, columns bead, channel, x_nm, y_nm; a bead has a row per channel). "cross_correlation": the
        shift at which the channels' images agree best (they must show a common structure).

    Returns
    -------
    Localizations
    dict
        `method`, `reference`, and for each other channel `matrix` (2 x 3: x and y from x, y, 1) and `residual_nm`:
        of beads the root mean square distance of each from where the others put it, of a correlation half the distance
        between the shifts of two halves of the data.

    Raises
    ------
    AinuError
        A channel or bead is missing, the beads lie on a line, or the field is too large for the pixel.
    """
    reference = localizations.channels[0] if settings.reference is None else settings.reference
    if reference not in localizations.channels:
        there = ", ".join(localizations.channels)
        raise AinuError(f"ingest.alignment.reference: no channel {reference!r}; there are: {there}")
    others = [name for name in localizations.channels if name != reference]
    beads = _read_beads(settings.bead_table) if settings.method == "beads" else {}
    record: dict[str, Any] = {"method": settings.method, "reference": reference, "channels": {}}
    for name in others:
        if settings.method == "beads":
            matrix, residual = _by_beads(beads, name, reference)
        else:
            matrix, residual = _by_correlation(localizations, name, reference, settings)
        localizations = _moved(localizations, name, matrix)
        record["channels"][name] = {"matrix": np.round(matrix, 9).tolist(), "residual_nm": round(residual, 3)}
    return localizations, record


def _moved(localizations: Localizations, name: str, matrix: NDArray[np.float64]) -> Localizations:
    rows = localizations.channel == localizations.channels.index(name)
    offset = np.array(localizations.offset_nm[:2])
    moved = _apply(matrix, localizations.positions[rows, :2] + offset) - offset
    x, y = localizations.x.copy(), localizations.y.copy()
    x[rows], y[rows] = moved.T
    return replace(localizations, x=x, y=y)


def _apply(matrix: NDArray[np.float64], points: NDArray[Any]) -> NDArray[np.float64]:
    return points.astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]


# Beads ---------------------------------------------------------------------------------------------------------------


def _read_beads(path: str | Path | None) -> Beads:
    """Channel -> bead -> position."""
    if path is None:
        raise AinuError("ingest.alignment.bead_table: missing; method 'beads' needs a table of beads")
    beads: Beads = {}
    for number, row in _bead_rows(path):
        try:
            place = float(row["x_nm"]), float(row["y_nm"])
        except ValueError:
            place = (np.nan, np.nan)
        if not np.isfinite(place).all():
            raise AinuError(f"{path}, row {number}: x_nm {row['x_nm']!r}, y_nm {row['y_nm']!r}; both are numbers of nm")
        beads.setdefault(row["channel"], {})[row["bead"]] = place
    return beads


def _bead_rows(path: str | Path) -> list[tuple[int, Mapping[str, str]]]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AinuError(f"{path}: the bead table cannot be read ({error})") from None
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    rows = list(csv.DictReader(lines, delimiter=delimiter, restval="", restkey="more"))
    missing = [name for name in BEAD_COLUMNS if not rows or name not in rows[0]]
    if missing:
        raise AinuError(
            f"{path}: column {missing[0]!r} is missing or there are no rows; needed: {', '.join(BEAD_COLUMNS)}"
        )
    return [(number, row) for number, row in enumerate(rows, start=2)]


def _by_beads(beads: Beads, name: str, reference: str) -> tuple[NDArray[np.float64], float]:
    common = sorted(set(beads.get(name, {})) & set(beads.get(reference, {})))
    if len(common) < FEWEST_BEADS:
        raise AinuError(
            f"ingest.alignment.bead_table: {len(common)} beads are in both {name!r} and {reference!r}; "
            f"at least {FEWEST_BEADS} are needed"
        )
    source = np.array([beads[name][bead] for bead in common])
    target = np.array([beads[reference][bead] for bead in common])
    matrix = fit_affine(source, target)
    left_out = [np.delete(np.arange(len(common)), i) for i in range(len(common))]
    errors = [
        _apply(fit_affine(source[rest], target[rest]), source[i : i + 1])[0] - target[i]
        for i, rest in enumerate(left_out)
    ]
    return matrix, float(np.sqrt(np.mean(np.sum(np.square(errors), axis=1))))


def fit_affine(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine transformation that moves points closest to others, by least squares.

    Parameters
    ----------
    source, target : (n, 2) float64
        Points, and where they should lie.

    Returns
    -------
    (2, 3) float64
        x and y from x, y and 1.

    Raises
    ------
    AinuError
        The points lie on a line.
    """
    centre = source.mean(axis=0)
    design = np.column_stack([source - centre, np.ones(len(source))])
    solution, _, rank, _ = np.linalg.lstsq(design, target, rcond=1e-6)
    if rank < 3:
        raise AinuError("ingest.alignment.bead_table: the beads lie on a line; they must span the field")
    linear = solution[:2].T
    return np.column_stack([linear, solution[2] - linear @ centre])


# Cross-correlation ---------------------------------------------------------------------------------------------------


def _by_correlation(
    localizations: Localizations, name: str, reference: str, settings: AlignmentSettings
) -> tuple[NDArray[np.float64], float]:
    moving, fixed = (localizations.of_channel(channel).positions[:, :2] for channel in (name, reference))
    if min(len(moving), len(fixed)) < 2:
        return np.eye(2, 3), 0.0
    shift = _shift(moving, fixed, settings.pixel_nm, settings.reach_nm)
    halves = [_shift(moving[half::2], fixed[half::2], settings.pixel_nm, settings.reach_nm) for half in (0, 1)]
    return np.column_stack([np.eye(2), shift]), float(np.hypot(*(halves[0] - halves[1]))) / 2


def _shift(moving: NDArray[Any], fixed: NDArray[Any], pixel_nm: float, reach_nm: float) -> NDArray[np.float64]:
    """(x, y) in nm that lays one set of points over the other."""
    low = np.minimum(moving.min(axis=0), fixed.min(axis=0))
    span = np.maximum(moving.max(axis=0), fixed.max(axis=0)) - low
    reach = max(int(np.ceil(reach_nm / pixel_nm)), 2)
    columns, rows = (fft.next_fast_len(int(length / pixel_nm) + 2 * reach + 2, real=True) for length in span)
    if rows * columns > MOST_PIXELS:
        raise AinuError(
            f"ingest.alignment.pixel_nm: {pixel_nm:g} makes images of {columns} x {rows} pixels; take a larger one"
        )
    spectra = [fft.rfft2(_image((points - low) / pixel_nm, (rows, columns))) for points in (moving, fixed)]
    correlation = fft.irfft2(spectra[0].conj() * spectra[1], s=(rows, columns))
    around = np.roll(correlation, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    return (_peak(around) - reach) * pixel_nm


def _image(places: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Square root of the counts, smoothed, without its mean: no single dense spot decides."""
    column, row = places.astype(np.intp).T
    counts = np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)
    image = gaussian_filter(np.sqrt(counts), 1.0, mode="constant")
    return image - image.mean()


def _peak(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(x, y) of the maximum, by parabolas through its neighbours."""
    place = np.unravel_index(int(values.argmax()), values.shape)
    row, column = (int(np.clip(at, 1, n - 2)) for at, n in zip(place, values.shape, strict=True))
    across, down = values[row, column - 1 : column + 2], values[row - 1 : row + 2, column]
    return np.array([column + parabola_vertex(*across), row + parabola_vertex(*down)])
