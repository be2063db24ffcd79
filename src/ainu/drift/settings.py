"""Settings of the stage `drift`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DriftSettings:
    """How the drift of an acquisition is measured (`drift` in the config).

    Attributes
    ----------
    method : str
        "aim": adaptive intersection maximization; "rcc": redundant cross-correlation; "fiducial"; "none": no drift is
        measured.
    segment_frames : int
        Method rcc: frames per segment that is correlated.
    pixel_nm : float
        Method rcc: pixel of the correlated images, nm.
    positions_nm : tuple of (x, y), optional
        Method fiducial: places in the first frames, nm; None: picked automatically.
    radius_nm : float
        Method fiducial: how far from its place a fiducial's localizations may lie, nm.
    presence : float
        Method fiducial: share of the frames in which an emitter has to appear to be picked.
    """

    method: str
    segment_frames: int
    pixel_nm: float
    positions_nm: tuple[tuple[float, float], ...] | None
    radius_nm: float
    presence: float
