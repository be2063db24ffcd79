"""Settings of attribution. This module needs no torch, so that settings can be checked without it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NucleoliSettings:
    """How nucleoli are recognised.

    Attributes
    ----------
    channel : str, optional
        In which channel; None: the last one.
    look : str
        "poor", they are emptier than the rest of the nucleus (DNA, H3, Pol II where it spares them), or "rich".
    contrast : float
        Poor: less than this share of the median density; rich: more than its inverse.
    smooth_nm : float
        Standard deviation of the Gaussian that smooths the density, nm.
    radius_nm : float
        Narrower places are not nucleoli, nm.
    area_um2 : float
        Smaller places are not nucleoli, µm².
    """

    channel: str | None
    look: str
    contrast: float
    smooth_nm: float
    radius_nm: float
    area_um2: float


@dataclass(frozen=True)
class MapSettings:
    """How attribution maps are computed.

    Attributes
    ----------
    steps : int
        Points of the integral of integrated gradients.
    samples : int
        Noisy copies of SmoothGrad and of gradient SHAP.
    noise : float
        Standard deviation of the noise of SmoothGrad, as a share of the range of an image.
    window_nm : float
        Edge of the window that occlusion moves over the image, by half of it at a time, nm.
    memory_gb : float
        Memory for the activations of the images that are explained at a time, GB.
    """

    steps: int
    samples: int
    noise: float
    window_nm: float
    memory_gb: float


@dataclass(frozen=True)
class AttributionSettings(MapSettings):
    """Attribution of an experiment: the section `attribution` of the config.

    Attributes
    ----------
    methods : tuple of str
        Names of the catalogue, as `catalogue.chosen_methods` gives them.
    threads : int
        CPU threads of an attribution job.
    detail_nuclei : int or "all"
        Nuclei whose detail is explained, localization by localization.
    sanity_nuclei : int
        Nuclei on which the methods are checked; 0: they are not checked.
    nucleoli : NucleoliSettings
    rim_nm : float
        What lies closer to the outline of the nucleus is the rim, nm.
    top : float
        Share of a nucleus's localizations, those of highest attribution, that is tested for clustering.
    gather_nm : float
        Largest distance of a pair of these, nm.
    localizations : tuple of str
        Formats of the localizations with their attribution: "picasso", "thunderstorm".
    """

    methods: tuple[str, ...]
    threads: int
    detail_nuclei: int | str
    sanity_nuclei: int
    nucleoli: NucleoliSettings
    rim_nm: float
    top: float
    gather_nm: float
    localizations: tuple[str, ...]
