"""The checked config as frozen dataclasses: each stage's own settings, and what only the plan of a run needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ainu.attribution.settings import AttributionSettings
from ainu.drift.settings import DriftSettings
from ainu.evaluation.settings import AuditSettings
from ainu.images.augmentation import Augmentation
from ainu.images.settings import Render
from ainu.localizations.settings import IngestSettings
from ainu.networks.seen import ViewSettings, named
from ainu.nuclei.settings import NucleiSettings
from ainu.quality.settings import QualitySettings
from ainu.training.recipe import Design, Recipe, Transfer


@dataclass(frozen=True)
class Sweep:
    """Runs of an experiment that are compared.

    Attributes
    ----------
    over : dict of str to tuple
        Dotted keys of the experiment and the values to try; every combination is one run.
    inner_folds : int
        Inner folds by which a run is chosen within each fold; 0 compares only.
    """

    over: dict[str, tuple[Any, ...]]
    inner_folds: int


@dataclass(frozen=True)
class Study:
    """A learning study: accuracy against the number of training nuclei.

    Attributes
    ----------
    sizes : tuple of int or "all"
        Training nuclei of each class.
    draws : int
        How often nuclei are drawn for each size.
    modes : tuple of str, optional
        Where the weights start, as in `transfer.mode`; None: every way that the experiment has weights for.
    """

    sizes: tuple[int | str, ...]
    draws: int
    modes: tuple[str, ...] | None


@dataclass(frozen=True)
class Experiment:
    """An entry under `experiments`, every key filled.

    Attributes
    ----------
    classes, channels : tuple of str
        In the order of the network's outputs, and of the channels of its images.
    views : ViewSettings, optional
        What networks see; None: the images of `render`, alone.
    render, network, intensity : str
        `render` names the whole-nucleus images: those of the context where there are views.
    clipped_share : float
        Largest share of the localizations that the canvas of whole nuclei may cut off.
    folds, repeats : int
    training : Recipe
    augmentation : Augmentation
    transfer : Transfer
    audit : AuditSettings
    attribution : AttributionSettings
    init_from : str, optional
        The experiment whose models give the initial weights.
    sweep : Sweep, optional
        The experiment itself is not trained where it has one.
    study : Study, optional
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    views: ViewSettings | None
    render: str
    network: str
    intensity: str
    clipped_share: float
    folds: int
    repeats: int
    training: Recipe
    augmentation: Augmentation
    transfer: Transfer
    audit: AuditSettings
    attribution: AttributionSettings
    init_from: str | None
    sweep: Sweep | None
    study: Study | None

    @property
    def network_name(self) -> str:
        """Architecture of its networks, of each view where they differ."""
        return named(self.views.networks(self.network)) if self.views else self.network

    @property
    def design(self) -> Design:
        """What it says of its networks."""
        own = (self.classes, self.network, self.views, self.intensity)
        return Design(*own, self.training, self.augmentation, self.transfer)


@dataclass(frozen=True)
class PredictSettings:
    """The config's `predict`.

    Attributes
    ----------
    coverage : float
        Share of nuclei whose conformal prediction set is to hold the true class.
    ood_quantile : float
        Share of the training nuclei that are not called out of distribution when held out.
    models : dict of str to str
        Folders of models packed elsewhere, by name.
    """

    coverage: float
    ood_quantile: float
    models: dict[str, str]


@dataclass(frozen=True)
class ExportSettings:
    """The config's `export`.

    Attributes
    ----------
    formats : tuple of str
        Of "picasso", "thunderstorm" and "ome_tiff".
    """

    formats: tuple[str, ...]


@dataclass(frozen=True)
class Config:
    """The whole config, every key filled.

    Attributes
    ----------
    samples : str
        Path of the sample sheet.
    seed : int
    shard_size : int or "auto"
    channels : tuple of str
        Of the images, in their order.
    ingest : IngestSettings
    drift : DriftSettings
    quality : QualitySettings
    nuclei : NucleiSettings
    renders : dict of str to Render
    experiments : dict of str to Experiment
        With the runs of those that have a sweep.
    predict : PredictSettings
    export : ExportSettings
    strict : bool
        Whether a sample that nothing uses is an error.
    """

    samples: str
    seed: int
    shard_size: int | str
    channels: tuple[str, ...]
    ingest: IngestSettings
    drift: DriftSettings
    quality: QualitySettings
    nuclei: NucleiSettings
    renders: dict[str, Render]
    experiments: dict[str, Experiment]
    predict: PredictSettings
    export: ExportSettings
    strict: bool
