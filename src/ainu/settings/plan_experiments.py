"""The plan of the experiments: their samples, trainings, sweeps, learning studies and controls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ainu.images.blur import levels_of_blur
from ainu.networks.seen import ViewSettings
from ainu.settings.plan_shards import ShardPlan
from ainu.settings.sweep import runs_of
from ainu.typed import plain

MODEL_FILES = ("model.safetensors", "model.json")
"""Of a model that predicts."""


@dataclass(frozen=True, eq=False)
class ExperimentPlan(ShardPlan):
    """What the jobs of an experiment read and need to know.

    Attributes
    ----------
    settings : Settings
        Config and sheet, checked.
    """

    def samples_of(self, experiment: str) -> list[str]:
        """Samples that an experiment trains on."""
        return self.settings.samples_of(experiment)

    def dataset_rows(self, samples: Iterable[str]) -> list[dict[str, str]]:
        """What a dataset has to know of its samples."""
        return self._columns(samples, "sample", "shard", "replicate", "batch", "label")

    def leakage_rows(self, samples: Iterable[str]) -> list[dict[str, str]]:
        """What the check for duplicate recordings has to know of samples."""
        return self._columns(samples, "sample", "replicate", "label", "role")

    def _columns(self, samples: Iterable[str], *names: str) -> list[dict[str, str]]:
        rows = (self.settings.rows(sample)[0] for sample in samples)
        return [{name: row[name] for name in names} for row in rows]

    def models_of(self, experiment: str | None) -> list[str]:
        """Folders of all models of an experiment; none where there is none."""
        if not experiment:
            return []
        own = self.experiment(experiment)
        return [
            f"results/experiments/{experiment}/models/repeat{repeat}-fold{fold}"
            for repeat in range(own.repeats)
            for fold in range(own.folds)
        ]

    def model_files(self, experiment: str) -> list[str]:
        """Files of all models of an experiment that a prediction depends on."""
        return [f"{folder}/{name}" for folder in self.models_of(experiment) for name in MODEL_FILES]

    def histories(self, experiment: str) -> list[str]:
        """How the trainings of an experiment went."""
        return [f"{folder}/history.tsv" for folder in self.models_of(experiment)]

    def design(self, experiment: str) -> dict[str, Any]:
        """What an experiment says of its networks."""
        return plain(self.experiment(experiment).design)

    def initial_files(self, experiment: str) -> list[str]:
        """Models and folds of the experiment that the initial weights come from, or the file of weights, if any."""
        own = self.experiment(experiment)
        if own.transfer.mode == "scratch":
            return []
        if own.init_from:
            return [*self.model_files(own.init_from), f"results/experiments/{own.init_from}/folds.tsv"]
        return [own.transfer.weights] if own.transfer.weights else []

    def initial_folders(self, experiment: str) -> list[str]:
        """Folders of the models that the initial weights come from, if any."""
        return self.models_of(self.experiment(experiment).init_from)

    @cached_property
    def runs(self) -> dict[str, list[str]]:
        """Runs of each experiment with a sweep."""
        entries = self.config.experiments.items()
        return {name: list(runs_of(name, plain(own))) for name, own in entries if own.sweep is not None}

    @cached_property
    def sweep_of(self) -> dict[str, str]:
        """The experiment whose sweep a run is of."""
        return {run: name for name, runs in self.runs.items() for run in runs}

    @property
    def reported(self) -> list[str]:
        """Experiments that get a report: those without a sweep that are no run of one."""
        return [name for name in self.config.experiments if name not in self.runs and name not in self.sweep_of]

    @property
    def studies(self) -> list[str]:
        """Experiments with a learning study."""
        return [name for name, own in self.config.experiments.items() if own.study is not None]

    def inner_folds_of(self, run: str) -> int:
        """Inner folds by which a run's sweep chooses."""
        sweep = self.experiment(self.sweep_of[run]).sweep
        return sweep.inner_folds if sweep else 0

    def run_files(self, run: str) -> dict[str, Any]:
        """What is compared of a run: predictions, a model, its speed, and inner predictions where its sweep chooses."""
        inner = range(self.inner_folds_of(run))
        return {
            "predictions": f"results/experiments/{run}/predictions.tsv",
            "model": f"{self.models_of(run)[0]}/model.json",
            "speed": f"results/benchmarks/train/{run}/repeat0-fold0.speed.json",
            "inner": [
                f"results/experiments/{run}/inner/{Path(folder).name}/inner{k}.tsv"
                for folder in self.models_of(run)
                for k in inner
            ],
        }

    def compared_runs(self, experiment: str) -> dict[str, dict[str, Any]]:
        """What is compared of each run of an experiment with a sweep."""
        return {run: self.run_files(run) for run in self.runs[experiment]}

    def compared_files(self, experiment: str) -> list[str]:
        """The same files as one list."""
        files = [files for run in self.compared_runs(experiment).values() for files in run.values()]
        return [file for one in files for file in ([one] if isinstance(one, str) else one)]

    def study_tables(self, experiment: str) -> list[str]:
        """The trainings of an experiment's learning study."""
        own = self.experiment(experiment)
        study = own.study
        if study is None:
            return []
        start = own.init_from or own.transfer.weights
        modes = study.modes or (("finetune", "frozen", "scratch") if start else ("scratch",))
        return [
            f"results/experiments/{experiment}/study/{mode}-{size}-draw{draw}.tsv"
            for draw in range(study.draws)
            for mode in modes
            for size in study.sizes
        ]

    def control_network(self, experiment: str) -> str:
        """Architecture of an experiment's control networks."""
        own = self.experiment(experiment)
        return own.audit.network or own.network_name

    def same_network(self, experiment: str) -> bool:
        """Whether an experiment's control networks are of its own architecture."""
        return self.control_network(experiment) == self.experiment(experiment).network_name

    def controls_of(self, experiment: str) -> list[str]:
        """What control networks are trained on: what the audit asks for, and the untouched images to compare with."""
        own = self.experiment(experiment)
        counted = self.config.renders[own.render].kernel == "count"
        asked = [control for control in own.audit.networks if counted or control == "outline"]
        if own.audit.resolution_networks and own.audit.resolution and counted:
            asked += [blur.control for blur in levels_of_blur(own.audit.resolution)[1:]]
        other = not self.same_network(experiment)
        return [*(["unchanged"] if other and (asked or own.audit.network_permutations) else []), *asked]

    def control_tables(self, experiment: str) -> list[str]:
        """Predictions of the control networks, a file per fold of the first repeat."""
        folds = range(self.experiment(experiment).folds) if self.controls_of(experiment) else ()
        return [f"results/experiments/{experiment}/controls/fold{fold}.tsv" for fold in folds]

    def blurred_features(self, experiment: str) -> list[str]:
        """Hand-made features of blurred nuclei, where the resolution of an experiment is audited."""
        asked = self.experiment(experiment).audit.resolution
        return self.shard_files("blurred_features", self.samples_of(experiment)) if asked else []

    def blurred_models(self, experiment: str) -> list[str]:
        """Folders of the models that are asked on blurred nuclei: those of the first repeat."""
        own = self.experiment(experiment)
        return self.models_of(experiment)[: own.folds] if own.audit.resolution else []

    def blurred_model_files(self, experiment: str) -> list[str]:
        """Files of the models that are asked on blurred nuclei."""
        return [f"{folder}/{name}" for folder in self.blurred_models(experiment) for name in MODEL_FILES]

    def retrained_tables(self, experiment: str) -> list[str]:
        """Predictions of the control networks, where they are trained on blurred nuclei, too."""
        return self.control_tables(experiment) if self.experiment(experiment).audit.resolution_networks else []

    @cached_property
    def blur_levels_nm(self) -> list[float]:
        """Jitters at which features are measured, of all experiments that are reported."""
        return sorted({float(nm) for name in self.reported for nm in self.experiment(name).audit.resolution})

    def permuted_tables(self, experiment: str) -> list[str]:
        """Predictions of the networks that were trained on permuted labels."""
        draws = range(self.experiment(experiment).audit.network_permutations)
        return [f"results/experiments/{experiment}/permuted/draw{draw}.tsv" for draw in draws]

    def control_design(self, experiment: str) -> dict[str, Any]:
        """What is said of an experiment's control networks: another architecture starts from random weights."""
        own = self.experiment(experiment).design
        if self.same_network(experiment):
            return plain(own)
        network, transfer = self.control_network(experiment), replace(own.transfer, mode="scratch", weights=None)
        return plain(replace(own, network=network, views=_without_networks(own.views), transfer=transfer))

    def control_initial_files(self, experiment: str) -> list[str]:
        """Files that the initial weights of the control networks come from, if any."""
        return self.initial_files(experiment) if self.same_network(experiment) else []

    def control_initial_folders(self, experiment: str) -> list[str]:
        """Folders of the models that the initial weights of the control networks come from, if any."""
        return self.initial_folders(experiment) if self.control_initial_files(experiment) else []

    def mask_files(self, experiment: str) -> list[str]:
        """The nuclei files that hold the outlines, where a control network sees these."""
        asked = "outline" in self.controls_of(experiment)
        return self.shard_files("nuclei", self.samples_of(experiment)) if asked else []


def _without_networks(views: ViewSettings | None) -> ViewSettings | None:
    """Views whose networks are those of the experiment."""
    if views is None:
        return None
    detail = replace(views.detail, network=None) if views.detail else None
    context = replace(views.context, network=None) if views.context else None
    return replace(views, detail=detail, context=context)
