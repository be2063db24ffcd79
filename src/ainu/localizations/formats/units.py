"""Units of length that files use."""

from ainu.errors import AinuError
from ainu.localizations.formats.raw import need_pixel_size

LENGTHS = {"nm": 1.0, "um": 1000.0, "µm": 1000.0, "μm": 1000.0, "px": None}
"""Unit -> nm (micro sign and Greek mu are different characters); px is as long as the camera's pixel."""


def nm_per_unit(unit: str, pixel_size_nm: float | None, what: str) -> float:
    """Length of a unit in nm.

    Raises
    ------
    AinuError
        Unknown unit, or px without a pixel size; the message starts with `what`.
    """
    if unit not in LENGTHS:
        raise AinuError(f"{what} in {unit or 'no unit'!r}; known are: nm, um, px")
    known = LENGTHS[unit]
    return need_pixel_size(pixel_size_nm, what) if known is None else known
