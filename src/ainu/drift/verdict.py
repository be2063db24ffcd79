"""Whether a drift correction sharpens the image: Fourier ring correlation of halves of the frames, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.drift.initial_guess import BLOCK, some_tiles
from ainu.drift.smoothing import Estimate
from ainu.localizations.fourier_ring import THRESHOLD, half_images, ring_sizes, ring_sums
from ainu.localizations.table import Localizations

PIXEL_NM = 5.0
BAND_NM = (20.0, 100.0)
"""Details whose mean correlation decides."""
FLATTENED = 3.0
"""z is divided by this for a verdict, since its precision is about that many times worse."""


@dataclass(frozen=True)
class Sharpness:
    """Fourier ring correlation of two halves of the frames.

    Attributes
    ----------
    resolution_nm : float, optional
        Detail at which the correlation falls below 1/7; None where it is never above.
    detail : float
        Mean correlation over details of `BAND_NM`.
    error : float
        Its standard error.
    """

    resolution_nm: float | None
    detail: float
    error: float


@dataclass(frozen=True)
class DriftVerdict:
    """Whether a correction is to be applied.

    Attributes
    ----------
    verdict : str
        "corrected", or why it is not to be applied: "no drift", "failed", "worse".
    warning : str, optional
        A sentence for the user.
    before, after : Sharpness
        Of the image without and with the correction.
    """

    verdict: str
    warning: str | None
    before: Sharpness
    after: Sharpness

    @property
    def applies(self) -> bool:
        """Whether to apply the correction."""
        return self.verdict == "corrected"

    @property
    def notes(self) -> dict[str, Any]:
        """Plain values for `Drift.notes`."""
        return {
            "verdict": self.verdict,
            "warning": self.warning,
            "frc_before_nm": self.before.resolution_nm,
            "frc_after_nm": self.after.resolution_nm,
            "frc_detail_before": self.before.detail,
            "frc_detail_after": self.after.detail,
        }

    @property
    def notes_z(self) -> dict[str, Any]:
        """Plain values for `Drift.notes` of a verdict on z."""
        return {
            "verdict_z": self.verdict,
            "warning_z": self.warning,
            "frc_detail_z_before": self.before.detail,
            "frc_detail_z_after": self.after.detail,
        }


def judge(localizations: Localizations, found: Estimate) -> DriftVerdict:
    """Compare the image before and after a correction.

    Parameters
    ----------
    localizations : Localizations
        As measured, with frames.
    found : Estimate
        The drift to judge.

    Returns
    -------
    DriftVerdict
    """
    table = _without_beads(localizations, found.shift[:, :2])
    x, y, frame = table.x, table.y, table.frame
    assert frame is not None
    moved = [np.take(column.astype(np.float32), frame) for column in found.shift.T[:2]]
    before, after = sharpness(x, y, frame), sharpness(x - moved[0], y - moved[1], frame)
    lost = ", ".join(f"{first}-{last}" for first, last in found.notes.get("lost_frames", ()))
    verdict, warning = _decide(before, after, _Found("drift", _rms(found.shift[:, :2]), found.residual_nm, lost))
    return DriftVerdict(verdict, warning, before, after)


def judge_z(localizations: Localizations, found: Estimate) -> DriftVerdict:
    """Compare images of the field from the side, before and after a correction in z.

    Parameters
    ----------
    localizations : Localizations
        With frames and z; x and y corrected.
    found : Estimate
        With a drift in z.

    Returns
    -------
    DriftVerdict
    """
    table = _without_beads(localizations, np.zeros((len(found.shift), 2)))
    z, frame = table.z, table.frame
    assert z is not None
    assert frame is not None
    level = z - np.take(found.shift[:, 2].astype(np.float32), frame)
    before, after = (
        _mean(*(sharpness(side, height / np.float32(FLATTENED), frame) for side in (table.x, table.y)))
        for height in (z, level)
    )
    residual = found.notes.get("residual_z_nm")
    verdict, warning = _decide(before, after, _Found("drift in z", _rms(found.shift[:, 2:]), residual, ""))
    return DriftVerdict(verdict, warning, before, after)


def _without_beads(localizations: Localizations, shift: NDArray[np.float64], enough: int = 500) -> Localizations:
    """All localizations in some tiles, without beads, which would dominate; with beads where there is little else."""
    if len(localizations) > 300_000:
        blocks = (slice(start, start + BLOCK) for start in range(0, len(localizations), BLOCK))
        localizations = localizations[
            some_tiles(((localizations.x[own], localizations.y[own]) for own in blocks), 300_000)
        ]
    x, y, frame = localizations.x, localizations.y, localizations.frame
    assert frame is not None
    moved = [np.take(column.astype(np.float32), frame) for column in shift.T]
    beads = _of_beads(x, y, len(shift)) | _of_beads(x - moved[0], y - moved[1], len(shift))
    few = len(x) - np.count_nonzero(beads) < enough
    return localizations if few or not beads.any() else localizations[~beads]


def _of_beads(
    x: NDArray[np.float32], y: NDArray[np.float32], frames: int, side_nm: float = 250.0, times: float = 20.0
) -> NDArray[np.bool_]:
    """(n,) localizations of places seen in a tenth of the frames or more, and far more often than typical ones."""
    column, row = (np.floor((axis - axis.min()) * np.float32(1 / side_nm)).astype(np.int64) for axis in (x, y))
    place = row * (column.max() + 1) + column
    count = np.bincount(place)
    most = max(times * float(np.median(count[count > 0])), frames / 10, 100.0)
    if count.max() <= most:
        return np.zeros(len(x), bool)
    return count[place] > most


def _mean(first: Sharpness, second: Sharpness) -> Sharpness:
    return Sharpness(None, (first.detail + second.detail) / 2, float(np.hypot(first.error, second.error)) / 2)


def _rms(shift: NDArray[np.float64]) -> float:
    return float(np.sqrt(sum(column.var() for column in shift.T)))


@dataclass(frozen=True)
class _Found:
    """A drift: its name in messages, root mean square and expected error (nm), frames that coincide with no others."""

    name: str
    size: float
    residual: float | None
    lost: str


def _decide(before: Sharpness, after: Sharpness, found: _Found) -> tuple[str, str | None]:
    """A verdict, and a warning to go with it."""
    gain, noise = after.detail - before.detail, 3 * float(np.hypot(before.error, after.error))
    seen = f"a {found.name} of {found.size:.0f} nm was found"
    if gain < -noise:
        return "worse", f"{seen}, but correcting it blurs the image"
    if gain > noise:
        unsure = f"frames {found.lost} share little structure with the others; their drift may be wrong"
        return "corrected", unsure if found.lost else None
    if found.lost or after.detail < 3 * after.error:
        return "failed", f"structure not reproducible over time; {found.name} cannot be estimated"
    if found.size > max(5.0, 2 * (found.residual or 0.0)):
        return "failed", f"{seen}, but correcting it does not sharpen the image"
    return "no drift", None


def sharpness(x: NDArray[np.float32], y: NDArray[np.float32], frame: NDArray[np.uint32]) -> Sharpness:
    """Fourier ring correlation of images of alternate blocks of frames.

    Parameters
    ----------
    x, y : (n,) float32
        Positions, nm.
    frame : (n,) uint32
        Frames, from 0.

    Returns
    -------
    Sharpness

    Notes
    -----
    Nieuwenhuizen et al., Nature Methods 10, 557 (2013), threshold 1/7. The halves are blocks of up to 50 frames, not
    single ones: an emitter that stays on in the next frame would correlate whatever the drift. Other than for the
    resolution of a sample (`ainu.quality.frc`), the whole field counts, folded onto a torus, which samples its spectrum
    more coarsely and leaves the expected correlation as it is; and the correlation is not weighted at the borders.
    """
    block = int(np.clip(int(frame.max()) // 400, 1, 50))
    cells = 192 if len(x) < 100_000 else 512
    half = ((frame // np.uint32(block)) & 1).astype(np.int32)
    column, row = (np.floor(axis * np.float32(1 / PIXEL_NM)).astype(np.int32) % np.int32(cells) for axis in (x, y))
    ring = np.arange(4, cells // 2)
    correlation = ring_sums(half_images(half, row, column, cells)).correlation[ring]
    detail_nm = PIXEL_NM * cells / ring
    chosen = (detail_nm >= BAND_NM[0]) & (detail_nm <= BAND_NM[1])
    variance = (1 - correlation**2) ** 2 / ring_sizes(cells)[ring]
    error = float(np.sqrt(variance[chosen].sum()) / chosen.sum())
    return Sharpness(_resolution(correlation, detail_nm), float(correlation[chosen].mean()), error)


def _resolution(correlation: NDArray[np.float64], detail_nm: NDArray[np.float64], wide: int = 7) -> float | None:
    smooth = np.convolve(np.pad(correlation, wide // 2, mode="edge"), np.full(wide, 1 / wide), mode="valid")
    below = np.flatnonzero(smooth < THRESHOLD)
    if not len(below):
        return float(detail_nm[-1])
    return float(detail_nm[below[0]]) if below[0] > 0 else None
