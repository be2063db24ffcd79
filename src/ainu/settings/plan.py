"""What a run makes, and of which files: the plan that the rules of the workflow look up, without Snakemake itself.

Paths are those of design: relative to the working directory, below `results/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ainu.errors import AinuError
from ainu.networks.catalogue import POINT_NETWORKS
from ainu.prediction.bundle import fitting_render, listed_files, read_info, verify
from ainu.quality.spot_widths import filtered_columns
from ainu.settings.check import Settings
from ainu.settings.config import Config, Experiment
from ainu.settings.sweep import runs_of
from ainu.typed import plain

SIMULATED = "results/simulated/"
RECORD = "results/provenance/ro-crate-metadata.json"


@dataclass(frozen=True, eq=False)
class Plan:
    """The files and parameters of all jobs.

    Attributes
    ----------
    settings : Settings
        Config and sheet, checked.
    """

    settings: Settings

    @property
    def config(self) -> Config:
        """The checked config."""
        return self.settings.config

    def experiment(self, name: str) -> Experiment:
        """Settings of an experiment."""
        return self.settings.experiment(name)

    # --- shards: the samples that one job works on, up to `voxelize` -------------------------------------------------

    def samples_of_shard(self, shard: str) -> list[str]:
        """Samples of a shard."""
        return list(self.settings.shards[shard])

    def read_rows(self, shard: str) -> dict[str, list[dict[str, str]]]:
        """What `ingest` needs of the sheet, by sample: no file is read again because its label or batch was edited."""
        needed = ("path", "format", "pixel_size_nm", "channels", "columns")
        return {
            sample: [{key: row[key] for key in needed} for row in self.settings.rows(sample)]
            for sample in self.settings.shards[shard]
        }

    def localization_files(self, shard: str) -> list[str]:
        """Files that a shard's samples are read from."""
        rows = (row for sample in self.settings.shards[shard] for row in self.settings.rows(sample))
        return [file for row in rows for file in with_sidecar(row["path"])]

    def bead_tables(self) -> list[str]:
        """The table of beads by which channels are aligned, if any."""
        alignment = self.config.ingest.alignment
        return [alignment.bead_table] if alignment and alignment.bead_table else []

    def ingest_settings(self) -> dict[str, Any]:
        """What `ingest` needs of the config; what becomes of a file that cannot be read is decided by `assemble`."""
        return {key: value for key, value in plain(self.config.ingest).items() if key != "on_bad_file"}

    def columns_to_keep(self) -> list[str]:
        """Columns without which a file cannot be used."""
        return [str(self.config.nuclei.column)] if self.config.nuclei.method == "column" else []

    def columns_to_filter(self) -> list[str]:
        """Columns that quality filters need, where a file has them."""
        return list(filtered_columns(self.config.quality))

    def nuclei_settings(self) -> dict[str, Any]:
        """What `find_nuclei` needs of the config, beside the ROIs."""
        return {key: value for key, value in plain(self.config.nuclei).items() if key != "roi_pixel_nm"}

    def rois(self, shard: str) -> dict[str, tuple[str, float]]:
        """ROI file or label image of each sample of a shard that has one, with the pixel (nm) of the image."""
        if self.config.nuclei.method not in ("roi", "labels"):
            return {}
        drawn_on, camera = self.config.nuclei.roi_pixel_nm, self.config.ingest.pixel_size_nm
        rows = [row for sample in self.settings.shards[shard] for row in self.settings.rows(sample) if row["roi"]]
        return {row["sample"]: (row["roi"], float(drawn_on or row["pixel_size_nm"] or camera or 0)) for row in rows}

    def shard_files(self, stage: str, samples: Iterable[str]) -> list[str]:
        """The files of a stage that hold the given samples."""
        shards = dict.fromkeys(self.settings.rows(sample)[0]["shard"] for sample in samples)
        return [f"results/{stage}/{shard}.h5" for shard in shards]

    def all_shard_files(self, stage: str) -> list[str]:
        """The files of a stage, of all shards."""
        return [f"results/{stage}/{shard}.h5" for shard in self.settings.shards]

    def shard_file_of(self, stage: str, samples: Iterable[str]) -> dict[str, str]:
        """The file of a stage that holds each of the samples."""
        return {sample: f"results/{stage}/{self.settings.rows(sample)[0]['shard']}.h5" for sample in samples}

    def simulated_rows(self) -> list[dict[str, str]]:
        """Rows of the sheet whose files are simulated: the demo's raw data."""
        table = self.settings.samples
        own = table.loc[table["path"].str.startswith(SIMULATED), ["sample", "path", "label", "replicate"]]
        return [{str(name): str(cell) for name, cell in row.items()} for row in own.to_dict("records")]

    # --- experiments: datasets and trainings --------------------------------------------------------------------------

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

    def dataset_files(self, predictor: str, samples: Sequence[str]) -> dict[str, list[str]]:
        """Files that a dataset is put together from: voxels and, where its networks read localizations, these."""
        own = self.predictors[predictor]
        stages = {"voxels": f"voxels/{own.render}"}
        if own.network in POINT_NETWORKS or own.augmentation_level == "localizations":
            stages |= {"raw": "localizations", "drift": "drift", "quality": "quality", "nuclei": "nuclei"}
        return {name: self.shard_files(stage, samples) for name, stage in stages.items()}

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
        names = ("model.safetensors", "model.json")
        return [f"{folder}/{name}" for folder in self.models_of(experiment) for name in names]

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

    # --- sweeps and learning studies ----------------------------------------------------------------------------------

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

    # --- audits -------------------------------------------------------------------------------------------------------

    def control_network(self, experiment: str) -> str:
        """Architecture of an experiment's control networks."""
        own = self.experiment(experiment)
        return own.audit.network or own.network

    def controls_of(self, experiment: str) -> list[str]:
        """What control networks are trained on: what the audit asks for, and the untouched images to compare with."""
        own = self.experiment(experiment)
        counted = self.config.renders[own.render].kernel == "count"
        asked = [control for control in own.audit.networks if counted or control != "equal_counts"]
        other = self.control_network(experiment) != own.network
        return [*(["unchanged"] if other and (asked or own.audit.network_permutations) else []), *asked]

    def control_tables(self, experiment: str) -> list[str]:
        """Predictions of the control networks, a file per fold of the first repeat."""
        folds = range(self.experiment(experiment).folds) if self.controls_of(experiment) else ()
        return [f"results/experiments/{experiment}/controls/fold{fold}.tsv" for fold in folds]

    def permuted_tables(self, experiment: str) -> list[str]:
        """Predictions of the networks that were trained on permuted labels."""
        draws = range(self.experiment(experiment).audit.network_permutations)
        return [f"results/experiments/{experiment}/permuted/draw{draw}.tsv" for draw in draws]

    def control_design(self, experiment: str) -> dict[str, Any]:
        """What is said of an experiment's control networks: another architecture starts from random weights."""
        own, network = self.design(experiment), self.control_network(experiment)
        if network == own["network"]:
            return own
        return own | {"network": network, "transfer": own["transfer"] | {"mode": "scratch", "weights": None}}

    def control_initial_files(self, experiment: str) -> list[str]:
        """Files that the initial weights of the control networks come from, if any."""
        same = self.control_network(experiment) == self.experiment(experiment).network
        return self.initial_files(experiment) if same else []

    def control_initial_folders(self, experiment: str) -> list[str]:
        """Folders of the models that the initial weights of the control networks come from, if any."""
        return self.initial_folders(experiment) if self.control_initial_files(experiment) else []

    def mask_files(self, experiment: str) -> list[str]:
        """The nuclei files that hold the outlines, where a control network sees these."""
        asked = "outline" in self.controls_of(experiment)
        return self.shard_files("nuclei", self.samples_of(experiment)) if asked else []

    # --- prediction of samples that no model was trained on -----------------------------------------------------------

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
            level = info["augmentation"]["level"]
            found[name] = Predictor(
                tuple(info["classes"]),
                tuple(info["channels"]),
                str(fitting_render(info, renders)),
                info["network"],
                level,
            )
        return found

    @property
    def predicting(self) -> list[str]:
        """Who predicts unasked. Runs of a sweep do not: they would use up the held-out test set by choosing."""
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

    # --- attribution --------------------------------------------------------------------------------------------------

    def attribution_settings(self, experiment: str) -> dict[str, Any]:
        """What an experiment says of its attribution."""
        return plain(self.experiment(experiment).attribution)

    def explained_samples(self, experiment: str, shard: str) -> list[str]:
        """Samples of a shard that an experiment explains."""
        own = self._explained[experiment]
        return [sample for sample in self.settings.shards[shard] if sample in own]

    @cached_property
    def _explained(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(self.samples_of(name)) for name in self.config.experiments}

    def explained_tables(self, experiment: str) -> list[str]:
        """Tables of localizations with their attribution."""
        folder = f"experiments/{experiment}/attribution/localizations"
        return self.shard_files(folder, self.samples_of(experiment))

    def clustering_files(self, experiments: Iterable[str]) -> list[str]:
        """How the localizations that matter lie, of those of the given experiments that explain anything."""
        explained = [name for name in experiments if self.config.experiments[name].attribution.methods != ()]
        return [f"results/experiments/{name}/attribution/gathering.json" for name in explained]

    def voxel_nm(self, experiment: str) -> float:
        """Edge of a voxel, nm, of the images that an experiment sees."""
        return self.config.renders[self.experiment(experiment).render].voxel_nm

    def ground_truth_files(self, experiment: str) -> list[str]:
        """The comparison with the ground truth, where all samples of an experiment are simulated."""
        rows = [row for sample in self.samples_of(experiment) for row in self.settings.rows(sample)]
        simulated = all(row["path"].startswith(SIMULATED) for row in rows)
        return [f"results/experiments/{experiment}/attribution/truth.json"] if simulated else []

    # --- the run as a whole -------------------------------------------------------------------------------------------

    def stages_beside_qc(self) -> list[str]:
        """Files of the stages after the nuclei or beside them, which say what became of each sample there."""
        found = []
        for name in [name for name in self.config.experiments if name not in self.runs]:
            samples = self.samples_of(name)
            found += [*self.dataset_files(name, samples)["voxels"], *self.shard_files("fingerprints", samples)]
            found += self.shard_files("features", samples) if name not in self.sweep_of else []
        for name in self.predicting:
            found += self.dataset_files(name, self.unseen_samples(name))["voxels"]
        return list(dict.fromkeys(found))

    def exported(self) -> list[str]:
        """The tables and images that the config asks for, a folder per format (and render) and shard."""
        formats, shards = self.config.export.formats, self.settings.shards
        tables = [name for name in formats if name != "ome_tiff"]
        renders = self.config.renders if "ome_tiff" in formats else ()
        return [
            *(f"results/export/{name}/{shard}" for name in tables for shard in shards),
            *(f"results/export/ome_tiff/{render}/{shard}" for render in renders for shard in shards),
        ]

    def targets(self) -> list[str]:
        """What a run makes, but for its record."""
        return [
            "results/qc/summary.tsv",
            *(f"results/experiments/{name}/report.html" for name in self.reported),
            *self.clustering_files(self.reported),
            *self.new_predictions(),
            *(f"results/experiments/{name}/sweep.tsv" for name in self.runs),
            *(f"results/experiments/{name}/study.tsv" for name in self.studies),
            *self.exported(),
        ]

    def files_read(self) -> list[str]:
        """Files that a run reads and does not make: sheet, localization files, outlines, beads, weights and models."""
        found: list[str | None] = [self.config.samples, *self.bead_tables(), *self.settings.samples["roi"]]
        found += [file for path in self.settings.samples["path"] for file in with_sidecar(path)]
        found += [own.transfer.weights for own in self.config.experiments.values()]
        found += [file for name in self.bundles for file in self.bundle_files(name)]
        return sorted({file for file in found if file and not file.startswith(SIMULATED)})

    def report_settings(self) -> dict[str, Any]:
        """What a report says of the preparation."""
        return {key: plain(getattr(self.config, key)) for key in ("seed", "drift", "quality", "nuclei", "renders")}


@dataclass(frozen=True)
class Predictor:
    """Who predicts: an experiment of this run, or packed models.

    Attributes
    ----------
    classes, channels : tuple of str
    render, network : str
    augmentation_level : str
        "voxels" or "localizations".
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    render: str
    network: str
    augmentation_level: str

    @classmethod
    def of(cls, experiment: Experiment) -> Predictor:
        """An experiment of this run."""
        return cls(
            experiment.classes,
            experiment.channels,
            experiment.render,
            experiment.network,
            experiment.augmentation.level,
        )


def with_sidecar(path: str) -> list[str]:
    """A localization file and, for Picasso's, the YAML beside it where there is one or will be one."""
    if not path.endswith((".hdf5", ".h5")):
        return [path]
    sidecar = Path(path).with_suffix(".yaml")
    return [path, str(sidecar)] if path.startswith(SIMULATED) or sidecar.exists() else [path]


def channel_names(row: dict[str, str]) -> list[str]:
    """Names of the channels of a row of the sheet."""
    return [pair.rpartition(":")[2] for pair in row["channels"].split(",")]
