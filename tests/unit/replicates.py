"""Tables of nuclei by replicate and class, and the best that an exhaustive search can make of them."""

import itertools
from fractions import Fraction

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st


def nuclei(counts, classes="ABCDEFG"):
    """One row per nucleus from (replicates, classes) numbers of nuclei."""
    rows = [
        (f"s{replicate}{label}/{k}", f"s{replicate}{label}", f"r{replicate:03d}", label)
        for replicate, row in enumerate(counts)
        for label, number in zip(classes, row, strict=False)
        for k in range(number)
    ]
    return pd.DataFrame(rows, columns=["nucleus", "sample", "replicate", "label"])


def by_exhaustion(counts, targets):
    """The best (largest deviation, sum) over all ways to part the replicates so that each part has each class."""
    counts = np.array(counts)[:, np.sum(counts, axis=0) > 0]
    totals, best = counts.sum(axis=0).tolist(), None
    for parts in itertools.product(range(len(targets)), repeat=len(counts)):
        held = [counts[np.array(parts) == part].sum(axis=0).tolist() for part in range(len(targets))]
        if all(all(row) for row in held):
            pairs = ((row, target) for row, target in zip(held, targets, strict=True))
            off = [abs(Fraction(n, total) - t) for row, t in pairs for n, total in zip(row, totals, strict=True)]
            best = min(filter(None, [best, (max(off), sum(off))]))
    return best


small = st.integers(1, 3).flatmap(
    lambda classes: st.lists(
        st.lists(st.integers(0, 6), min_size=classes, max_size=classes).filter(any), min_size=3, max_size=6
    )
)
unhurried = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
