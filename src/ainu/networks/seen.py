"""What the network of one view sees. This module needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

DETAIL, CONTEXT, IMAGE = "detail", "context", "image"
"""Views: crops at the nanoscale, the whole nucleus beside them, and the whole nucleus alone."""


@dataclass(frozen=True)
class Seen:
    """What the network of one view sees.

    Attributes
    ----------
    view : str
        "detail", "context" or "image".
    shape : tuple of int
        (Y, X) or (Z, Y, X) voxels.
    voxel_nm : float
        Edge of a voxel.
    voxel_z_nm : float, optional
        Its height, for stacks.
    """

    view: str
    shape: tuple[int, ...]
    voxel_nm: float
    voxel_z_nm: float | None = None
