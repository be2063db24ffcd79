"""A loss of resolution: localizations moved at random, or seen through a light microscope. Imports no dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIGHT = "light"
"""Name of the light microscope among the levels of blur."""
LIGHT_NM, LIGHT_Z_NM, LIGHT_PIXEL_NM = 110.0, 300.0, 100.0
"""Its point spread function (sd, a FWHM of 260 nm along x and y and some 700 nm along z) and its pixels."""
CONTROL = "blur_"
"""Before the name of a level: a control network trained there."""
BLUR_SEED = 0xB1
"""Keeps the draws of blurring apart from others."""


@dataclass(frozen=True)
class Blur:
    """A loss of resolution.

    Attributes
    ----------
    name : str
        "0", "50" (nm) or `LIGHT`.
    sd_nm, sd_z_nm : float
        Standard deviation of a random shift of each localization, along x and y, and along z.
    pixel_nm : float, optional
        Positions end in the middle of pixels of this edge; None leaves them where they are.
    """

    name: str
    sd_nm: float
    sd_z_nm: float
    pixel_nm: float | None = None

    @classmethod
    def jitter(cls, nm: float) -> Blur:
        """Each localization moved by a normal deviate of this standard deviation along each axis."""
        return cls(f"{nm:g}", float(nm), float(nm))

    @classmethod
    def light(cls) -> Blur:
        """The light microscope."""
        return cls(LIGHT, LIGHT_NM, LIGHT_Z_NM, LIGHT_PIXEL_NM)

    @property
    def control(self) -> str:
        """Name of the control network that is trained at this level."""
        return f"{CONTROL}{self.name}"

    @classmethod
    def of_control(cls, control: str) -> Blur:
        """The level at which a control network of this name is trained."""
        name = control.removeprefix(CONTROL)
        return cls.light() if name == LIGHT else cls.jitter(float(name))

    def moved(
        self, position: NDArray[np.floating], rng: np.random.Generator, corner_nm: Sequence[float] = (0.0, 0.0)
    ) -> NDArray[np.float32]:
        """Positions after the loss.

        Parameters
        ----------
        position : (m, 2 or 3) float
            x, y and z, nm.
        rng : Generator
            Draws the shifts.
        corner_nm : (2,) float
            x and y of a corner of a pixel.

        Returns
        -------
        (m, 2 or 3) float32
        """
        if self.sd_nm == 0:
            return np.asarray(position, np.float32)
        spread = np.array([self.sd_nm, self.sd_nm, self.sd_z_nm][: position.shape[1]])
        found = position + rng.standard_normal(position.shape) * spread
        if self.pixel_nm is not None:
            corner = np.asarray(corner_nm, np.float64)
            found[:, :2] = (np.floor((found[:, :2] - corner) / self.pixel_nm) + 0.5) * self.pixel_nm + corner
        return found.astype(np.float32)


def levels_of_blur(levels_nm: Sequence[float]) -> list[Blur]:
    """The levels of an audit: no blur, the given jitters from the smallest on, and the light microscope last."""
    return [*(Blur.jitter(nm) for nm in sorted({0.0, *map(float, levels_nm)})), Blur.light()]
