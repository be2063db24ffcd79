"""The peak of a correlation to a fraction of a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def parabola_vertex(left: Any, middle: Any, right: Any, *, otherwise: ArrayLike = 0.0) -> NDArray[Any]:
    """Place of the maximum of the parabola through three values.

    Parameters
    ----------
    left, middle, right : (n,) float, or numbers
        Values at -1, 0 and 1.
    otherwise : (n,) float, or a number
        What to take where the values have no maximum, as at the border of a correlation.

    Returns
    -------
    (n,) float
        -1 to 1, of the precision of the values.
    """
    curvature = left - 2 * middle + right
    peaked = curvature < 0
    return np.where(peaked, np.clip(0.5 * (left - right) / np.where(peaked, curvature, -1), -1, 1), otherwise)
