"""Nuclei outlined by hand or labelled on an image: ImageJ ROIs and label images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError


@dataclass(frozen=True)
class Drawn:
    """Nuclei that were drawn by hand or labelled on an image.

    Attributes
    ----------
    rois : sequence of (m, 2) float
        Outlines, nm.
    labels : (Y, X) int and float, optional
        Label image (0 outside; its corner is the origin of the positions), and its pixel in nm.

    Outlines and the corner of the image are absolute, as other programs count.
    """

    rois: Sequence[NDArray[Any]] = ()
    labels: tuple[NDArray[Any], float] | None = None


NOT_DRAWN = Drawn()


def read_drawn(method: str, path: str, pixel_nm: float) -> Drawn:
    """Read nuclei that were drawn by hand or labelled on an image.

    Parameters
    ----------
    method : str
        "labels": a label image; else ImageJ ROIs.
    path : path
        Of the file.
    pixel_nm : float
        Pixel of the image, nm.

    Returns
    -------
    Drawn
    """
    if method == "labels":
        return Drawn(labels=read_label_image(path, pixel_nm))
    return Drawn(rois=read_rois(path, pixel_nm))


def read_rois(path: str | Path, pixel_nm: float) -> list[NDArray[np.float64]]:
    """Read outlines that were drawn in ImageJ.

    Parameters
    ----------
    path : path
        A `.roi` file or a `.zip` of them.
    pixel_nm : float
        Pixel of the image that was drawn on, nm.

    Returns
    -------
    list of (m, 2) float64
        Outlines (x, y), nm.

    Raises
    ------
    AinuError
        The pixel is unknown (0), or the file is no ROI.
    """
    import roifile

    if not pixel_nm > 0:
        raise AinuError(f"{path}: the pixel of the image it was drawn on is unknown; set nuclei.roi_pixel_nm")
    try:
        read = roifile.roiread(path)
    except Exception as error:
        raise AinuError(f"{path}: cannot be read as ImageJ ROI ({error})") from None
    rois = read if isinstance(read, list) else [read]
    outlines = [np.asarray(roi.coordinates(), np.float64) * pixel_nm for roi in rois]
    return [outline for outline in outlines if len(outline) > 2]


def read_label_image(path: str | Path, pixel_nm: float) -> tuple[NDArray[np.int64], float]:
    """Read a label image.

    Parameters
    ----------
    path : path
        A TIFF of whole numbers, 0 outside.
    pixel_nm : float
        Its pixel, nm.

    Returns
    -------
    (Y, X) int64, float
        Nuclei from 1 in the order of their numbers, 0 outside; and the pixel, nm.

    Raises
    ------
    AinuError
        The pixel is unknown (0), or the file is no such image.
    """
    import tifffile

    if not pixel_nm > 0:
        raise AinuError(f"{path}: the pixel of the label image is unknown; set nuclei.roi_pixel_nm")
    try:
        image = np.squeeze(tifffile.imread(path))
    except Exception as error:
        raise AinuError(f"{path}: cannot be read as TIFF ({error})") from None
    if image.ndim != 2 or image.dtype.kind not in "uib" or image.min(initial=0) < 0:
        raise AinuError(
            f"{path}: found an image of shape {image.shape} and type {image.dtype}; allowed: one plane of whole "
            "numbers from 0 (outside)"
        )
    # Nuclei may have any numbers; they are replaced by consecutive ones.
    small = np.unique(np.append(0, image), return_inverse=True)[1][1:]
    return small.reshape(image.shape).astype(np.int64), pixel_nm
