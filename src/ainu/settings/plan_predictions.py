"""The plan of predictions: who predicts, and the samples that no model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ainu.errors import AinuError
from ainu.prediction.bundle import fitting_render, listed_files, read_info, verify
from ainu.settings.config import Experiment
from ainu.settings.plan_experiments import ExperimentPlan
from ainu.typed import plain


@dataclass(frozen=True)
class Predictor:
    """Who predicts: an experiment of this run, or packed models.

    Attributes
    ----------
    classes, channels : tuple of str
    render : str
        Of the whole-nucleus images.
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    render: str

    @classmethod
    def of(cls, experiment: Experiment) -> Predictor:
        """An experiment of this run."""
        return cls(experiment.classes, experiment.channels, experiment.render)


@dataclass(frozen=True, eq=False)
class PredictionPlan(ExperimentPlan):
    """What the jobs that predict read and need to know.

    Attributes
    ----------
    settings : Settings
        Config and sheet, checked.
    """

    @cached_property
    def bundles(self) -> dict[str, dict[str, Any]]:
        """What each of the packed models that the config names says of itself."""
        return {name: read_info(folder) for name, folder in self.config.predict.models.items()}

    @cached_property
    def predictors(self) -> dict[str, Predictor]:
        """Whoever predicts: experiments, runs of sweeps among them, and packed models."""
        found = {name: Predictor.of(own) for name, own in self.config.experiments.items()}
        renders = plain(self.config.renders)
        for name, info in self.bundles.items():
            found[name] = Predictor(tuple(info["classes"]), tuple(info["channels"]), str(fitting_render(info, renders)))
        return found

    @property
    def predicting(self) -> list[str]:
        """Who predicts in every run. Runs of a sweep do not: choosing among them would use up the held-out test set."""
        return [name for name in self.predictors if name not in self.runs and name not in self.sweep_of]

    def check_bundles(self) -> None:
        """Whether packed models are whole and have samples to predict; their digests take a second.

        Raises
        ------
        AinuError
            One is not, or has none.
        """
        for name, folder in self.config.predict.models.items():
            try:
                verify(folder)
            except AinuError as error:
                raise AinuError(f"config: predict.models.{name}: {error}") from None
            if not self.unseen_samples(name):
                raise AinuError(
                    f"config: predict.models.{name}: no sample to predict in {self.config.samples}; needed: a row with "
                    f"an empty label, or of role test, with the channels {', '.join(self.predictors[name].channels)}"
                )

    def unseen_samples(self, predictor: str) -> list[str]:
        """Samples to predict that no model was trained on: unlabelled ones and those of role `test`."""
        own = self.predictors[predictor]
        return [
            sample
            for sample in dict.fromkeys(self.settings.samples["sample"])
            if self._is_unseen(sample, own.classes)
            and {name for row in self.settings.rows(sample) for name in channel_names(row)} >= set(own.channels)
        ]

    def _is_unseen(self, sample: str, classes: Sequence[str]) -> bool:
        label, role = (self.settings.rows(sample)[0][key] for key in ("label", "role"))
        return label == "" or (role == "test" and label in classes)

    def held_out_samples(self, experiment: str) -> list[str]:
        """Samples of the held-out test set (role `test`) of an experiment's classes."""
        return [sample for sample in self.unseen_samples(experiment) if self.settings.rows(sample)[0]["label"]]

    def held_out_and_trained(self, experiment: str) -> list[str]:
        """Samples of an experiment, and its held-out test set: no recording may be in both."""
        return [*self.samples_of(experiment), *self.held_out_samples(experiment)]

    def held_out_score(self, experiment: str) -> list[str]:
        """The score of the held-out test set, where there is one."""
        return [f"results/experiments/{experiment}/hold_out.json"] if self.held_out_samples(experiment) else []

    def compared_samples(self, predictor: str) -> list[str]:
        """Samples to predict that are compared with those of the training: an experiment's held-out test set."""
        return [] if predictor in self.bundles else self.held_out_samples(predictor)

    def bundle_folder(self, predictor: str) -> str:
        """Where the packed models are."""
        return self.config.predict.models.get(predictor, f"results/experiments/{predictor}/ainu-model")

    def bundle_files(self, predictor: str) -> list[str]:
        """What a prediction depends on: every file of packed models that are there, or the folder that will be made."""
        folder = self.bundle_folder(predictor)
        if predictor in self.bundles:
            return [f"{folder}/{file}" for file in listed_files(self.bundles[predictor])]
        return [folder]

    def preparation(self) -> dict[str, Any]:
        """How nuclei are prepared, which packed models remember."""
        return {key: plain(getattr(self.config, key)) for key in ("drift", "quality", "nuclei")}

    def new_predictions(self) -> list[str]:
        """Predictions of samples that no model was trained on."""
        return [f"results/predictions/{name}.tsv" for name in self.predicting if self.unseen_samples(name)]

    def new_predictions_of(self, experiment: str) -> list[str]:
        """Those by an experiment, where there are any."""
        own = f"results/predictions/{experiment}.tsv"
        return [own] if own in self.new_predictions() else []

    def dataset_files(self, predictor: str, samples: Sequence[str]) -> dict[str, list[str]]:
        """Files that a dataset is put together from: images and, unless these are densities, localizations."""
        render = self.predictors[predictor].render
        counted = self.config.renders[render].kernel == "count"
        stages = {"voxels": f"voxels/{render}"} | ({"grids": "voxels/views"} if counted else {})
        return {name: self.shard_files(stage, samples) for name, stage in stages.items()}


def channel_names(row: dict[str, str]) -> list[str]:
    """Names of the channels of a row of the sheet."""
    return [pair.rpartition(":")[2] for pair in row["channels"].split(",")]
