"""What the config says of nuclei."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float | None, float | None]
"""Lowest and highest value, None for no limit."""


@dataclass(frozen=True)
class NucleiSettings:
    """Where the nuclei are: the config's `nuclei`.

    Attributes
    ----------
    method : str
        "density", "roi", "labels", "column" or "whole".
    channel : str, optional
        Channel whose density shows the nucleus; None: all channels together.
    column : str, optional
        Method column: the table's column that holds the segmentation.
    roi_pixel_nm : float, optional
        Methods roi and labels: pixel of the image that was drawn on, nm; None: the sheet's.
    pixel_nm, smooth_nm : float
        Pixel of the density image and its smoothing (standard deviation), nm.
    area_um2, solidity, roundness : Range
        Area, area over that of the convex hull, and 4 pi area / perimeter².
    border : str
        "keep" or "drop" nuclei that the field's edge cuts.
    min_localizations : int
        Fewest localizations of a nucleus.
    """

    method: str
    channel: str | None
    column: str | None
    roi_pixel_nm: float | None
    pixel_nm: float
    smooth_nm: float
    area_um2: Range
    solidity: Range
    roundness: Range
    border: str
    min_localizations: int
