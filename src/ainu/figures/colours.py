"""Colours of classes, counts, shares and signed values, and the limits of their scales.

Sequential data are drawn in cividis or magma, classes in the colours of Okabe and Ito (2008, "Color universal
design"), signed attribution from orange (against) to purple (for): they are distinct in any colour vision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASS_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Okabe and Ito's colours, those that stand out on white first; more classes start again."""
MARKERS = "os^Dv<>P*X"
"""Shapes of points where colours run out."""
COUNTS = "magma"
SHARES = "cividis"
SIGNED = "PuOr"


def class_colour(index: int) -> str:
    """The colour of a class by its place in the experiment's `classes`."""
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def signed_limit(values: NDArray[np.floating]) -> float:
    """Symmetric limit of a signed colour scale: the 99.5th percentile of the absolute values (...), never 0."""
    limit = float(np.percentile(np.abs(values), 99.5))
    return limit if np.isfinite(limit) and limit > 0 else float(np.nanmax(np.abs(values), initial=0.0)) or 1.0


def count_limit(counts: NDArray[Any]) -> float:
    """Upper limit of a colour scale of counts: the 99.5th percentile of those (...) above 0, at least 1."""
    filled = counts[counts > 0]
    return max(1.0, float(np.percentile(filled, 99.5))) if filled.size else 1.0
