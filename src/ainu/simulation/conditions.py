"""Cell states that can be simulated, and what sets them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ainu.errors import AinuError

CHOICES = {
    "cluster_shape": ("blob", "ring", "rod"),
    "altered_where": ("none", "random", "disc", "half"),
    "blinking": ("poisson", "geometric"),
}
"""Setting of a condition -> what it may be."""


@dataclass(frozen=True)
class Condition:
    """What a simulated cell state looks like; lengths in nm.

    Attributes
    ----------
    nucleolar_share : float
        Share of the Pol II molecules that lie inside the nucleoli: the planted difference.
    axes_nm, axes_sd_nm : pair of float, float
        Semi-axes of the nucleus and their spread.
    nucleoli : pair of int
        Fewest and most nucleoli.
    nucleolus_nm : pair of float
        Smallest and largest radius of a nucleolus.
    clutches, clutch_emitters, clutch_nm : int, float, float
        Chromatin clutches per nucleus, mean emitters in one, its spread (sd).
    rim_excess : float
        How much denser clutches are at the rim than inside.
    clusters, cluster_emitters, cluster_nm : int, float, float
        The same for Pol II clusters.
    single_share : float
        Share of the Pol II molecules outside clusters.
    blinks, blink_frames : float
        Mean number of blinks of an emitter, mean frames of one.
    photons, background : float
        Mean photons of a localization above the detection limit, mean background per pixel.
    sigma_nm : float
        Width of the point spread function.
    frames : int
        Length of the acquisition.
    drift_nm : float
        Typical drift of the field by the end of the acquisition.
    false_share : float
        Share of false localizations, spread over the field.
    labelling_sd : float
        Spread (of the logarithm) of the labelling efficiency between replicates and between nuclei.
    nuclei : int
        Nuclei in a field.
    gap_nm : float, optional
        Each nucleus lies this far from its nearest neighbour (0: they touch); None: well apart.
    depth_nm : float
        Depth of the optical section in which localizations have a z, as by astigmatism; nuclei and nucleoli pass
        through all of it. 0: no z.
    cluster_shape : str
        Pol II clusters are a "blob" (Gaussian), a "ring" or a "rod", all of the same spread `cluster_nm` along x and y.
    altered_where : str
        Which Pol II clusters have the spread `altered_nm` in place of `cluster_nm`: "none", a "random" share of each
        nucleus, those in a "disc" or beyond a line ("half") that holds this share of its area.
    altered_share, altered_nm : float
        The share, and the spread.
    labelled_share : float
        Share of the emitters that carry a dye that blinks.
    blinking : str
        Blinks after the first follow a law: "poisson", or "geometric" where each may be the last (dyes bleach).
    dark_frames : float, optional
        Mean frames that an emitter is dark between blinks; None: it blinks at any time of the acquisition.
    least_photons : float
        Detection limit, photons.
    sequential : bool
        Channels are recorded one after the other, in equal parts of the frames; otherwise all at a time.
    sequential_share : float
        Share of the fields of a sheet for which that is so (every other one at 0.5), where `sequential` is not set.
    nucleolar_share_sd, cluster_sd : float
        How much the nucleolar share and the spread of Pol II clusters vary between nuclei (sd of the logarithm).
    bite_nm : float
        Radius of a bite that is missing from the side of the nucleus, which makes a bean of it. 0: none.
    """

    nucleolar_share: float = 0.03
    axes_nm: tuple[float, float] = (5000.0, 4100.0)
    axes_sd_nm: float = 250.0
    nucleoli: tuple[int, int] = (2, 3)
    nucleolus_nm: tuple[float, float] = (800.0, 1200.0)
    clutches: int = 420
    clutch_emitters: float = 6.0
    clutch_nm: float = 45.0
    rim_excess: float = 2.0
    clusters: int = 240
    cluster_emitters: float = 5.0
    cluster_nm: float = 50.0
    single_share: float = 0.35
    blinks: float = 2.0
    blink_frames: float = 1.5
    photons: float = 1500.0
    background: float = 20.0
    sigma_nm: float = 130.0
    frames: int = 4000
    drift_nm: float = 200.0
    false_share: float = 0.04
    labelling_sd: float = 0.2
    nuclei: int = 1
    gap_nm: float | None = None
    depth_nm: float = 0.0
    cluster_shape: str = "blob"
    altered_where: str = "none"
    altered_share: float = 0.0
    altered_nm: float = 0.0
    labelled_share: float = 1.0
    blinking: str = "poisson"
    dark_frames: float | None = None
    least_photons: float = 200.0
    sequential: bool = False
    sequential_share: float = 0.0
    nucleolar_share_sd: float = 0.0
    cluster_sd: float = 0.0
    bite_nm: float = 0.0

    def __post_init__(self) -> None:
        for key, allowed in CHOICES.items():
            if getattr(self, key) not in allowed:
                raise AinuError(f"simulation: {key} {getattr(self, key)!r}; allowed: {', '.join(allowed)}")

    @property
    def axes(self) -> int:
        """Axes in which molecules are localized: 2 or 3."""
        return 3 if self.depth_nm else 2


CONDITIONS = {
    "somatic": Condition(),
    "hiPSC": Condition(nucleolar_share=0.3),
    "mock": Condition(),
    "HSV-1": Condition(rim_excess=5.0, clusters=86, cluster_emitters=14.0, cluster_nm=90.0),
}
"""Conditions that `simulate` knows by name; others are given as a `Condition`.

Infected by HSV-1, the host's chromatin lies at the rim, and Pol II gathers in fewer, larger places (McSwiggen et al.,
eLife 2019), at the same number of molecules.
"""


def conditions(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Condition]:
    """The known conditions, changed or added to by plain settings.

    Parameters
    ----------
    settings : mapping
        Name of a condition -> attributes of `Condition` that differ (resources/simulation.yaml).

    Returns
    -------
    dict of str to Condition

    Raises
    ------
    AinuError
        `Condition` has no such attribute.
    """
    known = {entry.name for entry in fields(Condition)}
    for name, values in settings.items():
        for key in values:
            if key not in known:
                raise AinuError(f"simulation of {name!r}: unknown setting {key!r}; allowed: {', '.join(sorted(known))}")
    changed = {name: replace(CONDITIONS.get(name, Condition()), **values) for name, values in settings.items()}
    return CONDITIONS | changed
