"""Units of length that files use."""

import numpy as np

from ainu.errors import AinuError

LENGTHS = {"nm": 1.0, "um": 1000.0, "µm": 1000.0, "μm": 1000.0, "px": None}
"""Unit -> nm (micro sign and Greek mu are different characters); px is as long as the camera's pixel."""

LENGTH_COLUMNS = ("x", "y", "z", "precision", "sigma")
"""Canonical columns that hold a length."""


def nm_per_unit(unit: str, pixel_size_nm: float | None, what: str) -> float:
    """Length of a unit in nm.

    Parameters
    ----------
    unit : str
        A key of `LENGTHS`.
    pixel_size_nm : float, optional
        Camera pixel.
    what : str
        How the message begins, such as "a.csv: column 'x' is".

    Returns
    -------
    float
        In nm.

    Raises
    ------
    AinuError
        Unknown unit, or px without a pixel size; the message starts with `what`.
    """
    if unit not in LENGTHS:
        raise AinuError(f"{what} in {unit or 'no unit'!r}; known are: nm, um, px")
    known = LENGTHS[unit]
    return need_pixel_size(pixel_size_nm, what) if known is None else known


def need_pixel_size(pixel_size_nm: float | None, what: str) -> float:
    """The camera pixel, where a file cannot be read or written without it.

    Parameters
    ----------
    pixel_size_nm : float, optional
        Camera pixel, if it is known.
    what : str
        How the message begins, such as "a.bin: Insight3 positions are".

    Returns
    -------
    float
        In nm.

    Raises
    ------
    AinuError
        It is not known, or no length; the message explains where to set it.
    """
    if pixel_size_nm is None:
        raise AinuError(
            f"{what} in camera pixels: set pixel_size_nm in the sample sheet or ingest.pixel_size_nm in the config"
        )
    if not np.isfinite(pixel_size_nm) or pixel_size_nm <= 0:
        raise AinuError(f"pixel_size_nm is {pixel_size_nm}; it is a length above 0, in nm")
    return float(pixel_size_nm)
