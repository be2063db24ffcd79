"""What was done in training, as `model.json` and `metrics.json` say it; sentences about it come from here alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ainu.images.augmentation import Augmentation
from ainu.networks.seen import named
from ainu.prose import listed
from ainu.report.settings import ReportedExperiment
from ainu.report.sources import JsonObject
from ainu.report.text import counted
from ainu.training.recipe import Recipe
from ainu.typed import typed


@dataclass(frozen=True)
class Recorded:
    """What the writers of the results say was done.

    Attributes
    ----------
    network : str
        Architecture, of each view where they differ.
    intensity : str
        How counts became what networks see.
    training : Recipe
    augmentation : Augmentation
    frozen : bool
        Only the last layer was trained.
    starts : tuple of mapping, optional
        Where the initial weights of each network come from; None for random ones.
    looks : int
        Evaluations of the held-out test set; 0 without one.
    """

    network: str
    intensity: str
    training: Recipe
    augmentation: Augmentation
    frozen: bool
    starts: tuple[JsonObject | None, ...]
    looks: int

    @property
    def start(self) -> str:
        """Where the initial weights come from: "random", or "from ..."."""
        taken = [own for own in self.starts if own]
        if not taken:
            return "random"
        sources = listed(sorted({_source(own) for own in taken}))
        some = "" if len(taken) == len(self.starts) else f" ({len(taken)} of {counted(len(self.starts), 'network')})"
        return f"from {sources}{some}{', of which only the last layer was trained' if self.frozen else ''}"

    @property
    def hold_out(self) -> str:
        """How often the held-out test set was evaluated: "evaluated once"; empty without one."""
        times = {0: "", 1: "evaluated once", 2: "evaluated twice"}
        return times.get(self.looks, f"evaluated {self.looks} times")


def _source(start: JsonObject) -> str:
    """What initial weights are those of, in words."""
    if "file" in start:
        return f"the file {start['file']}"
    return f"models of experiment {start['experiment']} that had not seen the held-out replicates"


def read_recorded(experiment: ReportedExperiment, models: Sequence[JsonObject], metrics: JsonObject) -> Recorded:
    """What was done, as the files say; the settings of the run stand in where no model was recorded.

    Parameters
    ----------
    experiment : ReportedExperiment
        Its settings.
    models : sequence of mapping
        `model.json` of each model.
    metrics : mapping
        `metrics.json`.

    Returns
    -------
    Recorded
    """
    first: Mapping[str, Any] = models[0] if models else {}
    settings = first.get("settings") or {}
    views = [own for info in models for own in (info.get("views") or {}).values()]
    networks = {view: own["network"] for view, own in (first.get("views") or {}).items()}
    return Recorded(
        network=named(networks) if networks else experiment.network_name,
        intensity=first.get("intensity", experiment.intensity),
        training=typed(Recipe, settings["training"]) if settings else experiment.training,
        augmentation=typed(Augmentation, settings["augmentation"]) if settings else experiment.augmentation,
        frozen=(settings.get("transfer") or {}).get("mode") == "frozen",
        starts=tuple(own.get("initial") for own in views),
        looks=int((metrics.get("test") or {}).get("looks") or 0),
    )
