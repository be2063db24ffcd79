"""Settings of a training. This module needs no torch, so that settings can be checked without it."""

from __future__ import annotations

from dataclasses import dataclass

from ainu.images.augmentation import Augmentation
from ainu.networks.view_settings import ViewSettings


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: the config's `training`.

    Attributes
    ----------
    steps, batch_size : int
        Most steps, and how many crops or nuclei one takes.
    optimizer : str
        "adamw", "adam" or "sgd" (with Nesterov's momentum).
    learning_rate, weight_decay : float
        Highest rate of the one-cycle schedule, and decay of the weights.
    validation_fraction : float
        Share of the training replicates held back to choose the best step; 0: none, and all steps are taken.
    patience : int
        Checks, of which there are twenty in all steps, without a lower validation loss after which training stops.
    clip : float
        Gradient-norm clipping threshold.
    ema : float
        Decay of the moving average of the weights that is kept instead of the weights; 0: the weights are kept.
    label_smoothing : float
        Probability that the wanted output leaves to the other classes.
    class_weights : bool
        Whether a step draws from all classes alike, however rare; else from all nuclei alike.
    precision : str
        "float32", "bfloat16" (mixed), or "auto", as `precision.arithmetic` decides.
    compile : bool
        Whether to compile the network: minutes at first, faster steps then.
    memory_gb : float
        Images and localizations that take more are read from a temporary file.
    threads : int
        CPU threads; the same number gives the same weights.
    device : str
        "auto" (a GPU where there is one), "cpu" or "cuda".
    """

    steps: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    validation_fraction: float
    patience: int
    clip: float
    ema: float
    label_smoothing: float
    class_weights: bool
    precision: str
    compile: bool
    memory_gb: float
    threads: int
    device: str


@dataclass(frozen=True)
class Transfer:
    """What becomes of initial weights: the config's `transfer`.

    Attributes
    ----------
    mode : str
        "finetune": all weights move; "frozen": only the last layer does; "scratch": initial weights are not used.
    layer_decay : float
        Factor of the learning rate from each stage of the network to the one before it; 1: the same rate everywhere.
    weights : str, optional
        File of weights (.safetensors) to start from where there is no experiment to start from.
    """

    mode: str
    layer_decay: float
    weights: str | None


@dataclass(frozen=True)
class Design:
    """How an experiment designs its networks: which classes they distinguish, what they see, how they are trained.

    Attributes
    ----------
    classes : tuple of str
        In the order of the network's outputs.
    network : str
        A name in `networks.catalogue.CATALOGUE`.
    views : ViewSettings, optional
        What networks see of a nucleus; None: the whole image, alone.
    intensity : str
        What a network sees of the counts, as `networks.model.normalise` takes it.
    training : Recipe
    augmentation : Augmentation
    transfer : Transfer
    """

    classes: tuple[str, ...]
    network: str
    views: ViewSettings | None
    intensity: str
    training: Recipe
    augmentation: Augmentation
    transfer: Transfer
