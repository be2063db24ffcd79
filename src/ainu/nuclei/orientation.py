"""Position and orientation of a nucleus, from its localizations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pose:
    """Position and orientation of a nucleus.

    Attributes
    ----------
    x_nm, y_nm : float
        Centroid, nm.
    angle_rad : float
        Angle of the long axis to the x axis, radians.
    """

    x_nm: float
    y_nm: float
    angle_rad: float = 0.0

    @classmethod
    def of(cls, x: NDArray[Any], y: NDArray[Any], *, aligned: bool = True) -> Pose:
        """The pose of a nucleus.

        The long axis is the first principal axis; it points to the side of the longer tail, so that the pose of a
        rotated nucleus is rotated as well.

        Parameters
        ----------
        x, y : (n,) float32
            Localizations of the nucleus, nm.
        aligned : bool
            Whether to find the long axis; else the angle is 0.

        Returns
        -------
        Pose
        """
        centre = float(x.mean(dtype=np.float64)), float(y.mean(dtype=np.float64))
        if not aligned or len(x) < 2:
            return cls(*centre)
        u, v = x - centre[0], y - centre[1]
        angle = 0.5 * np.arctan2(2 * np.mean(u * v, dtype=np.float64), np.mean(u * u - v * v, dtype=np.float64))
        tail = np.mean((u * np.cos(angle) + v * np.sin(angle)).astype(np.float64) ** 3)
        return cls(*centre, float(angle if tail >= 0 else angle + np.pi))

    def relative(self, x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Positions (n,) and (n,), nm, relative to the centroid, along the long axis and across it."""
        u, v = x - np.float32(self.x_nm), y - np.float32(self.y_nm)
        if not self.angle_rad:
            return u, v
        c, s = np.float32(np.cos(self.angle_rad)), np.float32(np.sin(self.angle_rad))
        return u * c + v * s, v * c - u * s

    def turned(self, position: NDArray[np.float32]) -> NDArray[np.float32]:
        """Positions (m, 2 or 3) from the centroid, nm, along the long axis and across it; z stays."""
        if not self.angle_rad:
            return position
        plane = Pose(0.0, 0.0, self.angle_rad).relative(position[:, 0], position[:, 1])
        return np.stack([*plane, *position.T[2:]], axis=1)

    def reach_nm(self, x: NDArray[Any], y: NDArray[Any]) -> float:
        """Half the edge, nm, of the square, centred and aligned like the pose, that holds all (n,) positions."""
        u, v = self.relative(x, y)
        return float(max(np.abs(u).max(initial=0), np.abs(v).max(initial=0)))
