"""What the config says of images. This module needs no torch, so that settings can be checked without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class Augmentation:
    """How nuclei are changed at random, anew in every epoch.

    Attributes
    ----------
    level : str
        "localizations": they are moved and dropped, then binned, so that no interpolation blurs what was measured;
        "voxels": the image is moved.
    flip : bool
        Mirror with probability one half.
    rotate : str
        By "any" angle, by "right" angles, "none".
    shift_nm : float
        Move by up to so much along each axis.
    thin : float
        Drop a share of the localizations, drawn between 0 and this for every nucleus.
    jitter : float
        Move each localization by a normal of so many times its own precision (level localizations).
    drop_background : float
        Drop a share of the localizations in thinly populated places, drawn between 0 and this for every nucleus
        (level localizations).
    test_time : int
        Augmented copies whose predictions are averaged when predicting; 0 predicts from the nucleus as it is.
    """

    level: str = "voxels"
    flip: bool = True
    rotate: str = "any"
    shift_nm: float = 0.0
    thin: float = 0.0
    jitter: float = 0.0
    drop_background: float = 0.0
    test_time: int = 0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Augmentation:
        """From an experiment's settings."""
        return cls(**{field.name: settings[field.name] for field in fields(cls) if field.name in settings})

    @property
    def moves(self) -> bool:
        """Whether it moves anything but single localizations."""
        return self.flip or self.rotate != "none" or self.shift_nm > 0

    @property
    def of_copies(self) -> Augmentation:
        """What makes the copies over which a prediction is averaged.

        Images are turned by right angles only: interpolation smooths them, and a network whose batch normalisation
        knows unsmoothed nuclei is far off on smoothed ones. Localizations can be turned by any angle.
        """
        if self.level != "voxels":
            return self
        return replace(self, rotate="none" if self.rotate == "none" else "right", shift_nm=0.0)
