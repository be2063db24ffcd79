"""Settings of the stage `nuclei`."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float | None, float | None]
"""Lowest and highest value, both inclusive; None for no limit."""


@dataclass(frozen=True)
class SearchSettings:
    """How nuclei are found in the localizations of a sample.

    Attributes
    ----------
    method : str
        "density": from the density of localizations; "roi": from drawn outlines; "labels": from a label image;
        "column": from a column of the table; "whole": the field is one nucleus.
    channel : str, optional
        Channel whose density shows the nuclei; None: all channels together.
    column : str, optional
        Method column: the name of the column.
    pixel_nm : float
        Pixel of the density image and of the label image that is found, nm.
    smooth_nm : float
        Standard deviation of the smoothing of the density image, nm.
    area_um2, solidity, roundness : (lowest, highest)
        Limits of the area (µm²), of the area over that of the convex hull, and of 4 pi area / perimeter².
    border : str
        "keep" or "drop" nuclei that the edge of the field cuts.
    min_localizations : int
        Fewest localizations of a nucleus.
    """

    method: str
    channel: str | None
    column: str | None
    pixel_nm: float
    smooth_nm: float
    area_um2: Range
    solidity: Range
    roundness: Range
    border: str
    min_localizations: int


@dataclass(frozen=True)
class NucleiSettings(SearchSettings):
    """How nuclei are found (`nuclei` in the config): as in `SearchSettings`, and the pixel of drawn outlines.

    Attributes
    ----------
    roi_pixel_nm : float, optional
        Methods roi and labels: pixel of the image that was drawn on or labelled, nm; None: the sheet's.
    """

    roi_pixel_nm: float | None
