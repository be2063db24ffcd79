"""What the config says of audits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AuditSettings:
    """What else than the arrangement of the molecules could explain the result: the config's `audit`.

    Attributes
    ----------
    networks : tuple of str
        Control networks to train: "equal_counts", "outline".
    network : str, optional
        Their architecture; None: the experiment's own.
    baseline_permutations, network_permutations : int
        How often the cheap classifiers, and the control network, are trained on permuted labels.
    """

    networks: tuple[str, ...]
    network: str | None
    baseline_permutations: int
    network_permutations: int
