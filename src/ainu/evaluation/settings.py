"""Settings of audits. This module imports no others, so that settings can be checked without them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AuditSettings:
    """Audits of an experiment: the section `audit` of the config.

    Attributes
    ----------
    networks : tuple of str
        Control networks that are trained on the same folds: "equal_counts", "merged_blinks", "outline".
    network : str, optional
        Architecture of the control networks; None takes the experiment's own.
    baseline_permutations : int
        How often the cheap classifiers are trained on permuted labels.
    network_permutations : int
        How often the control network is trained on permuted labels, all folds of the first repeat each time.
    resolution : tuple of float
        Jitters (nm) at which hand-made features are measured and classified anew; none makes no resolution audit.
    resolution_networks : bool
        Whether the control network is trained anew at every level, too.
    """

    networks: tuple[str, ...]
    network: str | None
    baseline_permutations: int
    network_permutations: int
    resolution: tuple[float, ...]
    resolution_networks: bool
