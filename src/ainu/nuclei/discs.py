"""Masks opened and closed by discs, by distances to their edges: as fast for a large disc as for a small one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


def closed(mask: Mask, radius_px: float) -> Mask:
    """The mask (Y, X) with gaps up to twice the radius closed by a disc; outside the image it is empty."""
    edge = int(np.ceil(radius_px)) + 1
    near = ndimage.distance_transform_edt(~np.pad(mask, edge)) <= radius_px
    return (ndimage.distance_transform_edt(near) > radius_px)[edge:-edge, edge:-edge] | mask


def opened(mask: Mask, radius_px: float) -> Mask:
    """The part of the mask (Y, X) that a disc of the radius can cover without leaving it."""
    core = ndimage.distance_transform_edt(np.pad(mask, 1)) > radius_px
    return (ndimage.distance_transform_edt(~core) <= radius_px)[1:-1, 1:-1] & mask if core.any() else core[1:-1, 1:-1]
