"""What the network of one view sees. This module needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
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


def named(networks: Mapping[str, str]) -> str:
    """Architecture of the networks of views, of each view where they differ.

    Parameters
    ----------
    networks : mapping of str to str
        Architecture by view.

    Returns
    -------
    str
    """
    parts = [f"{network} for {view}" for view, network in networks.items()]
    return next(iter(networks.values())) if len(set(networks.values())) == 1 else " and ".join(parts)
