"""Settings of images. Nothing slow is imported here, so that settings are checked fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ainu.errors import AinuError
from ainu.nuclei.orientation import Pose

if TYPE_CHECKING:
    from ainu.localizations.table import Localizations

FITTED = "fitted"


@dataclass(frozen=True)
class Render:
    """How localizations become voxels: an entry of the config's `renders`.

    Attributes
    ----------
    voxel_nm, canvas_nm : float, float or "fitted"
        Edge of a voxel and of the square canvas, nm. A fitted canvas holds every nucleus of the run; `fit_canvas`
        measures it.
    kernel : str
        "count": localizations per voxel; "gaussian": each localization spread by its precision, 1 in total.
    dimensions : int
        2, or 3: a stack of planes.
    voxel_z_nm, depth_nm : float, optional
        Height of a voxel and of the canvas, nm, for 3 dimensions.
    align : str
        "none", or "long_axis": the nucleus is turned so that its long axis lies along x.
    precision_nm : float, optional
        What the kernel "gaussian" takes for localizations without a precision, nm.
    """

    voxel_nm: float
    canvas_nm: float | str
    kernel: str = "count"
    dimensions: int = 2
    voxel_z_nm: float | None = None
    depth_nm: float | None = None
    align: str = "none"
    precision_nm: float | None = None

    @property
    def pixels(self) -> int:
        """Voxels along an edge of the canvas.

        Raises
        ------
        AinuError
            The canvas is to be fitted and has not been measured.
        """
        if isinstance(self.canvas_nm, str):
            raise AinuError("canvas_nm: 'fitted' has to be measured first (ainu.images.render.fit_canvas)")
        return round(self.canvas_nm / self.voxel_nm)

    @property
    def planes(self) -> int:
        """Voxels along z; 1 in 2 dimensions.

        Raises
        ------
        AinuError
            `voxel_z_nm` or `depth_nm` is missing in 3 dimensions.
        """
        if self.dimensions == 2:
            return 1
        if not self.voxel_z_nm or not self.depth_nm:
            raise AinuError("a render in 3 dimensions needs voxel_z_nm and depth_nm")
        return round(self.depth_nm / self.voxel_z_nm)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels of a channel: (Y, X) or (Z, Y, X)."""
        n = self.pixels
        return (n, n) if self.dimensions == 2 else (self.planes, n, n)

    @property
    def dtype(self) -> type:
        """Of the images: uint16 for counts, float32 for densities."""
        return np.uint16 if self.kernel == "count" else np.float32

    def pose(self, localizations: Localizations) -> Pose:
        """Where the canvas of a nucleus lies, and how it is turned."""
        return Pose.of(localizations.x, localizations.y, aligned=self.align == "long_axis")
