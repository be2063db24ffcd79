"""Settings that a report describes. This module needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ainu.attribution.settings import AttributionSettings
from ainu.drift.settings import DriftSettings
from ainu.images.augmentation import Augmentation
from ainu.images.settings import Render
from ainu.networks.seen import ViewSettings, named
from ainu.nuclei.settings import NucleiSettings
from ainu.quality.settings import QualitySettings
from ainu.training.recipe import Recipe
from ainu.typed import typed


@dataclass(frozen=True)
class ReportedExperiment:
    """Settings of an experiment that its report describes.

    Attributes
    ----------
    views : ViewSettings, optional
        What networks see; None: the images of `render`, alone.
    render, network, intensity : str
    folds, repeats : int
    training : Recipe
    augmentation : Augmentation
    attribution : AttributionSettings
    sweep : mapping, optional
        Settings that were compared; None where nothing was.
    """

    views: ViewSettings | None
    render: str
    network: str
    intensity: str
    folds: int
    repeats: int
    training: Recipe
    augmentation: Augmentation
    attribution: AttributionSettings
    sweep: Mapping[str, Any] | None

    @property
    def network_name(self) -> str:
        """Architecture of its networks, of each view where they differ."""
        return named(self.views.networks(self.network)) if self.views else self.network

    @classmethod
    def of(cls, experiment: Mapping[str, Any]) -> ReportedExperiment:
        """From all settings of an experiment as plain values; those that no report describes are left out."""
        own = {field.name for field in fields(cls)}
        return typed(cls, {name: value for name, value in experiment.items() if name in own})


@dataclass(frozen=True)
class ReportSettings:
    """Settings of a run that its reports describe.

    Attributes
    ----------
    seed : int
    drift : DriftSettings
    quality : QualitySettings
    nuclei : NucleiSettings
    renders : dict of str to Render
    """

    seed: int
    drift: DriftSettings
    quality: QualitySettings
    nuclei: NucleiSettings
    renders: dict[str, Render]
